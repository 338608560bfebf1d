"""The same operations through the v2 SDK, in each of the three ways in which it signs."""

import base64
import json
import os

import pytest

from sdk import DATE, UUID, Sdk
from sdk_v2 import MODES, SdkV2, refused_v2

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module", params=MODES)
def v2(request, daemon):
    return SdkV2.of(request.param, daemon)


@pytest.fixture(scope="module")
def key(v2):
    return v2.key()


def b64(raw):
    return base64.b64encode(raw).decode()


def test_the_life_of_a_key(v2):
    tags = json.dumps([{"TagKey": "Stage", "TagValue": "te-st+=/@"}])
    made = v2.call("CreateKey", Description="ein Schlüssel + *~ '\"%&=", KeySpec="Aliyun_AES_256", Tags=tags)["KeyMetadata"]
    key = made["KeyId"]
    assert UUID.fullmatch(key)
    assert DATE.fullmatch(made["CreationDate"])
    assert made["Description"] == "ein Schlüssel + *~ '\"%&="
    assert (made["KeyState"], made["KeySpec"], made["Origin"]) == ("Enabled", "Aliyun_AES_256", "Aliyun_KMS")
    assert v2.call("DescribeKey", KeyId=key)["KeyMetadata"]["Arn"] == made["Arn"]

    # An empty description is a description.
    for description in ("an other", ""):
        v2.call("UpdateKeyDescription", KeyId=key, Description=description)
        assert v2.call("DescribeKey", KeyId=key)["KeyMetadata"]["Description"] == description
    for action, state in (
        ("DisableKey", "Disabled"),
        ("EnableKey", "Enabled"),
        ("ScheduleKeyDeletion", "PendingDeletion"),
        ("CancelKeyDeletion", "Enabled"),
    ):
        more = {"PendingWindowInDays": 7} if action == "ScheduleKeyDeletion" else {}
        assert set(v2.call(action, KeyId=key, **more)) == {"RequestId"}
        assert v2.call("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"] == state

    # A boolean travels as `True` and `False`.
    for protected, shown in ((True, "Enabled"), (False, "Disabled")):
        v2.call("SetDeletionProtection", ProtectedResourceArn=made["Arn"], EnableDeletionProtection=protected)
        assert v2.call("DescribeKey", KeyId=key)["KeyMetadata"]["DeletionProtection"] == shown


def test_keys_are_listed_in_pages(v2, key):
    total = v2.call("ListKeys")["TotalCount"]
    found = set()
    for page in range(1, total + 1):
        answer = v2.call("ListKeys", PageNumber=page, PageSize=1)
        assert (answer["PageNumber"], answer["PageSize"], answer["TotalCount"]) == (page, 1, total)
        found |= {one["KeyId"] for one in answer["Keys"]["Key"]}
    assert key in found
    assert len(found) == total
    beyond = v2.call("ListKeys", PageNumber=total + 1, PageSize=1)
    assert beyond["Keys"] == {"Key": []}
    disabled = json.dumps([{"Key": "KeyState", "Values": ["Disabled"]}])
    assert key not in json.dumps(v2.call("ListKeys", Filters=disabled, PageSize=100))


@pytest.mark.parametrize("size", [1, 6144])
def test_what_was_encrypted_decrypts(v2, key, size):
    plaintext = os.urandom(size)
    # A map: the SDK makes the JSON text of it.
    context = {"tenant": "7 + *~ä", "purpose": '"payroll"'}
    made = v2.call("Encrypt", KeyId=key, Plaintext=b64(plaintext), EncryptionContext=context)
    assert made["KeyId"] == key
    opened = v2.call("Decrypt", CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
    assert base64.b64decode(opened["Plaintext"], validate=True) == plaintext
    assert (opened["KeyId"], opened["KeyVersionId"]) == (key, made["KeyVersionId"])
    with refused_v2("InvalidParameter", 400):
        v2.call("Decrypt", CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"tenant": "8"})


def test_data_keys_are_made_and_opened(v2, key):
    made = v2.call("GenerateDataKey", KeyId=key, NumberOfBytes=1024)
    assert len(base64.b64decode(made["Plaintext"])) == 1024
    assert v2.call("Decrypt", CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]
    hidden = v2.call("GenerateDataKeyWithoutPlaintext", KeyId=key, KeySpec="AES_128")
    assert "Plaintext" not in hidden
    assert len(base64.b64decode(v2.call("Decrypt", CiphertextBlob=hidden["CiphertextBlob"])["Plaintext"])) == 16


def test_a_blob_is_moved_to_another_key(v2, key):
    other = v2.key(KeySpec="Aliyun_SM4")
    blob = v2.call("Encrypt", KeyId=key, Plaintext=b64(b"hello"), EncryptionContext={"a": "b"})["CiphertextBlob"]
    moved = v2.call(
        "ReEncrypt", CiphertextBlob=blob, SourceEncryptionContext={"a": "b"},
        DestinationKeyId=other, DestinationEncryptionContext={"c": "d"},
    )
    opened = v2.call("Decrypt", CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"c": "d"})
    assert (base64.b64decode(opened["Plaintext"]), opened["KeyId"]) == (b"hello", other)


def test_one_sdk_opens_what_the_other_one_sealed(v2, key, sdk):
    context = {"k": "v ä"}
    blob = v2.call("Encrypt", KeyId=key, Plaintext="aGVsbG8=", EncryptionContext=context)["CiphertextBlob"]
    assert sdk.call("Decrypt", CiphertextBlob=blob, EncryptionContext=json.dumps(context))["Plaintext"] == "aGVsbG8="
    blob = sdk.call("Encrypt", KeyId=key, Plaintext="aGVsbG8=", EncryptionContext=json.dumps(context))["CiphertextBlob"]
    assert v2.call("Decrypt", CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == "aGVsbG8="


def test_aliases_are_made_moved_listed_and_deleted(v2, key):
    alias = f"alias/{v2.mode}/one"
    v2.call("CreateAlias", AliasName=alias, KeyId=key)
    assert v2.call("Encrypt", KeyId=alias, Plaintext="aGVsbG8=")["KeyId"] == key
    with refused_v2("AliasAlreadyExists", 400):
        v2.call("CreateAlias", AliasName=alias, KeyId=key)
    other = v2.key()
    v2.call("UpdateAlias", AliasName=alias, KeyId=other)
    listed = v2.call("ListAliasesByKeyId", KeyId=other)["Aliases"]["Alias"]
    assert [(one["AliasName"], one["KeyId"]) for one in listed] == [(alias, other)]
    assert alias in json.dumps(v2.call("ListAliases", PageSize=100))
    v2.call("DeleteAlias", AliasName=alias)
    with refused_v2("Forbidden.AliasNotFound", 404):
        v2.call("DescribeKey", KeyId=alias)


def test_tags_of_one_key_and_of_many(v2, key):
    v2.call("TagResource", KeyId=key, Tags=json.dumps([{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "2"}]))
    v2.call("UntagResource", KeyId=key, TagKeys='["b"]')
    tags = v2.call("ListResourceTags", KeyId=key)["Tags"]["Tag"]
    assert [(tag["TagKey"], tag["TagValue"]) for tag in tags] == [("a", "1")]

    # Lists travel as ResourceId.1, Tag.1.Key and so on.
    keys = [key, v2.key()]
    many = {"RegionId": "cn-hangzhou", "ResourceType": "key", "ResourceId": keys}
    v2.call("TagResources", **many, Tag=[{"Key": "c", "Value": "3+=@"}, {"Key": "d", "Value": ""}])
    found = v2.call("ListTagResources", **many, Tag=[{"Key": "c"}])
    rows = found["TagResources"]["TagResource"]
    assert {(row["ResourceId"], row["TagKey"], row["TagValue"]) for row in rows} == {(one, "c", "3+=@") for one in keys}
    v2.call("UntagResources", **many, TagKey=["c", "d"])
    found = v2.call("ListTagResources", **many, Tag=[{"Key": "c"}])
    assert found["TagResources"] == {"TagResource": []}


def test_versions_and_rotation(v2):
    made = v2.call("CreateKey", EnableAutomaticRotation=True, RotationInterval="365d")["KeyMetadata"]
    key = made["KeyId"]
    assert (made["AutomaticRotation"], made["RotationInterval"]) == ("Enabled", "31536000s")
    versions = v2.call("ListKeyVersions", KeyId=key)["KeyVersions"]["KeyVersion"]
    assert [one["KeyVersionId"] for one in versions] == [made["PrimaryKeyVersion"]]
    described = v2.call("DescribeKeyVersion", KeyId=key, KeyVersionId=made["PrimaryKeyVersion"])["KeyVersion"]
    assert described["KeyId"] == key
    v2.call("UpdateRotationPolicy", KeyId=key, EnableAutomaticRotation=False)
    assert v2.call("DescribeKey", KeyId=key)["KeyMetadata"]["AutomaticRotation"] == "Disabled"


def test_operations_that_take_no_request(v2):
    assert v2.call("DescribeRegions")["Regions"] == {"Region": [{"RegionId": "cn-hangzhou"}]}
    assert v2.call("DescribeAccountKmsStatus")["AccountStatus"] == "Enabled"


@pytest.mark.parametrize("action,parameters,code,status", [
    ("DescribeKey", {"KeyId": NOBODY}, "Forbidden.KeyNotFound", 404),
    ("DescribeKey", {"KeyId": "alias/v2/nobody"}, "Forbidden.AliasNotFound", 404),
    ("DescribeKey", {}, "MissingParameter", 400),
    ("DescribeKey", {"KeyId": ""}, "MissingParameter", 400),
    ("EnableKey", {"KeyId": "alias/v2/nobody"}, "Unsupported.Alias", 400),
    ("CreateKey", {"KeySpec": "AES_1024"}, "InvalidParameter", 400),
    ("CreateKey", {"ProtectionLevel": "HSM"}, "Unsupported.ProtectionLevel", 400),
    ("CreateAlias", {"AliasName": "no-prefix", "KeyId": NOBODY}, "InvalidParameter", 400),
    ("ListKeys", {"PageSize": 101}, "InvalidParameter", 400),
    ("ListKeys", {"PageNumber": 0}, "InvalidParameter", 400),
    ("Decrypt", {"CiphertextBlob": "AAAA"}, "InvalidParameter", 400),
    ("Decrypt", {"CiphertextBlob": "not base64"}, "InvalidParameter", 400),
    ("Encrypt", {"KeyId": NOBODY, "Plaintext": b64(bytes(6145))}, "InvalidParameter", 400),
    # The SDK knows more operations than there are here.
    ("GetKmsInstance", {"KmsInstanceId": "kst-x"}, "InvalidApi.NotFound", 404),
])
def test_refusals_reach_the_caller(v2, action, parameters, code, status):
    with refused_v2(code, status):
        v2.call(action, **parameters)


def test_a_parameter_in_the_form_is_signed_too(v2, key):
    # This one alone travels there; what it asks for is not to be had.
    blob = v2.call("Encrypt", KeyId=key, Plaintext="aGVsbG8=")["CiphertextBlob"]
    with refused_v2("UnsupportedOperation", 400):
        v2.call("Decrypt", CiphertextBlob=blob, Recipient="ä b+*~")


def test_a_state_that_forbids_it_is_a_conflict(v2):
    key = v2.key()
    v2.call("DisableKey", KeyId=key)
    with refused_v2("Rejected.Disabled", 409):
        v2.call("Encrypt", KeyId=key, Plaintext="aGVsbG8=")


# The default mode can't be told to.
@pytest.mark.parametrize("mode", ["HMAC-SHA1", "ACS4"])
def test_it_may_be_told_to_get(daemon, mode):
    answer = SdkV2.of(mode, daemon, method="GET").call("ListKeys", PageSize=3, Filters="[]")
    assert answer["PageSize"] == 3


@pytest.mark.parametrize("mode", MODES)
def test_a_wrong_secret_does_not_match(daemon, mode):
    wrong = SdkV2.of(mode, daemon, access_key_secret="wrong")
    with refused_v2("SignatureDoesNotMatch", 400, "server string to sign is:"):
        wrong.call("Encrypt", KeyId="alias/a b", Plaintext="aGVsbG8=", EncryptionContext={"ä": "*~ +"})


@pytest.mark.parametrize("mode", MODES)
def test_an_unknown_access_key_is_not_found(daemon, mode):
    with refused_v2("InvalidAccessKeyId.NotFound", 404):
        SdkV2.of(mode, daemon, access_key_id="LTAI5tNobodyHasThisKey00").call("ListKeys")


@pytest.mark.parametrize("mode", MODES)
def test_a_token_that_is_none_of_ours_is_malformed(daemon, mode):
    with refused_v2("InvalidSecurityToken.Malformed", 400):
        SdkV2.of(mode, daemon, security_token="forged+/=").call("ListKeys")


def test_the_region_of_the_client_is_the_scope_of_acs4(own_daemon):
    own_daemon.stop()
    own_daemon.start("--region", "cn-hangzhou", "--region", "cn-beijing")
    here, there = (SdkV2.of("ACS4", own_daemon, region=region) for region in ("cn-hangzhou", "cn-beijing"))
    key = here.key()
    assert ":cn-beijing:" in there.call("CreateKey")["KeyMetadata"]["Arn"]
    assert here.call("DescribeKey", KeyId=key)["KeyMetadata"]["KeyId"] == key
    with refused_v2("Forbidden.KeyNotFound", 404):
        there.call("DescribeKey", KeyId=key)
    with refused_v2("InvalidParameter", 400, "RegionId"):
        SdkV2.of("ACS4", own_daemon, region="mars-1").call("ListKeys")
    # A client without a region signs for `center`: that names none.
    SdkV2.of("ACS4", own_daemon, region=None).call("DescribeKey", KeyId=key)
    # The v1 SDK says the same in a parameter.
    credentials = own_daemon.credentials
    old = Sdk(own_daemon.endpoint, credentials["AccessKeyId"], credentials["AccessKeySecret"], "cn-beijing")
    assert ":cn-beijing:" in old.call("CreateKey")["KeyMetadata"]["Arn"]
