"""SM4, ReEncrypt, data keys without plaintext and rehearsals, through the SDK."""

import base64
import os

import pytest

from sdk import UUID, refused
from shapes import assert_shape

NOBODY = "00000000-0000-4000-8000-000000000000"
CONTEXT, OTHER = '{"tenant":"7"}', '{"tenant":"8"}'
SPECS = ["Aliyun_AES_256", "Aliyun_SM4"]


def b64(raw):
    return base64.b64encode(raw).decode()


def encrypt(sdk, key, **more):
    return sdk.call("Encrypt", KeyId=key, Plaintext="aGVsbG8=", **more)["CiphertextBlob"]


def opened(sdk, blob, **more):
    answer = assert_shape("Decrypt", sdk.call("Decrypt", CiphertextBlob=blob, **more))
    return answer["Plaintext"], answer["KeyId"]


# SM4


@pytest.mark.parametrize("size", [1, 15, 16, 17, 1024, 6144])
def test_sm4_encrypts_and_decrypts(sdk, size):
    made = sdk.call("CreateKey", KeySpec="Aliyun_SM4")["KeyMetadata"]
    assert (made["KeySpec"], made["KeyUsage"]) == ("Aliyun_SM4", "ENCRYPT/DECRYPT")
    plaintext = b64(os.urandom(size))
    answer = assert_shape("Encrypt", sdk.call("Encrypt", KeyId=made["KeyId"], Plaintext=plaintext, EncryptionContext=CONTEXT))
    assert (answer["KeyId"], answer["KeyVersionId"]) == (made["KeyId"], made["PrimaryKeyVersion"])
    assert opened(sdk, answer["CiphertextBlob"], EncryptionContext=CONTEXT) == (plaintext, made["KeyId"])
    for other in ({}, {"EncryptionContext": OTHER}):
        with refused("InvalidParameter", 400):
            sdk.call("Decrypt", CiphertextBlob=answer["CiphertextBlob"], **other)


def test_an_sm4_key_makes_data_keys_too(sdk):
    key = sdk.key(KeySpec="Aliyun_SM4")
    made = assert_shape("GenerateDataKey", sdk.call("GenerateDataKey", KeyId=key, KeySpec="AES_128"))
    assert len(base64.b64decode(made["Plaintext"])) == 16
    assert opened(sdk, made["CiphertextBlob"])[0] == made["Plaintext"]


def test_every_bit_of_an_sm4_blob_counts(sdk):
    key = sdk.key(KeySpec="Aliyun_SM4")
    blob = bytearray(base64.b64decode(encrypt(sdk, key)))
    for position in range(len(blob)):
        blob[position] ^= 0x80
        with pytest.raises(Exception) as caught:
            sdk.call("Decrypt", CiphertextBlob=b64(bytes(blob)))
        answered = caught.value.get_error_code(), caught.value.get_http_status()
        assert answered in {("InvalidParameter", 400), ("Forbidden.KeyNotFound", 404)}, position
        blob[position] ^= 0x80
    assert opened(sdk, b64(bytes(blob)))[0] == "aGVsbG8="


def test_an_sm4_blob_opens_after_a_crash(own_daemon):
    from sdk import Sdk

    sdk = Sdk.of(own_daemon)
    key = sdk.key(KeySpec="Aliyun_SM4")
    blob = encrypt(sdk, key)
    own_daemon.kill()
    sdk = Sdk.of(own_daemon.start())
    assert opened(sdk, blob) == ("aGVsbG8=", key)
    assert opened(sdk, encrypt(sdk, key)) == ("aGVsbG8=", key)


# GenerateDataKeyWithoutPlaintext


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("parameters,size", [
    ({}, 32), ({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 1}, 1),
    ({"NumberOfBytes": 1024}, 1024), ({"NumberOfBytes": 7, "KeySpec": "AES_256"}, 7),
])
def test_a_data_key_without_plaintext_has_its_size_and_shows_nothing_of_it(sdk, spec, parameters, size):
    key = sdk.key(KeySpec=spec)
    made = sdk.call("GenerateDataKeyWithoutPlaintext", KeyId=key, EncryptionContext=CONTEXT, **parameters)
    assert_shape("GenerateDataKeyWithoutPlaintext", made)
    assert UUID.fullmatch(made["KeyVersionId"])
    plaintext, by = opened(sdk, made["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert (len(base64.b64decode(plaintext)), by) == (size, key)
    with refused("InvalidParameter", 400):
        sdk.call("Decrypt", CiphertextBlob=made["CiphertextBlob"])


def test_a_recipient_is_refused_rather_than_ignored(sdk):
    key = sdk.key()
    for action, parameters in (
        ("Decrypt", {"CiphertextBlob": encrypt(sdk, key)}), ("GenerateDataKey", {"KeyId": key}),
    ):
        with refused("UnsupportedOperation", 400):
            sdk.call(action, Recipient="{}", **parameters)


# ReEncrypt


@pytest.mark.parametrize("source_spec", SPECS)
@pytest.mark.parametrize("destination_spec", SPECS)
def test_a_blob_is_moved_to_another_key_and_context_and_the_answer_names_the_source(sdk, source_spec, destination_spec):
    source = sdk.call("CreateKey", KeySpec=source_spec)["KeyMetadata"]
    destination = sdk.call("CreateKey", KeySpec=destination_spec)["KeyMetadata"]
    blob = encrypt(sdk, source["KeyId"], EncryptionContext=CONTEXT)
    moved = assert_shape("ReEncrypt", sdk.call(
        "ReEncrypt", CiphertextBlob=blob, SourceEncryptionContext=CONTEXT,
        DestinationKeyId=destination["KeyId"], DestinationEncryptionContext=OTHER,
    ))
    assert (moved["KeyId"], moved["KeyVersionId"]) == (source["KeyId"], source["PrimaryKeyVersion"])
    assert opened(sdk, moved["CiphertextBlob"], EncryptionContext=OTHER) == ("aGVsbG8=", destination["KeyId"])
    with refused("InvalidParameter", 400):
        sdk.call("Decrypt", CiphertextBlob=moved["CiphertextBlob"], EncryptionContext=CONTEXT)
    # The source stays what it is.
    assert opened(sdk, blob, EncryptionContext=CONTEXT) == ("aGVsbG8=", source["KeyId"])


def test_the_destination_is_named_by_id_alias_or_arn_and_may_be_the_source(sdk):
    made = sdk.call("CreateKey")["KeyMetadata"]
    key = made["KeyId"]
    sdk.call("CreateAlias", AliasName="alias/destination", KeyId=key)
    blob = encrypt(sdk, sdk.key())
    for name in (key, "alias/destination", made["Arn"]):
        moved = sdk.call("ReEncrypt", CiphertextBlob=blob, DestinationKeyId=name)["CiphertextBlob"]
        assert opened(sdk, moved) == ("aGVsbG8=", key)
    again = sdk.call("ReEncrypt", CiphertextBlob=moved, DestinationKeyId=key)["CiphertextBlob"]
    assert again != moved
    assert opened(sdk, again) == ("aGVsbG8=", key)


def test_a_large_blob_is_moved_whole(sdk):
    plaintext = b64(os.urandom(6144))
    blob = sdk.call("Encrypt", KeyId=sdk.key(), Plaintext=plaintext)["CiphertextBlob"]
    moved = sdk.call("ReEncrypt", CiphertextBlob=blob, DestinationKeyId=sdk.key())["CiphertextBlob"]
    assert opened(sdk, moved)[0] == plaintext


def test_both_keys_must_be_usable_and_the_source_is_looked_at_first(sdk):
    source, destination = sdk.key(), sdk.key()
    blob = encrypt(sdk, source)
    move = {"CiphertextBlob": blob, "DestinationKeyId": destination}
    sdk.call("ScheduleKeyDeletion", KeyId=destination)
    with refused("Rejected.PendingDeletion", 409):
        sdk.call("ReEncrypt", **move)
    sdk.call("DisableKey", KeyId=source)
    with refused("Rejected.Disabled", 409):
        sdk.call("ReEncrypt", **move)
    sdk.call("CancelKeyDeletion", KeyId=destination)
    with refused("Rejected.Disabled", 409):
        sdk.call("ReEncrypt", **move)
    sdk.call("EnableKey", KeyId=source)
    sdk.call("ReEncrypt", **move)


def test_a_move_that_can_not_be_is_refused(sdk):
    key = sdk.key()
    blob = encrypt(sdk, key, EncryptionContext=CONTEXT)
    good = {"CiphertextBlob": blob, "DestinationKeyId": key, "SourceEncryptionContext": CONTEXT}
    for change, code, status in (
        ({"SourceEncryptionContext": OTHER}, "InvalidParameter", 400),
        ({"SourceEncryptionContext": "x"}, "InvalidParameter", 400),
        ({"DestinationEncryptionContext": "x"}, "InvalidParameter", 400),
        ({"CiphertextBlob": "AA=="}, "InvalidParameter", 400),
        ({"CiphertextBlob": ""}, "MissingParameter", 400),
        ({"DestinationKeyId": ""}, "MissingParameter", 400),
        ({"DestinationKeyId": NOBODY}, "Forbidden.KeyNotFound", 404),
        ({"DestinationKeyId": "alias/nobody"}, "Forbidden.AliasNotFound", 404),
        # Ciphertexts of asymmetric keys can't be there yet.
        ({"SourceKeyId": key}, "UnsupportedOperation", 400),
        ({"SourceEncryptionAlgorithm": "RSAES_OAEP_SHA_256"}, "UnsupportedOperation", 400),
    ):
        with refused(code, status):
            sdk.call("ReEncrypt", **good | change)
    assert sdk.call("ReEncrypt", **good)["KeyId"] == key


# DryRun


def rehearsals(sdk, key):
    """Each operation that knows DryRun, as it would succeed."""
    blob = encrypt(sdk, key)
    return {
        "Encrypt": {"KeyId": key, "Plaintext": "aGVsbG8="},
        "Decrypt": {"CiphertextBlob": blob},
        "ReEncrypt": {"CiphertextBlob": blob, "DestinationKeyId": key},
        "GenerateDataKey": {"KeyId": key},
        "GenerateDataKeyWithoutPlaintext": {"KeyId": key},
    }


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("dry_run", ["true", "True", True])
def test_a_rehearsal_of_what_would_succeed_says_so_as_an_error(sdk, spec, dry_run):
    for action, parameters in rehearsals(sdk, sdk.key(KeySpec=spec)).items():
        with refused("DryRunOperationError", 400) as caught:
            sdk.call(action, DryRun=dry_run, **parameters)
        # Nothing of it comes along with the error.
        assert "CiphertextBlob" not in str(caught.value)


def test_a_rehearsal_that_is_none_is_the_real_thing(sdk):
    for action, parameters in rehearsals(sdk, sdk.key()).items():
        assert_shape(action, sdk.call(action, DryRun="false", **parameters))
        with refused("InvalidParameter", 400, "DryRun"):
            sdk.call(action, DryRun="perhaps", **parameters)


def test_a_rehearsal_names_a_wrong_parameter_and_says_every_other_refusal_as_it_is(sdk):
    key = sdk.key()
    all_of_them = rehearsals(sdk, key)
    for action, parameters in all_of_them.items():
        context = "SourceEncryptionContext" if action == "ReEncrypt" else "EncryptionContext"
        with refused("ValidationError", 400, context):
            sdk.call(action, DryRun=True, **parameters | {context: "x"})
        with refused("ValidationError", 400):
            sdk.call(action, DryRun=True)
    for action in ("Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"):
        with refused("Forbidden.KeyNotFound", 404):
            sdk.call(action, DryRun=True, **all_of_them[action] | {"KeyId": NOBODY})
    # The blob is tried: with another context it would not open.
    with refused("ValidationError", 400, "CiphertextBlob"):
        sdk.call("Decrypt", DryRun=True, EncryptionContext=CONTEXT, **all_of_them["Decrypt"])
    sdk.call("DisableKey", KeyId=key)
    for action, parameters in all_of_them.items():
        with refused("Rejected.Disabled", 409):
            sdk.call(action, DryRun=True, **parameters)
