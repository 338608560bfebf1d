"""Key versions and rotation policies through the SDK. That a rotation is carried out when it is due, a test with a clock of
its own shows (tests/suite/symmetric)."""

import datetime

import pytest

from sdk import Sdk, refused
from shapes import assert_shape
from test_keys import when

NOBODY = "00000000-0000-4000-8000-000000000000"
POLICY = ("AutomaticRotation", "RotationInterval", "LastRotationDate", "NextRotationDate")


def policy(sdk, key):
    metadata = assert_shape("DescribeKey", sdk.call("DescribeKey", KeyId=key))["KeyMetadata"]
    return {name: metadata[name] for name in POLICY if name in metadata}


@pytest.mark.parametrize("interval,seconds", [
    ("7d", 604800), ("168h", 604800), ("10080m", 604800), ("604800s", 604800), ("730d", 63072000), ("365d", 31536000),
])
def test_an_interval_is_shown_in_seconds_and_says_when_the_next_rotation_is(sdk, interval, seconds):
    key = sdk.key()
    wanted = {"KeyId": key, "EnableAutomaticRotation": True, "RotationInterval": interval}
    assert_shape("UpdateRotationPolicy", sdk.call("UpdateRotationPolicy", **wanted))
    shown = policy(sdk, key)
    assert (shown["AutomaticRotation"], shown["RotationInterval"]) == ("Enabled", f"{seconds}s")
    due = when(shown["LastRotationDate"]) + datetime.timedelta(seconds=seconds)
    assert when(shown["NextRotationDate"]) == due

    made = sdk.call("CreateKey", EnableAutomaticRotation=True, RotationInterval=interval)
    metadata = assert_shape("CreateKey", made)["KeyMetadata"]
    assert (metadata["AutomaticRotation"], metadata["RotationInterval"]) == ("Enabled", f"{seconds}s")


@pytest.mark.parametrize("interval", [
    None, "", "6d", "731d", "604799s", "63072001s", "7", "d", "7D", "7 d", "07d", "-7d", "+7d", "7d1h", "1w", "7.5d",
    "99999999999999999999d",
])
def test_what_is_no_interval_is_refused_and_changes_nothing(sdk, interval):
    key = sdk.key()
    wanted = {"EnableAutomaticRotation": True} | ({} if interval is None else {"RotationInterval": interval})
    with refused("InvalidParameter", 400, "RotationInterval"):
        sdk.call("UpdateRotationPolicy", KeyId=key, **wanted)
    with refused("InvalidParameter", 400, "RotationInterval"):
        sdk.call("CreateKey", **wanted)
    assert policy(sdk, key)["AutomaticRotation"] == "Disabled"


def test_a_policy_is_turned_off_and_its_fields_vanish(sdk):
    key = sdk.key(EnableAutomaticRotation=True, RotationInterval="7d")
    assert set(policy(sdk, key)) == set(POLICY)
    sdk.call("UpdateRotationPolicy", KeyId=key, EnableAutomaticRotation=False)
    shown = policy(sdk, key)
    assert set(shown) == {"AutomaticRotation", "LastRotationDate"}
    assert shown["AutomaticRotation"] == "Disabled"
    # Once more is no error.
    sdk.call("UpdateRotationPolicy", KeyId=key, EnableAutomaticRotation=False)


def test_a_policy_is_suspended_while_the_key_is_not_enabled(sdk):
    key = sdk.key(EnableAutomaticRotation=True, RotationInterval="7d")
    enabled = policy(sdk, key)
    for there, back in (("DisableKey", "EnableKey"), ("ScheduleKeyDeletion", "CancelKeyDeletion")):
        sdk.call(there, KeyId=key)
        assert policy(sdk, key) == enabled | {"AutomaticRotation": "Suspended"}
        sdk.call(back, KeyId=key)
        assert policy(sdk, key) == enabled


def test_whether_to_rotate_must_be_said(sdk):
    with refused("MissingParameter", 400, "EnableAutomaticRotation"):
        sdk.call("UpdateRotationPolicy", KeyId=sdk.key(), RotationInterval="7d")
    with refused("InvalidParameter", 400, "EnableAutomaticRotation"):
        sdk.call("UpdateRotationPolicy", KeyId=sdk.key(), EnableAutomaticRotation="perhaps")
    with refused("Unsupported.Alias", 400):
        sdk.call("UpdateRotationPolicy", KeyId="alias/x", EnableAutomaticRotation=False)
    with refused("Forbidden.KeyNotFound", 404):
        sdk.call("UpdateRotationPolicy", KeyId=NOBODY, EnableAutomaticRotation=False)


def test_a_new_key_has_one_version_its_primary_one(sdk):
    made = sdk.call("CreateKey")["KeyMetadata"]
    key, version = made["KeyId"], made["PrimaryKeyVersion"]
    expected = {"KeyId": key, "KeyVersionId": version, "CreationDate": made["CreationDate"]}
    sdk.call("CreateAlias", AliasName=f"alias/versions/{key}", KeyId=key)
    for name in (key, f"alias/versions/{key}"):
        listed = assert_shape("ListKeyVersions", sdk.call("ListKeyVersions", KeyId=name))
        assert listed["KeyVersions"] == {"KeyVersion": [expected]}
        assert (listed["PageNumber"], listed["PageSize"], listed["TotalCount"]) == (1, 10, 1)
        described = assert_shape("DescribeKeyVersion", sdk.call("DescribeKeyVersion", KeyId=name, KeyVersionId=version))
        assert described["KeyVersion"] == expected
    past = sdk.call("ListKeyVersions", KeyId=key, PageNumber=2)
    assert (past["KeyVersions"], past["TotalCount"]) == ({"KeyVersion": []}, 1)


def test_a_version_that_is_not_the_keys_is_not_found(sdk):
    key, other = sdk.key(), sdk.call("CreateKey")["KeyMetadata"]
    for version in (other["PrimaryKeyVersion"], NOBODY, "not-a-version", key):
        with refused("Forbidden.KeyVersionNotFound", 404):
            sdk.call("DescribeKeyVersion", KeyId=key, KeyVersionId=version)
    with refused("MissingParameter", 400, "KeyVersionId"):
        sdk.call("DescribeKeyVersion", KeyId=key)
    for action, more in (("ListKeyVersions", {}), ("DescribeKeyVersion", {"KeyVersionId": NOBODY})):
        with refused("Forbidden.KeyNotFound", 404):
            sdk.call(action, KeyId=NOBODY, **more)
        with refused("Forbidden.AliasNotFound", 404):
            sdk.call(action, KeyId="alias/nobody", **more)


def test_manual_rotation_is_another_key_behind_the_same_alias(own_daemon):
    """The user guide, 9.3: the application asks for the alias and never learns that its key was changed."""
    sdk = Sdk.of(own_daemon)
    old = sdk.key(Description="2026")
    sdk.call("CreateAlias", AliasName="alias/application", KeyId=old)
    before = [
        sdk.call("Encrypt", KeyId="alias/application", Plaintext="aGVsbG8="),
        sdk.call("GenerateDataKey", KeyId="alias/application"),
    ]
    new = sdk.key(Description="2027")
    sdk.call("UpdateAlias", AliasName="alias/application", KeyId=new)
    after = sdk.call("Encrypt", KeyId="alias/application", Plaintext="aGVsbG8=")
    assert [one["KeyId"] for one in before] == [old, old]
    assert after["KeyId"] == new

    # The old key still opens what it made; nobody has to name it.
    opened = sdk.call("Decrypt", CiphertextBlob=before[0]["CiphertextBlob"])
    assert (opened["KeyId"], opened["Plaintext"]) == (old, "aGVsbG8=")
    assert sdk.call("Decrypt", CiphertextBlob=before[1]["CiphertextBlob"])["Plaintext"] == before[1]["Plaintext"]
    # What is worth it is moved under the new key; then the old one can go.
    moved = sdk.call("ReEncrypt", CiphertextBlob=before[0]["CiphertextBlob"], DestinationKeyId="alias/application")
    sdk.call("DisableKey", KeyId=old)
    with refused("Rejected.Disabled", 409):
        sdk.call("Decrypt", CiphertextBlob=before[0]["CiphertextBlob"])
    opened = sdk.call("Decrypt", CiphertextBlob=moved["CiphertextBlob"])
    assert (opened["KeyId"], opened["Plaintext"]) == (new, "aGVsbG8=")
