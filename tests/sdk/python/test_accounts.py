"""Two accounts in one daemon: what the one has, the other can't see, use, change, or tell from what is not there."""

import json

import pytest

from sdk import Sdk, refused

PLAIN = "aGVsbG8="
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def other(daemon, tmp_path_factory):
    """The SDK as the root of a second account."""
    out = tmp_path_factory.mktemp("account") / "other.json"
    finished = daemon.command("account", "create", "--name", "other", "--out", out)
    assert finished.status == 0, finished
    made = json.loads(out.read_text())
    assert made["AccountId"] != daemon.credentials["AccountId"]
    return Sdk(daemon.endpoint, made["AccessKeyId"], made["AccessKeySecret"], daemon.credentials["Region"])


def refusal(sdk, action, **parameters):
    """What a refused call is told."""
    with refused("Forbidden.KeyNotFound", 404) as caught:
        sdk.call(action, **parameters)
    return caught.value.get_error_msg()


@pytest.mark.parametrize("action,more", [
    ("DescribeKey", {}),
    ("EnableKey", {}),
    ("DisableKey", {}),
    ("ScheduleKeyDeletion", {"PendingWindowInDays": 7}),
    ("CancelKeyDeletion", {}),
    ("UpdateKeyDescription", {"Description": "mine"}),
    ("Encrypt", {"Plaintext": PLAIN}),
    ("GenerateDataKey", {}),
    ("GenerateDataKeyWithoutPlaintext", {}),
    ("ListKeyVersions", {}),
    ("UpdateRotationPolicy", {"EnableAutomaticRotation": False}),
    ("ListAliasesByKeyId", {}),
    ("CreateAlias", {"AliasName": "alias/stolen"}),
    ("TagResource", {"Tags": '[{"TagKey":"a","TagValue":"b"}]'}),
    ("UntagResource", {"TagKeys": '["team"]'}),
    ("ListResourceTags", {}),
])
def test_a_key_of_another_account_is_as_one_that_is_not_there(daemon, sdk, other, action, more):
    key = sdk.key(Description="ours", Tags='[{"TagKey":"team","TagValue":"payroll"}]')
    before = sdk.call("DescribeKey", KeyId=key)["KeyMetadata"]
    told = refusal(other, action, KeyId=key, **more)
    assert told.replace(key, NOBODY) == refusal(other, action, KeyId=NOBODY, **more)
    assert sdk.call("DescribeKey", KeyId=key)["KeyMetadata"] == before
    assert [tag["TagValue"] for tag in sdk.call("ListResourceTags", KeyId=key)["Tags"]["Tag"]] == ["payroll"]
    assert key not in json.dumps(other.call("ListKeys", PageSize=100))


def test_a_ciphertext_is_opened_by_its_own_account_alone(sdk, other):
    key, theirs = sdk.key(), other.key()
    blob = sdk.call("Encrypt", KeyId=key, Plaintext=PLAIN)["CiphertextBlob"]
    for action, more in (("Decrypt", {}), ("ReEncrypt", {"DestinationKeyId": theirs})):
        with refused("Forbidden.KeyNotFound", 404):
            other.call(action, CiphertextBlob=blob, **more)
    # Nor is one moved under a key of another account.
    refusal(sdk, "ReEncrypt", CiphertextBlob=blob, DestinationKeyId=theirs)
    assert sdk.call("Decrypt", CiphertextBlob=blob)["Plaintext"] == PLAIN


def test_one_name_is_an_alias_of_each_account(sdk, other):
    name, key, theirs = "alias/both", sdk.key(), other.key()
    sdk.call("CreateAlias", AliasName=name, KeyId=key)
    for action, more in (("DescribeKey", {}), ("Encrypt", {"Plaintext": PLAIN})):
        with refused("Forbidden.AliasNotFound", 404):
            other.call(action, KeyId=name, **more)
    with refused("Forbidden.AliasNotFound", 404):
        other.call("DeleteAlias", AliasName=name)
    with refused("Forbidden.AliasNotFound", 404):
        other.call("UpdateAlias", AliasName=name, KeyId=theirs)
    other.call("CreateAlias", AliasName=name, KeyId=theirs)
    for who, whose in ((sdk, key), (other, theirs)):
        assert who.call("DescribeKey", KeyId=name)["KeyMetadata"]["KeyId"] == whose
        listed = who.call("ListAliases", PageSize=100)["Aliases"]["Alias"]
        assert [alias["KeyId"] for alias in listed if alias["AliasName"] == name] == [whose]
    other.call("DeleteAlias", AliasName=name)
    assert sdk.call("DescribeKey", KeyId=name)["KeyMetadata"]["KeyId"] == key


def test_lists_show_an_accounts_own_and_count_no_others(sdk, other):
    mine, theirs = sdk.key(), other.key()
    for who, has, has_not in ((sdk, mine, theirs), (other, theirs, mine)):
        listed = who.call("ListKeys", PageSize=100)
        keys = [key["KeyId"] for key in listed["Keys"]["Key"]]
        assert has in keys and has_not not in keys
        assert listed["TotalCount"] == len(keys)


def test_the_second_account_opens_no_further_one(daemon, other, tmp_path):
    theirs = tmp_path / "key.json"
    theirs.touch(0o600)
    client = other.client
    theirs.write_text(json.dumps({
        "AccessKeyId": client.get_access_key(), "AccessKeySecret": client.get_access_secret(), "Region": "cn-hangzhou",
    }))
    finished = daemon.command(
        "account", "create", "--name", "third", "--access-key-file", theirs,
        "--endpoint", f"http://{daemon.endpoint}", CHANCERY_SOCKET="",
    )
    assert finished.status == 1 and finished.out == "", finished
    assert "Forbidden.NoPermission" in finished.err, finished
