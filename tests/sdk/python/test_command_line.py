"""The command line: a contract that scripts rely on."""

import base64
import json
import os
import signal

import pytest

from daemon import Daemon, run
from raw import canonical, send, signed
from sdk import Sdk, UUID
from shapes import assert_shape


def test_over_the_socket_the_daemons_own_user_is_root_without_credentials(daemon):
    made = daemon.command("kms", "CreateKey", "--Description", "by hand")
    assert made.status == 0, made
    key = assert_shape("CreateKey", made.json)["KeyMetadata"]
    assert key["Description"] == "by hand"
    assert key["Creator"] == daemon.credentials["AccountId"]


def test_encrypt_and_decrypt_by_hand(daemon):
    key = daemon.command("kms", "CreateKey").json["KeyMetadata"]["KeyId"]
    plaintext = base64.b64encode(b"by hand").decode()
    context = ["--EncryptionContext", '{"a":"b"}']
    made = daemon.command("kms", "Encrypt", "--KeyId", key, "--Plaintext", plaintext, *context)
    assert_shape("Encrypt", made.json)
    opened = daemon.command("kms", "Decrypt", "--CiphertextBlob", made.json["CiphertextBlob"], *context)
    assert assert_shape("Decrypt", opened.json)["Plaintext"] == plaintext


def test_what_the_command_line_makes_the_sdk_opens(daemon, sdk):
    key = daemon.command("kms", "CreateKey").json["KeyMetadata"]["KeyId"]
    blob = daemon.command("kms", "Encrypt", "--KeyId", key, "--Plaintext", "aGVsbG8=").json["CiphertextBlob"]
    assert sdk.call("Decrypt", CiphertextBlob=blob)["Plaintext"] == "aGVsbG8="


def test_a_secret_can_come_from_a_file_or_from_stdin(daemon, tmp_path):
    key = daemon.command("kms", "CreateKey").json["KeyMetadata"]["KeyId"]
    file = tmp_path / "plaintext"
    file.write_text("aGVsbG8=")
    by_file = daemon.command("kms", "Encrypt", "--KeyId", key, "--Plaintext", f"@{file}")
    by_stdin = run("kms", "Encrypt", "--KeyId", key, "--Plaintext", "@-", stdin="aGVsbG8=",
                   CHANCERY_SOCKET=str(daemon.socket))
    for made in (by_file, by_stdin):
        assert made.status == 0, made
        opened = daemon.command("kms", "Decrypt", "--CiphertextBlob", made.json["CiphertextBlob"])
        assert opened.json["Plaintext"] == "aGVsbG8="


def test_over_tcp_the_access_key_is_needed_and_enough(daemon):
    credentials = daemon.credentials
    endpoint = ["--endpoint", f"http://{daemon.endpoint}"]
    by_environment = run(
        "kms", "ListKeys", *endpoint,
        ALIBABA_CLOUD_ACCESS_KEY_ID=credentials["AccessKeyId"],
        ALIBABA_CLOUD_ACCESS_KEY_SECRET=credentials["AccessKeySecret"],
    )
    assert_shape("ListKeys", by_environment.json)
    by_file = run("kms", "ListKeys", *endpoint, "--access-key-file", daemon.data / "root-access-key.json")
    assert_shape("ListKeys", by_file.json)
    nobody = run("kms", "ListKeys", *endpoint)
    assert nobody.status == 2, nobody


def test_a_refusal_is_json_on_stderr_and_status_one(daemon):
    finished = daemon.command("kms", "DescribeKey", "--KeyId", "alias/nobody")
    assert finished.status == 1, finished
    assert finished.out == ""
    error = assert_shape("error", json.loads(finished.err))
    assert (error["Code"], error["HttpStatus"]) == ("Forbidden.AliasNotFound", 404)
    assert UUID.fullmatch(error["RequestId"])


@pytest.mark.parametrize("arguments,word", [
    (["kms", "Encrpyt"], "Encrypt"),
    (["kms", "Encrypt", "--KeyID", "x", "--Plaintext", "eA=="], "KeyId"),
    (["kms"], "CreateKey"),
    ([], "serve"),
    (["kms", "Encrypt", "--Plaintext"], "Plaintext"),
    (["fly"], "fly"),
])
def test_usage_errors_end_with_two_and_say_what_was_meant(daemon, arguments, word):
    finished = daemon.command(*arguments)
    assert finished.status == 2, finished
    assert word in finished.err, finished
    assert finished.out == ""


def test_help_lists_operations_and_parameters():
    listed = run("kms", "--help")
    assert listed.status == 0, listed
    for action in ("CreateKey", "Encrypt", "ListAliases", "DescribeRegions"):
        assert action in listed.out
    one = run("kms", "Encrypt", "--help")
    assert one.status == 0, one
    for parameter in ("KeyId", "Plaintext", "EncryptionContext"):
        assert parameter in one.out
    for command in ("serve", "log", "keyring", "status", "init"):
        assert command in run("--help").out


def test_without_a_daemon_the_status_is_three(tmp_path):
    for finished in (
        run("kms", "ListKeys", "--socket", tmp_path / "s.sock"),
        run("status", "--socket", tmp_path / "s.sock"),
        run("kms", "ListKeys", "--endpoint", "http://127.0.0.1:9",
            ALIBABA_CLOUD_ACCESS_KEY_ID="LTAI5tNobodyHasThisKey00", ALIBABA_CLOUD_ACCESS_KEY_SECRET="x"),
    ):
        assert finished.status == 3, finished
        assert finished.out == ""


def test_status_tells_where_the_log_is(daemon):
    finished = daemon.command("status")
    assert finished.status == 0, finished
    log = daemon.command("chancery", "GetLogStatus").json
    assert log["LogId"] in finished.out


def test_init_founds_what_serve_then_serves(tmp_path):
    daemon = Daemon()
    try:
        made = run("init", "--data", daemon.data, "--root-key", daemon.root_key)
        assert made.status == 0, made
        credentials = daemon.credentials
        assert set(credentials) == {"AccountId", "AccessKeyId", "AccessKeySecret", "Region"}
        assert credentials["AccessKeySecret"] not in made.out + made.err
        daemon.start()
        assert daemon.credentials == credentials
        assert Sdk.of(daemon).call("ListKeys")["TotalCount"] == 0
        daemon.stop()
    finally:
        daemon.remove()


def test_what_was_there_is_there_after_a_restart(own_daemon):
    sdk = Sdk.of(own_daemon)
    key = sdk.key()
    sdk.call("CreateAlias", AliasName="alias/kept", KeyId=key)
    blob = sdk.call("Encrypt", KeyId="alias/kept", Plaintext="aGVsbG8=")["CiphertextBlob"]
    other = sdk.key()
    sdk.call("DisableKey", KeyId=other)
    for end in (own_daemon.stop, own_daemon.kill, own_daemon.stop):
        end()
        own_daemon.start()
        sdk = Sdk.of(own_daemon)
        assert sdk.call("Decrypt", CiphertextBlob=blob) | {"RequestId": ""} == {
            "KeyId": key, "KeyVersionId": sdk.call("DescribeKey", KeyId="alias/kept")["KeyMetadata"]["PrimaryKeyVersion"],
            "Plaintext": "aGVsbG8=", "RequestId": "",
        }
        assert sdk.state(other) == "Disabled"


def test_a_second_daemon_on_the_same_directory_is_refused_and_the_first_goes_on(own_daemon):
    second = run("serve", "--data", own_daemon.data, "--root-key", own_daemon.root_key,
                 "--socket", own_daemon.home / "run" / "t.sock")
    assert second.status not in (0, 101), second
    assert "in use" in second.err or "lock" in second.err, second
    assert Sdk.of(own_daemon).call("ListKeys")["TotalCount"] == 0


def test_a_second_daemon_on_the_same_socket_is_refused(own_daemon):
    other = Daemon()
    try:
        second = run("serve", "--data", other.data, "--root-key", other.root_key, "--socket", own_daemon.socket)
        assert second.status not in (0, 101), second
        assert str(own_daemon.socket) in second.err
        assert own_daemon.command("kms", "ListKeys").status == 0
    finally:
        other.remove()


def test_beyond_loopback_plain_text_must_be_asked_for(tmp_path):
    refused = run("serve", "--data", tmp_path / "d", "--root-key", tmp_path / "k", "--socket", tmp_path / "s.sock",
                  "--listen", "0.0.0.0:0")
    assert refused.status not in (0, 101), refused
    assert "--allow-plaintext" in refused.err


def test_without_its_root_key_a_directory_stays_shut(own_daemon):
    own_daemon.stop()
    os.rename(own_daemon.root_key, own_daemon.home / "elsewhere")
    finished = run("serve", "--data", own_daemon.data, "--root-key", own_daemon.root_key, "--socket", own_daemon.socket)
    assert finished.status not in (0, 101), finished
    assert str(own_daemon.root_key) in finished.err
    # And no new root key was made in its place.
    assert not own_daemon.root_key.exists()


def test_an_interrupt_is_a_clean_end_too(own_daemon):
    own_daemon.process.send_signal(signal.SIGINT)
    assert own_daemon.process.wait(30) == 0


def test_regions_can_be_configured():
    daemon = Daemon()
    try:
        daemon.start("--region", "eu-central-1", "--region", "cn-hangzhou")
        assert daemon.credentials["Region"] == "eu-central-1"
        regions = send(daemon, query=canonical(signed(daemon, "DescribeRegions"))).json["Regions"]["Region"]
        assert regions == [{"RegionId": "eu-central-1"}, {"RegionId": "cn-hangzhou"}]
        here, there = (send(daemon, query=canonical(signed(daemon, "CreateKey", RegionId=region))).json["KeyMetadata"]
                       for region in ("eu-central-1", "cn-hangzhou"))
        assert ":eu-central-1:" in here["Arn"] and ":cn-hangzhou:" in there["Arn"]
        # Nothing crosses regions.
        crossed = send(daemon, query=canonical(signed(daemon, "DescribeKey", RegionId="cn-hangzhou", KeyId=here["KeyId"])))
        assert crossed.refusal == ("Forbidden.KeyNotFound", 404)
        daemon.stop()
    finally:
        daemon.remove()
