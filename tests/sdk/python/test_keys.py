"""Keys through the SDK: made, looked at, moved along their lives."""

import datetime
import json

import pytest

from sdk import DATE, UUID, Sdk, refused
from shapes import assert_shape

NOBODY = "00000000-0000-4000-8000-000000000000"


def when(text):
    assert DATE.fullmatch(text), text
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)


def test_a_new_key_is_as_it_was_asked_for(daemon, sdk):
    answer = sdk.call("CreateKey", KeySpec="Aliyun_AES_256", KeyUsage="ENCRYPT/DECRYPT", Description="für Löhne & Gehälter")
    key = assert_shape("CreateKey", answer)["KeyMetadata"]
    account = daemon.credentials["AccountId"]
    assert UUID.fullmatch(key["KeyId"])
    assert UUID.fullmatch(answer["RequestId"])
    assert UUID.fullmatch(key["PrimaryKeyVersion"])
    assert key["Arn"] == f"acs:kms:cn-hangzhou:{account}:key/{key['KeyId']}"
    assert key["Creator"] == account
    assert key["LastRotationDate"] == key["CreationDate"]
    assert abs(when(key["CreationDate"]) - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=5)
    fixed = {
        "AutomaticRotation": "Disabled", "DeleteDate": "", "Description": "für Löhne & Gehälter",
        "KeySpec": "Aliyun_AES_256", "KeyState": "Enabled", "KeyUsage": "ENCRYPT/DECRYPT", "MaterialExpireTime": "",
        "Origin": "Aliyun_KMS", "ProtectionLevel": "SOFTWARE",
    }
    assert {name: key[name] for name in fixed} == fixed


def test_defaults_are_those_of_the_contract(sdk):
    key = sdk.call("CreateKey")["KeyMetadata"]
    assert key["Description"] == ""
    assert key["KeySpec"] == "Aliyun_AES_256"
    assert key["KeyUsage"] == "ENCRYPT/DECRYPT"
    assert key["ProtectionLevel"] == "SOFTWARE"


def test_describe_key_shows_what_create_key_answered(sdk):
    made = sdk.call("CreateKey", Description="shown")["KeyMetadata"]
    shown = assert_shape("DescribeKey", sdk.call("DescribeKey", KeyId=made["KeyId"]))["KeyMetadata"]
    assert shown == made | {"DeletionProtection": "Disabled"}


def test_describe_key_takes_alias_and_arn(sdk):
    key = sdk.call("CreateKey")["KeyMetadata"]
    sdk.call("CreateAlias", AliasName="alias/described", KeyId=key["KeyId"])
    for name in ("alias/described", key["Arn"]):
        assert sdk.call("DescribeKey", KeyId=name)["KeyMetadata"]["KeyId"] == key["KeyId"]


def test_list_keys_pages_over_every_key_once_newest_first(own_daemon):
    sdk = Sdk.of(own_daemon)
    empty = assert_shape("ListKeys", sdk.call("ListKeys"))
    assert empty["Keys"] == {"Key": []}
    assert (empty["PageNumber"], empty["PageSize"], empty["TotalCount"]) == (1, 10, 0)

    made = [sdk.call("CreateKey")["KeyMetadata"] for _ in range(12)]
    pages = [assert_shape("ListKeys", sdk.call("ListKeys", PageNumber=n, PageSize=5)) for n in (1, 2, 3, 4)]
    assert [len(page["Keys"]["Key"]) for page in pages] == [5, 5, 2, 0]
    for number, page in enumerate(pages, 1):
        assert (page["PageNumber"], page["PageSize"], page["TotalCount"]) == (number, 5, 12)
    listed = [key for page in pages for key in page["Keys"]["Key"]]
    assert {key["KeyId"]: key["KeyArn"] for key in listed} == {key["KeyId"]: key["Arn"] for key in made}
    dates = {key["KeyId"]: key["CreationDate"] for key in made}
    order = [dates[key["KeyId"]] for key in listed]
    assert order == sorted(order, reverse=True)
    assert len(sdk.call("ListKeys")["Keys"]["Key"]) == 10
    assert len(sdk.call("ListKeys", PageSize=100)["Keys"]["Key"]) == 12

    # All states are listed.
    sdk.call("DisableKey", KeyId=made[0]["KeyId"])
    sdk.call("ScheduleKeyDeletion", KeyId=made[1]["KeyId"], PendingWindowInDays=7)
    assert sdk.call("ListKeys")["TotalCount"] == 12


@pytest.mark.parametrize("page", [{"PageNumber": 0}, {"PageNumber": -1}, {"PageNumber": "one"}, {"PageNumber": 1.5},
                                  {"PageSize": 0}, {"PageSize": 101}, {"PageSize": "+5"}])
@pytest.mark.parametrize("action", ["ListKeys", "ListAliases"])
def test_a_page_out_of_range_is_an_invalid_parameter_and_named(sdk, action, page):
    (name,) = page
    with refused("InvalidParameter", 400, name):
        sdk.call(action, **page)


def test_a_disabled_key_comes_back(sdk):
    key = sdk.key()
    assert_shape("DisableKey", sdk.call("DisableKey", KeyId=key))
    assert sdk.state(key) == "Disabled"
    sdk.call("DisableKey", KeyId=key)
    assert_shape("EnableKey", sdk.call("EnableKey", KeyId=key))
    assert sdk.state(key) == "Enabled"
    sdk.call("EnableKey", KeyId=key)
    assert sdk.state(key) == "Enabled"


@pytest.mark.parametrize("days", [None, 7, 366])
def test_a_scheduled_deletion_has_its_date_and_can_be_cancelled(sdk, days):
    key = sdk.key()
    window = {} if days is None else {"PendingWindowInDays": days}
    before = datetime.datetime.now(datetime.timezone.utc)
    assert_shape("ScheduleKeyDeletion", sdk.call("ScheduleKeyDeletion", KeyId=key, **window))
    shown = sdk.call("DescribeKey", KeyId=key)["KeyMetadata"]
    assert shown["KeyState"] == "PendingDeletion"
    due = before + datetime.timedelta(days=days or 30)
    assert abs(when(shown["DeleteDate"]) - due) < datetime.timedelta(minutes=5)

    assert_shape("CancelKeyDeletion", sdk.call("CancelKeyDeletion", KeyId=key))
    shown = sdk.call("DescribeKey", KeyId=key)["KeyMetadata"]
    assert (shown["KeyState"], shown["DeleteDate"]) == ("Enabled", "")


def test_cancelling_enables_a_key_that_was_disabled_before(sdk):
    key = sdk.key()
    sdk.call("DisableKey", KeyId=key)
    sdk.call("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    sdk.call("CancelKeyDeletion", KeyId=key)
    assert sdk.state(key) == "Enabled"


@pytest.mark.parametrize("days", [0, 6, 367, -7, "a week"])
def test_a_window_out_of_range_is_refused_and_changes_nothing(sdk, days):
    key = sdk.key()
    with refused("InvalidParameter", 400, "PendingWindowInDays"):
        sdk.call("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=days)
    assert sdk.state(key) == "Enabled"


# The official table of operations and states, for the states that there are.
PREPARE = {
    "Enabled": [],
    "Disabled": [("DisableKey", {})],
    "PendingDeletion": [("ScheduleKeyDeletion", {"PendingWindowInDays": 7})],
}
OK, MODIFIED = None, ("Rejected.StateModifiedFailed", 409)
DISABLED, PENDING = ("Rejected.Disabled", 409), ("Rejected.PendingDeletion", 409)
TABLE = {
    "DescribeKey": (OK, OK, OK),
    "EnableKey": (OK, OK, MODIFIED),
    "DisableKey": (OK, OK, MODIFIED),
    "ScheduleKeyDeletion": (OK, OK, MODIFIED),
    "CancelKeyDeletion": (MODIFIED, MODIFIED, OK),
    "CreateAlias": (OK, OK, MODIFIED),
    "UpdateAlias": (OK, OK, PENDING),
    "DeleteAlias": (OK, OK, OK),
    "Encrypt": (OK, DISABLED, PENDING),
    "Decrypt": (OK, DISABLED, PENDING),
    "GenerateDataKey": (OK, DISABLED, PENDING),
    "GenerateDataKeyWithoutPlaintext": (OK, DISABLED, PENDING),
    "ReEncrypt": (OK, DISABLED, PENDING),
    "UpdateKeyDescription": (OK, OK, PENDING),
    "SetDeletionProtection": (OK, OK, PENDING),
    "UpdateRotationPolicy": (OK, DISABLED, PENDING),
    "DescribeKeyVersion": (OK, OK, OK),
    "ListKeyVersions": (OK, OK, OK),
    "ListAliasesByKeyId": (OK, OK, OK),
    "TagResource": (OK, OK, PENDING),
    "UntagResource": (OK, OK, PENDING),
    "ListResourceTags": (OK, OK, OK),
    "TagResources": (OK, OK, PENDING),
    "UntagResources": (OK, OK, PENDING),
    "ListTagResources": (OK, OK, OK),
}


@pytest.mark.parametrize("position,state", list(enumerate(PREPARE)))
@pytest.mark.parametrize("action", TABLE)
def test_every_operation_meets_every_state(sdk, action, position, state):
    made = sdk.call("CreateKey")["KeyMetadata"]
    key = made["KeyId"]
    alias = f"alias/state/{action}/{state}"
    blob = sdk.call("Encrypt", KeyId=key, Plaintext="aGVsbG8=")["CiphertextBlob"]
    if action == "UpdateAlias":
        # The alias belongs to another key; only the new target's state counts.
        sdk.call("CreateAlias", AliasName=alias, KeyId=sdk.key())
    if action == "DeleteAlias":
        sdk.call("CreateAlias", AliasName=alias, KeyId=key)
    for step, more in PREPARE[state]:
        sdk.call(step, KeyId=key, **more)
    parameters = {
        "CreateAlias": {"KeyId": key, "AliasName": alias},
        "UpdateAlias": {"KeyId": key, "AliasName": alias},
        "DeleteAlias": {"AliasName": alias},
        "Encrypt": {"KeyId": key, "Plaintext": "aGVsbG8="},
        "Decrypt": {"CiphertextBlob": blob},
        "ReEncrypt": {"CiphertextBlob": blob, "DestinationKeyId": sdk.key()},
        "UpdateKeyDescription": {"KeyId": key, "Description": "another"},
        "SetDeletionProtection": {"ProtectedResourceArn": made["Arn"], "EnableDeletionProtection": True},
        "UpdateRotationPolicy": {"KeyId": key, "EnableAutomaticRotation": True, "RotationInterval": "7d"},
        "DescribeKeyVersion": {"KeyId": key, "KeyVersionId": made["PrimaryKeyVersion"]},
        "TagResource": {"KeyId": key, "Tags": '[{"TagKey":"a","TagValue":"b"}]'},
        "UntagResource": {"KeyId": key, "TagKeys": '["a"]'},
        "TagResources": {"ResourceType": "key", "ResourceIds": [key], "Tags": [{"Key": "a", "Value": "b"}]},
        "UntagResources": {"ResourceType": "key", "ResourceIds": [key], "TagKeys": ["a"]},
        "ListTagResources": {"ResourceType": "key", "ResourceIds": [key]},
    }.get(action, {"KeyId": key})
    expected = TABLE[action][position]
    if expected is None:
        assert_shape(action, sdk.call(action, **parameters))
    else:
        with refused(*expected):
            sdk.call(action, **parameters)
        assert sdk.state(key) == state


@pytest.mark.parametrize("action", ["DescribeKey", "EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"])
@pytest.mark.parametrize("key", [NOBODY, "not-a-key"])
def test_an_unknown_key_is_not_found(sdk, action, key):
    with refused("Forbidden.KeyNotFound", 404):
        sdk.call(action, KeyId=key)


def test_a_key_of_another_account_or_region_is_not_found(daemon, sdk):
    key = sdk.call("CreateKey")["KeyMetadata"]
    account = daemon.credentials["AccountId"]
    other = key["Arn"].replace(account, str(int(account) ^ 1)), key["Arn"].replace("cn-hangzhou", "cn-shanghai")
    for arn in other:
        with refused("Forbidden.KeyNotFound", 404):
            sdk.call("DescribeKey", KeyId=arn)


@pytest.mark.parametrize("action", ["EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"])
def test_lifecycle_operations_take_a_key_id_alone(sdk, action):
    key = sdk.call("CreateKey")["KeyMetadata"]
    with refused("Unsupported.Alias", 400):
        sdk.call(action, KeyId="alias/whether-it-exists-or-not")
    with refused("InvalidParameter", 400, "KeyId"):
        sdk.call(action, KeyId=key["Arn"])
    assert sdk.state(key["KeyId"]) == "Enabled"


def test_an_unknown_alias_is_not_found(sdk):
    with refused("Forbidden.AliasNotFound", 404):
        sdk.call("DescribeKey", KeyId="alias/nobody")


@pytest.mark.parametrize("action", ["DescribeKey", "EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"])
@pytest.mark.parametrize("parameters", [{}, {"KeyId": ""}])
def test_a_missing_or_empty_key_id_is_missing_and_named(sdk, action, parameters):
    with refused("MissingParameter", 400, "KeyId"):
        sdk.call(action, **parameters)


@pytest.mark.parametrize("parameters,code", [
    ({"ProtectionLevel": "HSM"}, "Unsupported.ProtectionLevel"),
    ({"ProtectionLevel": "hsm"}, "Unsupported.ProtectionLevel"),
    ({"ProtectionLevel": "PAPER"}, "InvalidParameter"),
    ({"KeySpec": "Aliyun_AES_257"}, "InvalidParameter"),
    ({"KeySpec": "aliyun_aes_256"}, "InvalidParameter"),
    ({"KeyUsage": "SIGN/VERIFY"}, "UnsupportedOperation"),
    ({"KeyUsage": "DANCE"}, "InvalidParameter"),
    ({"Origin": "external"}, "InvalidParameter"),
    ({"Description": "x" * 8193}, "InvalidParameter"),
    ({"EnableAutomaticRotation": True}, "InvalidParameter"),
    ({"EnableAutomaticRotation": True, "RotationInterval": "6d"}, "InvalidParameter"),
    ({"EnableAutomaticRotation": "perhaps"}, "InvalidParameter"),
    ({"Tags": "[{}]"}, "InvalidParameter"),
    ({"Tags": '[{"TagKey":"a"},{"TagKey":"a"}]'}, "InvalidParameter"),
    ({"Tags": json.dumps([{"TagKey": f"t{n}"} for n in range(21)])}, "Rejected.LimitExceeded"),
    ({"Origin": "EXTERNAL"}, "UnsupportedOperation"),
    ({"Policy": "{}"}, "UnsupportedOperation"),
])
def test_a_key_that_can_not_be_had_is_refused_and_not_made(sdk, parameters, code):
    before = sdk.call("ListKeys")["TotalCount"]
    with refused(code, 400):
        sdk.call("CreateKey", **parameters)
    assert sdk.call("ListKeys")["TotalCount"] == before


def test_the_longest_description_is_kept_whole(sdk):
    text = "ä" * 8192
    key = sdk.key(Description=text)
    assert sdk.call("DescribeKey", KeyId=key)["KeyMetadata"]["Description"] == text


def test_a_description_is_replaced_and_cleared(sdk):
    key = sdk.key(Description="first")
    for text in ("second", "", "für Löhne", "ä" * 8192, ""):
        assert_shape("UpdateKeyDescription", sdk.call("UpdateKeyDescription", KeyId=key, Description=text))
        assert sdk.call("DescribeKey", KeyId=key)["KeyMetadata"]["Description"] == text


def test_a_description_that_is_absent_or_too_long_changes_nothing(sdk):
    key = sdk.key(Description="kept")
    with refused("MissingParameter", 400, "Description"):
        sdk.call("UpdateKeyDescription", KeyId=key)
    with refused("InvalidParameter", 400, "Description"):
        sdk.call("UpdateKeyDescription", KeyId=key, Description="x" * 8193)
    assert sdk.call("DescribeKey", KeyId=key)["KeyMetadata"]["Description"] == "kept"


def test_a_protected_key_is_not_scheduled_for_deletion_and_says_why(sdk):
    made = sdk.call("CreateKey")["KeyMetadata"]
    key, arn = made["KeyId"], made["Arn"]

    def shown():
        metadata = assert_shape("DescribeKey", sdk.call("DescribeKey", KeyId=key))["KeyMetadata"]
        return metadata["DeletionProtection"], metadata.get("DeletionProtectionDescription")

    protect = {"ProtectedResourceArn": arn, "EnableDeletionProtection": True}
    assert shown() == ("Disabled", None)
    sdk.call("SetDeletionProtection", **protect, DeletionProtectionDescription="payroll needs it")
    assert shown() == ("Enabled", "payroll needs it")
    for _ in range(2):
        with refused("Rejected.StateModifiedFailed", 409, "protection"):
            sdk.call("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
        # Only its deletion is ruled out.
        sdk.call("DisableKey", KeyId=key)
    sdk.call("SetDeletionProtection", **protect)
    assert shown() == ("Enabled", None)
    sdk.call("SetDeletionProtection", ProtectedResourceArn=arn, EnableDeletionProtection=False)
    assert shown() == ("Disabled", None)
    sdk.call("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    assert sdk.state(key) == "PendingDeletion"


def test_protection_takes_one_target_by_id_or_arn(sdk):
    made = sdk.call("CreateKey")["KeyMetadata"]
    key, arn = made["KeyId"], made["Arn"]
    sdk.call("SetDeletionProtection", KeyId=key, EnableDeletionProtection="True")
    assert sdk.call("DescribeKey", KeyId=key)["KeyMetadata"]["DeletionProtection"] == "Enabled"
    for target, code, status in (
        ({}, "MissingParameter", 400),
        ({"KeyId": key, "ProtectedResourceArn": arn}, "InvalidParameter", 400),
        ({"ProtectedResourceArn": key}, "InvalidParameter", 400),
        ({"ProtectedResourceArn": arn.replace(key, NOBODY)}, "Forbidden.KeyNotFound", 404),
        ({"KeyId": NOBODY}, "Forbidden.KeyNotFound", 404),
    ):
        with refused(code, status):
            sdk.call("SetDeletionProtection", EnableDeletionProtection=False, **target)
    assert sdk.call("DescribeKey", KeyId=key)["KeyMetadata"]["DeletionProtection"] == "Enabled"


def test_the_account_may_use_the_service(sdk):
    answer = assert_shape("DescribeAccountKmsStatus", sdk.call("DescribeAccountKmsStatus"))
    assert answer["AccountStatus"] == "Enabled"


def test_the_same_create_key_with_a_client_token_makes_one_key_also_across_a_restart(own_daemon):
    sdk = Sdk.of(own_daemon)
    wanted = {"Description": "one", "ClientToken": "token-1"}
    key = sdk.key(**wanted)
    assert sdk.key(**wanted) == key
    own_daemon.kill()
    sdk = Sdk.of(own_daemon.start())
    assert sdk.key(**wanted) == key
    assert sdk.call("ListKeys")["TotalCount"] == 1
    with refused("IdempotentParameterMismatch", 400):
        sdk.key(**wanted | {"Description": "another"})
    assert sdk.key(**wanted | {"ClientToken": "token-2"}) != key
