"""Encryption through the SDK."""

import base64
import json
import os

import pytest

from sdk import UUID, refused
from shapes import assert_shape


def b64(raw):
    return base64.b64encode(raw).decode()


@pytest.fixture(scope="module")
def key(sdk):
    return sdk.key()


def encrypt(sdk, key, plaintext=b"hello", **more):
    return sdk.call("Encrypt", KeyId=key, Plaintext=b64(plaintext), **more)["CiphertextBlob"]


@pytest.mark.parametrize("size", [1, 2, 3, 31, 32, 33, 1024, 6143, 6144])
def test_what_was_encrypted_decrypts(sdk, key, size):
    plaintext = os.urandom(size)
    made = assert_shape("Encrypt", sdk.call("Encrypt", KeyId=key, Plaintext=b64(plaintext)))
    opened = assert_shape("Decrypt", sdk.call("Decrypt", CiphertextBlob=made["CiphertextBlob"]))
    assert base64.b64decode(opened["Plaintext"], validate=True) == plaintext
    assert made["KeyId"] == opened["KeyId"] == key
    assert made["KeyVersionId"] == opened["KeyVersionId"]
    assert UUID.fullmatch(made["KeyVersionId"])
    base64.b64decode(made["CiphertextBlob"], validate=True)


def test_two_encryptions_of_the_same_have_nothing_in_common(sdk, key):
    first, second = encrypt(sdk, key, bytes(64)), encrypt(sdk, key, bytes(64))
    assert first != second
    assert base64.b64decode(first)[-64:] != base64.b64decode(second)[-64:]


def test_a_key_is_named_by_id_alias_or_arn_and_answered_by_id(sdk):
    made = sdk.call("CreateKey")["KeyMetadata"]
    sdk.call("CreateAlias", AliasName="alias/cipher/by-name", KeyId=made["KeyId"])
    for name in (made["KeyId"], "alias/cipher/by-name", made["Arn"]):
        for answer in (
            sdk.call("Encrypt", KeyId=name, Plaintext="aGVsbG8="),
            sdk.call("GenerateDataKey", KeyId=name),
        ):
            assert answer["KeyId"] == made["KeyId"]
            assert answer["KeyVersionId"] == made["PrimaryKeyVersion"]


CONTEXT = '{"tenant":"7","purpose":"payroll","note":"ä \\u00e4 \\" \\\\"}'


def test_a_context_is_equal_by_its_pairs_whatever_its_text(sdk, key):
    blob = encrypt(sdk, key, EncryptionContext=CONTEXT)
    same = [
        CONTEXT,
        json.dumps(dict(reversed(json.loads(CONTEXT).items())), indent=2),
        json.dumps(json.loads(CONTEXT), ensure_ascii=False),
    ]
    for text in same:
        opened = sdk.call("Decrypt", CiphertextBlob=blob, EncryptionContext=text)
        assert base64.b64decode(opened["Plaintext"]) == b"hello"


@pytest.mark.parametrize("other", [
    None,
    "{}",
    '{"tenant":"8","purpose":"payroll","note":"ä ä \\" \\\\"}',
    '{"tenant":"7","purpose":"payroll"}',
    '{"Tenant":"7","purpose":"payroll","note":"ä ä \\" \\\\"}',
    '{"tenant":"7","purpose":"payroll","note":"ä ä \\" \\\\","more":""}',
])
def test_another_context_does_not_open_the_blob(sdk, key, other):
    blob = encrypt(sdk, key, EncryptionContext=CONTEXT)
    more = {} if other is None else {"EncryptionContext": other}
    with refused("InvalidParameter", 400):
        sdk.call("Decrypt", CiphertextBlob=blob, **more)


def test_no_context_and_an_empty_one_are_the_same(sdk, key):
    assert sdk.call("Decrypt", CiphertextBlob=encrypt(sdk, key), EncryptionContext="{}")["Plaintext"] == "aGVsbG8="
    blob = encrypt(sdk, key, EncryptionContext=" { } ")
    assert sdk.call("Decrypt", CiphertextBlob=blob)["Plaintext"] == "aGVsbG8="


@pytest.mark.parametrize("text", [
    "[]", '"a"', "7", "null", "{", '{"a":1}', '{"a":null}', '{"a":{"b":"c"}}', '{"a":["b"]}', '{"a":"b","a":"c"}',
    '{"a":"b"} x', json.dumps({"a": "b" * 8192}),
])
def test_what_is_no_context_is_refused_everywhere(sdk, key, text):
    for action, parameters in (
        ("Encrypt", {"KeyId": key, "Plaintext": "aGVsbG8="}),
        ("Decrypt", {"CiphertextBlob": encrypt(sdk, key)}),
        ("GenerateDataKey", {"KeyId": key}),
    ):
        with refused("InvalidParameter", 400, "EncryptionContext"):
            sdk.call(action, EncryptionContext=text, **parameters)


@pytest.mark.parametrize("parameters,size", [
    ({}, 32), ({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16),
    ({"NumberOfBytes": 1}, 1), ({"NumberOfBytes": 64}, 64), ({"NumberOfBytes": 1024}, 1024),
    ({"NumberOfBytes": 7, "KeySpec": "AES_256"}, 7),
])
def test_a_data_key_has_the_size_asked_for_and_can_be_opened_again(sdk, key, parameters, size):
    made = assert_shape("GenerateDataKey", sdk.call("GenerateDataKey", KeyId=key, **parameters))
    assert len(base64.b64decode(made["Plaintext"], validate=True)) == size
    assert sdk.call("Decrypt", CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]


def test_data_keys_are_new_each_time_and_bound_to_their_context(sdk, key):
    made = [sdk.call("GenerateDataKey", KeyId=key, EncryptionContext='{"a":"b"}') for _ in range(5)]
    assert len({one["Plaintext"] for one in made}) == 5
    opened = sdk.call("Decrypt", CiphertextBlob=made[0]["CiphertextBlob"], EncryptionContext='{"a":"b"}')
    assert opened["Plaintext"] == made[0]["Plaintext"]
    with refused("InvalidParameter", 400):
        sdk.call("Decrypt", CiphertextBlob=made[0]["CiphertextBlob"])


@pytest.mark.parametrize("parameters,name", [
    ({"NumberOfBytes": 0}, "NumberOfBytes"), ({"NumberOfBytes": 1025}, "NumberOfBytes"),
    ({"NumberOfBytes": -1}, "NumberOfBytes"), ({"NumberOfBytes": "many"}, "NumberOfBytes"),
    ({"KeySpec": "AES_512"}, "KeySpec"),
])
def test_a_data_key_of_no_such_size_is_refused(sdk, key, parameters, name):
    with refused("InvalidParameter", 400, name):
        sdk.call("GenerateDataKey", KeyId=key, **parameters)


@pytest.mark.parametrize("text", ["*", "aGVsbG8", "aGVs bG8=", "aGVsbG9=", "-_8=", b64(bytes(6145))])
def test_a_plaintext_that_is_not_base64_or_too_long_is_refused_by_name(sdk, key, text):
    with refused("InvalidParameter", 400, "Plaintext"):
        sdk.call("Encrypt", KeyId=key, Plaintext=text)


def test_what_is_missing_is_said_before_what_is_wrong(sdk, key):
    for action, parameters, name in (
        ("Encrypt", {"Plaintext": "*"}, "KeyId"),
        ("Encrypt", {"KeyId": key}, "Plaintext"),
        ("Encrypt", {"KeyId": key, "Plaintext": ""}, "Plaintext"),
        ("Encrypt", {"KeyId": "acs:bad", "EncryptionContext": "bad"}, "Plaintext"),
        ("Decrypt", {"EncryptionContext": "bad"}, "CiphertextBlob"),
        ("GenerateDataKey", {"NumberOfBytes": 0}, "KeyId"),
    ):
        with refused("MissingParameter", 400, f'"{name}"'):
            sdk.call(action, **parameters)


def test_every_bit_of_a_blob_counts(sdk, key):
    blob = bytearray(base64.b64decode(encrypt(sdk, key)))
    for position in range(len(blob)):
        blob[position] ^= 1
        # In the header a changed bit may name another key, which then does not exist.
        with pytest.raises(Exception) as caught:
            sdk.call("Decrypt", CiphertextBlob=b64(bytes(blob)))
        answered = caught.value.get_error_code(), caught.value.get_http_status()
        assert answered in {("InvalidParameter", 400), ("Forbidden.KeyNotFound", 404)}, position
        blob[position] ^= 1
    assert sdk.call("Decrypt", CiphertextBlob=b64(bytes(blob)))["Plaintext"] == "aGVsbG8="


def test_what_is_no_blob_is_refused(sdk, key):
    blob = encrypt(sdk, key)
    for text in ("*", "AA==", blob[:-4], blob + "AAAA", b64(os.urandom(80)), blob.rstrip("=") + "\n"):
        with refused("InvalidParameter", 400, "CiphertextBlob"):
            sdk.call("Decrypt", CiphertextBlob=text)


def test_an_unknown_key_or_alias_is_not_found(sdk):
    for action, more in (("Encrypt", {"Plaintext": "aGVsbG8="}), ("GenerateDataKey", {})):
        with refused("Forbidden.KeyNotFound", 404):
            sdk.call(action, KeyId="00000000-0000-4000-8000-000000000000", **more)
        with refused("Forbidden.AliasNotFound", 404):
            sdk.call(action, KeyId="alias/nobody", **more)


def test_a_dry_run_never_does_the_real_thing(sdk, key):
    for action, parameters in (("Encrypt", {"KeyId": key, "Plaintext": "aGVsbG8="}), ("GenerateDataKey", {"KeyId": key})):
        request = sdk.request(action, **parameters)
        request.add_query_param("DryRun", "true")
        with pytest.raises(Exception) as caught:
            sdk.client.do_action_with_exception(request)
        assert caught.value.get_http_status() == 400


def test_an_old_blob_opens_after_disabling_and_enabling(sdk):
    key = sdk.key()
    blob = encrypt(sdk, key)
    sdk.call("DisableKey", KeyId=key)
    with refused("Rejected.Disabled", 409):
        sdk.call("Decrypt", CiphertextBlob=blob)
    sdk.call("EnableKey", KeyId=key)
    assert sdk.call("Decrypt", CiphertextBlob=blob)["Plaintext"] == "aGVsbG8="
