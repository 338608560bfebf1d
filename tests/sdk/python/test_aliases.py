"""Aliases and regions through the SDK."""

import pytest

from sdk import Sdk, refused
from shapes import assert_shape


def target(sdk, alias):
    return sdk.call("DescribeKey", KeyId=alias)["KeyMetadata"]["KeyId"]


def test_an_alias_is_bound_moved_and_deleted(sdk):
    first, second = sdk.key(), sdk.key()
    assert_shape("CreateAlias", sdk.call("CreateAlias", AliasName="alias/life", KeyId=first))
    assert target(sdk, "alias/life") == first
    blob = sdk.call("Encrypt", KeyId="alias/life", Plaintext="aGVsbG8=")["CiphertextBlob"]
    assert_shape("UpdateAlias", sdk.call("UpdateAlias", AliasName="alias/life", KeyId=second))
    assert target(sdk, "alias/life") == second
    sdk.call("UpdateAlias", AliasName="alias/life", KeyId=second)
    assert_shape("DeleteAlias", sdk.call("DeleteAlias", AliasName="alias/life"))
    with refused("Forbidden.AliasNotFound", 404):
        target(sdk, "alias/life")
    # The blob knows its key, not the alias it was asked for by.
    assert sdk.call("Decrypt", CiphertextBlob=blob)["KeyId"] == first
    sdk.call("CreateAlias", AliasName="alias/life", KeyId=second)


def test_an_alias_is_bound_once_whatever_the_key(sdk):
    key = sdk.key()
    sdk.call("CreateAlias", AliasName="alias/taken", KeyId=key)
    for other in (key, sdk.key()):
        with refused("AliasAlreadyExists", 400):
            sdk.call("CreateAlias", AliasName="alias/taken", KeyId=other)
    assert target(sdk, "alias/taken") == key
    # Case counts.
    sdk.call("CreateAlias", AliasName="alias/Taken", KeyId=sdk.key())


def test_aliases_are_listed_by_name_page_by_page(own_daemon):
    sdk = Sdk.of(own_daemon)
    assert assert_shape("ListAliases", sdk.call("ListAliases"))["Aliases"] == {"Alias": []}
    account = own_daemon.credentials["AccountId"]
    key = sdk.key()
    names = [f"alias/list-{n:02}" for n in range(11)]
    for name in reversed(names):
        sdk.call("CreateAlias", AliasName=name, KeyId=key)
    pages = [assert_shape("ListAliases", sdk.call("ListAliases", PageNumber=n, PageSize=4)) for n in (1, 2, 3, 4)]
    assert [page["TotalCount"] for page in pages] == [11] * 4
    assert [(page["PageNumber"], page["PageSize"]) for page in pages] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    listed = [alias for page in pages for alias in page["Aliases"]["Alias"]]
    assert listed == [
        {"AliasArn": f"acs:kms:cn-hangzhou:{account}:{name}", "AliasName": name, "KeyId": key} for name in names
    ]


def test_the_aliases_of_one_key_are_listed_by_name_and_no_others(daemon, sdk):
    key, other = sdk.key(), sdk.key()
    assert assert_shape("ListAliasesByKeyId", sdk.call("ListAliasesByKeyId", KeyId=key))["Aliases"] == {"Alias": []}
    names = [f"alias/of-one/{n:02}" for n in range(7)]
    for name in reversed(names):
        sdk.call("CreateAlias", AliasName=name, KeyId=key)
    sdk.call("CreateAlias", AliasName="alias/of-one/other", KeyId=other)
    pages = [sdk.call("ListAliasesByKeyId", KeyId=key, PageNumber=n, PageSize=3) for n in (1, 2, 3, 4)]
    assert [page["TotalCount"] for page in pages] == [7] * 4
    listed = [alias for page in pages for alias in assert_shape("ListAliasesByKeyId", page)["Aliases"]["Alias"]]
    assert [alias["AliasName"] for alias in listed] == names
    assert {alias["KeyId"] for alias in listed} == {key}
    account = daemon.credentials["AccountId"]
    assert listed[0]["AliasArn"] == f"acs:kms:cn-hangzhou:{account}:{names[0]}"

    # An alias that is moved or deleted is not the key's any more.
    sdk.call("UpdateAlias", AliasName=names[0], KeyId=other)
    sdk.call("DeleteAlias", AliasName=names[1])
    left = sdk.call("ListAliasesByKeyId", KeyId=key)
    assert [alias["AliasName"] for alias in left["Aliases"]["Alias"]] == names[2:]
    with refused("Forbidden.KeyNotFound", 404):
        sdk.call("ListAliasesByKeyId", KeyId="00000000-0000-4000-8000-000000000000")
    with refused("Unsupported.Alias", 400):
        sdk.call("ListAliasesByKeyId", KeyId=names[2])


@pytest.mark.parametrize("length", [1, 255])
def test_the_shortest_and_the_longest_name_work(sdk, length):
    name = f"alias/{'a' * length}"
    sdk.call("CreateAlias", AliasName=name, KeyId=sdk.key())
    sdk.call("DeleteAlias", AliasName=name)


@pytest.mark.parametrize("name", [
    "life", "alias", "alias/", "Alias/x", "alias/a b", "alias/ä", "alias/a:b", "alias/acs/oss", f"alias/{'a' * 256}",
])
@pytest.mark.parametrize("action", ["CreateAlias", "UpdateAlias", "DeleteAlias"])
def test_a_name_that_can_not_be_is_refused(sdk, action, name):
    more = {} if action == "DeleteAlias" else {"KeyId": sdk.key()}
    with refused("InvalidParameter", 400, "AliasName"):
        sdk.call(action, AliasName=name, **more)


def test_what_is_not_there_is_not_found(sdk):
    nobody = "00000000-0000-4000-8000-000000000000"
    key = sdk.key()
    sdk.call("CreateAlias", AliasName="alias/there", KeyId=key)
    for action, parameters, code in (
        ("CreateAlias", {"AliasName": "alias/new", "KeyId": nobody}, "Forbidden.KeyNotFound"),
        ("UpdateAlias", {"AliasName": "alias/there", "KeyId": nobody}, "Forbidden.KeyNotFound"),
        ("UpdateAlias", {"AliasName": "alias/nobody", "KeyId": key}, "Forbidden.AliasNotFound"),
        ("DeleteAlias", {"AliasName": "alias/nobody"}, "Forbidden.AliasNotFound"),
    ):
        with refused(code, 404):
            sdk.call(action, **parameters)
    assert target(sdk, "alias/there") == key


@pytest.mark.parametrize("action", ["CreateAlias", "UpdateAlias"])
def test_an_alias_points_at_a_key_id_not_at_an_alias(sdk, action):
    sdk.call("CreateAlias", AliasName=f"alias/chain/{action}", KeyId=sdk.key())
    with refused("Unsupported.Alias", 400):
        sdk.call(action, AliasName=f"alias/chain/{action}", KeyId=f"alias/chain/{action}")


def test_missing_names_are_named(sdk):
    for action, parameters, name in (
        ("CreateAlias", {"KeyId": "x"}, "AliasName"),
        ("CreateAlias", {"AliasName": "alias/x"}, "KeyId"),
        ("UpdateAlias", {"AliasName": "alias/x"}, "KeyId"),
        ("DeleteAlias", {}, "AliasName"),
    ):
        with refused("MissingParameter", 400, f'"{name}"'):
            sdk.call(action, **parameters)


def test_regions_are_the_configured_ones(sdk):
    answer = assert_shape("DescribeRegions", sdk.call("DescribeRegions"))
    assert answer["Regions"]["Region"] == [{"RegionId": "cn-hangzhou"}]


def test_another_region_is_refused_by_name(daemon):
    credentials = daemon.credentials
    other = Sdk(daemon.endpoint, credentials["AccessKeyId"], credentials["AccessKeySecret"], "eu-central-1")
    with refused("InvalidParameter", 400, "RegionId"):
        other.call("ListKeys")
