"""ListKeys with filters, through the SDK."""

import json

import pytest

from sdk import Sdk, refused


def filters(**wanted):
    return json.dumps([{"Key": name, "Values": values} for name, values in wanted.items()])


@pytest.fixture(scope="module")
def keys(daemon):
    """Four keys that differ in everything a filter can ask for."""
    sdk = Sdk.of(daemon)
    keys = {
        "plain": sdk.key(),
        "sm4": sdk.key(KeySpec="Aliyun_SM4", Tags='[{"TagKey":"team","TagValue":"payroll"}]'),
        "disabled": sdk.key(Tags='[{"TagKey":"team","TagValue":"web"},{"TagKey":"stage","TagValue":"payroll"}]'),
        "pending": sdk.key(KeySpec="Aliyun_SM4"),
    }
    sdk.call("CreateAlias", AliasName="alias/one", KeyId=keys["plain"])
    sdk.call("CreateAlias", AliasName="alias/two", KeyId=keys["plain"])
    sdk.call("DisableKey", KeyId=keys["disabled"])
    sdk.call("ScheduleKeyDeletion", KeyId=keys["pending"])
    return keys


def shown(sdk, keys, text):
    names = {key: name for name, key in keys.items()}
    answer = sdk.call("ListKeys", Filters=text, PageSize=100)
    found = {names[key["KeyId"]] for key in answer["Keys"]["Key"]}
    assert answer["TotalCount"] == len(answer["Keys"]["Key"]) == len(found)
    return found


ALL = {"plain", "sm4", "disabled", "pending"}


@pytest.mark.parametrize("wanted,expected", [
    ({}, ALL),
    ({"KeyState": []}, ALL),
    ({"KeyState": ["Enabled"]}, {"plain", "sm4"}),
    ({"KeyState": ["Disabled", "PendingDeletion"]}, {"disabled", "pending"}),
    ({"KeyState": ["PendingImport"]}, set()),
    ({"KeySpec": ["Aliyun_SM4"]}, {"sm4", "pending"}),
    ({"KeySpec": ["Aliyun_SM4"], "KeyState": ["Enabled"]}, {"sm4"}),
    ({"KeySpec": ["RSA_2048"]}, set()),
    ({"KeyUsage": ["ENCRYPT/DECRYPT"]}, ALL),
    ({"KeyUsage": ["SIGN/VERIFY"]}, set()),
    ({"ProtectionLevel": ["SOFTWARE"]}, ALL),
    ({"ProtectionLevel": ["HSM"]}, set()),
    ({"CreatorType": ["User"]}, ALL),
    ({"CreatorType": ["Service"]}, set()),
    ({"CreatorType": ["User", "Service"]}, ALL),
    ({"AliasName": ["alias/two"]}, {"plain"}),
    ({"AliasName": ["alias/nobody"]}, set()),
    ({"TagKey": ["team"]}, {"sm4", "disabled"}),
    ({"TagKey": ["team"], "TagValue": ["web"]}, {"disabled"}),
    ({"TagValue": ["payroll"]}, {"sm4", "disabled"}),
])
def test_different_filters_all_hold_and_values_are_alternatives(sdk, keys, wanted, expected):
    assert shown(sdk, keys, filters(**wanted)) == expected


def test_a_repeated_filter_adds_alternatives(sdk, keys):
    text = json.dumps([{"Key": "KeyState", "Values": [state]} for state in ("Enabled", "Disabled")])
    assert shown(sdk, keys, text) == {"plain", "sm4", "disabled"}


def test_keys_are_found_by_id_and_by_creator(daemon, sdk, keys):
    two = [keys["plain"], keys["pending"]]
    assert shown(sdk, keys, filters(KeyId=two)) == {"plain", "pending"}
    assert shown(sdk, keys, filters(keyId=two)) == {"plain", "pending"}
    assert shown(sdk, keys, filters(Creator=[daemon.credentials["AccountId"]])) == ALL
    assert shown(sdk, keys, filters(Creator=["1"])) == set()


def test_pages_are_cut_from_what_the_filters_leave(sdk, keys):
    pages = [
        sdk.call("ListKeys", Filters=filters(KeyState=["Enabled"]), PageNumber=n, PageSize=1) for n in (1, 2, 3)
    ]
    assert [len(page["Keys"]["Key"]) for page in pages] == [1, 1, 0]
    assert [page["TotalCount"] for page in pages] == [2, 2, 2]


@pytest.mark.parametrize("text", [
    "x", "{}", "[{}]", '[{"Key":"KeyState"}]', '[{"Values":["Enabled"]}]', '[{"Key":"Colour","Values":["red"]}]',
    '[{"Key":"KeyState","Values":"Enabled"}]', '[{"Key":"KeyState","Values":["enabled"]}]',
    '[{"Key":"KeyState","Values":[7]}]', '[{"Key":"KeyState","Values":["Enabled"],"Not":true}]',
    '[{"Key":"CreatorType","Values":["Nobody"]}]',
    json.dumps([{"Key": "TagKey", "Values": ["a"]}] * 11), filters(TagKey=[str(n) for n in range(11)]),
])
def test_what_is_no_filter_is_refused(sdk, text):
    with refused("InvalidParameter", 400, "Filters"):
        sdk.call("ListKeys", Filters=text)


def test_ten_filters_of_ten_values_are_accepted(sdk, keys):
    one = {"Key": "KeyState", "Values": ["Enabled"] * 10}
    assert shown(sdk, keys, json.dumps([one] * 10)) == {"plain", "sm4"}
