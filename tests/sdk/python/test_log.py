"""The log, as an outsider sees it: `chancery log`, and a verifier that shares no code with the daemon."""

import base64
import hashlib
import json
import os
import shutil

import pytest

from daemon import run
from outsider import Wrong, verify
from sdk import Sdk, refused


def fill(daemon):
    """Some of everything: changes, uses, queries, denials. Gives the request ids of all answers, in order."""
    sdk, answers = Sdk.of(daemon), []

    def call(action, **parameters):
        answer = sdk.call(action, **parameters)
        answers.append((answer["RequestId"], f"kms/{action}"))
        return answer

    key = call("CreateKey", Description="for the log")["KeyMetadata"]["KeyId"]
    call("CreateAlias", AliasName="alias/log", KeyId=key)
    blob = call("Encrypt", KeyId="alias/log", Plaintext="aGVsbG8=", EncryptionContext='{"a":"b"}')["CiphertextBlob"]
    call("Decrypt", CiphertextBlob=blob, EncryptionContext='{"a":"b"}')
    call("GenerateDataKey", KeyId=key)
    call("ListKeys")
    call("DisableKey", KeyId=key)
    with refused("Rejected.Disabled", 409) as caught:
        sdk.call("Encrypt", KeyId=key, Plaintext="aGVsbG8=")
    answers.append((caught.value.get_request_id(), "kms/Encrypt"))
    call("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    call("CancelKeyDeletion", KeyId=key)
    call("DeleteAlias", AliasName="alias/log")
    return answers, blob


def entries_of(daemon):
    """Status and entries over the socket, as an auditor fetches them."""
    status = daemon.command("chancery", "GetLogStatus").json
    entries = []
    while len(entries) < status["Size"]:
        more = ["--From", len(entries), "--MaxEntries", min(7, status["Size"] - len(entries))]
        page = daemon.command("chancery", "GetLogEntries", *more).json
        assert page["From"] == len(entries)
        entries += [base64.b64decode(entry) for entry in page["Entries"]["Entry"]]
    return status, entries


def test_every_answer_is_an_event_and_an_outsider_can_verify_them_all(own_daemon):
    answers, blob = fill(own_daemon)
    status, entries = entries_of(own_daemon)
    events = verify(entries, status)
    found = [(event["rid"], event) for event in events]
    logged = {rid if isinstance(rid, str) else str_uuid(rid): event for rid, event in found}
    for rid, op in answers:
        assert logged[rid]["op"] == op
    order = [list(logged).index(rid) for rid, _ in answers]
    assert order == sorted(order)
    # 'Which call made this blob, and who opened it?'
    digest = hashlib.sha256(base64.b64decode(blob)).digest()
    assert [event["op"] for event in events if event.get("blob") == digest] == ["kms/Encrypt", "kms/Decrypt"]
    denied = logged[answers[7][0]]
    assert denied["out"]["err"]["code"] == "Rejected.Disabled"
    assert "Plaintext" in denied["req"] and denied["req"]["Plaintext"] == len("aGVsbG8=")


def str_uuid(raw):
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def test_the_outsider_notices_every_kind_of_lie(own_daemon):
    fill(own_daemon)
    status, entries = entries_of(own_daemon)
    verify(entries, status)
    flipped = bytearray(entries[3])
    flipped[len(flipped) // 2] ^= 1
    lies = {
        "flipped": entries[:3] + [bytes(flipped)] + entries[4:],
        "dropped": entries[:3] + entries[4:],
        "swapped": entries[:3] + [entries[4], entries[3]] + entries[5:],
        "cut": entries[:-1],
        "repeated": entries + entries[-1:],
    }
    for name, lie in lies.items():
        with pytest.raises((Wrong, IndexError, ValueError, UnicodeDecodeError)):
            verify(lie, status)
            pytest.fail(name)


def both_ways(daemon, *arguments):
    """The same command against the running daemon and, after its end, against the directory."""
    live = run("log", *arguments, "--socket", daemon.socket)
    daemon.stop()
    return live, run("log", *arguments, "--data", daemon.data)


@pytest.mark.parametrize("command", ["verify", "replay"])
def test_a_sound_log_is_said_to_be_sound_live_and_stopped(own_daemon, command):
    fill(own_daemon)
    for finished in both_ways(own_daemon, command):
        assert finished.status == 0, finished
        assert len(finished.out.strip().splitlines()) == 1, finished


def test_show_tells_every_event_live_and_stopped(own_daemon):
    answers, _ = fill(own_daemon)
    for finished in both_ways(own_daemon, "show"):
        assert finished.status == 0, finished
        for rid, op in answers:
            assert any(rid in line and op in line for line in finished.out.splitlines()), (rid, op)


def test_show_json_is_one_json_value_an_event(own_daemon):
    answers, _ = fill(own_daemon)
    for finished in both_ways(own_daemon, "show", "--json"):
        assert finished.status == 0, finished
        events = [json.loads(line) for line in finished.out.splitlines()]
        assert [event["seq"] for event in events] == list(range(len(events)))
        assert {rid for rid, _ in answers} <= {event["rid"] for event in events}


def test_show_takes_a_part(own_daemon):
    fill(own_daemon)
    finished = run("log", "show", "--json", "--from", 2, "--limit", 3, "--socket", own_daemon.socket)
    assert [json.loads(line)["seq"] for line in finished.out.splitlines()] == [2, 3, 4]


def test_a_killed_daemons_directory_verifies_as_it_is(own_daemon):
    fill(own_daemon)
    own_daemon.kill()
    for command in ("verify", "replay"):
        finished = run("log", command, "--data", own_daemon.data)
        assert finished.status == 0, finished


def test_a_directory_in_use_is_not_opened(own_daemon):
    finished = run("log", "verify", "--data", own_daemon.data)
    assert finished.status != 0
    assert "--socket" in finished.err, finished


def test_rebuilding_gives_back_the_same_state(own_daemon):
    answers, _ = fill(own_daemon)
    before = Sdk.of(own_daemon).call("ListKeys")["Keys"]
    own_daemon.stop()
    finished = run("log", "rebuild", "--data", own_daemon.data)
    assert finished.status == 0, finished
    finished = run("log", "replay", "--data", own_daemon.data)
    assert finished.status == 0, finished
    own_daemon.start()
    assert Sdk.of(own_daemon).call("ListKeys")["Keys"] == before


# Whatever the store makes of damaged files, `verify` must not call them sound. A file may hold bytes that mean nothing
# (room set aside), so each file is damaged over its whole length.
def test_damage_anywhere_in_the_store_is_never_called_sound(own_daemon):
    fill(own_daemon)
    own_daemon.stop()
    store = own_daemon.data / "store"
    kept = own_daemon.home / "kept"
    shutil.copytree(own_daemon.data, kept)
    holders = [path for path in sorted(store.rglob("*")) if path.is_file() and holds_entries(path)]
    assert holders, "no file of the store holds events"
    for path in holders:
        raw = bytearray(path.read_bytes())
        for position in occurrences(raw):
            raw[position] ^= 0x20
        path.write_bytes(raw)
    finished = run("log", "verify", "--data", own_daemon.data)
    assert finished.status == 1, finished
    # What was kept still verifies: the damage was noticed, not the copying.
    finished = run("log", "verify", "--data", kept)
    assert finished.status == 0, finished


MARK = b"kms/CreateKey"


def occurrences(raw):
    position = raw.find(MARK)
    while position >= 0:
        yield position
        position = raw.find(MARK, position + 1)


def holds_entries(path):
    return MARK in path.read_bytes()


def test_no_directory_and_no_daemon_are_told_apart(tmp_path):
    finished = run("log", "verify", "--data", tmp_path / "nothing")
    assert finished.status not in (0, 101), finished
    finished = run("log", "verify", "--socket", tmp_path / "s.sock")
    assert finished.status == 3, finished


def test_usage_errors_end_with_two():
    for arguments in (["log"], ["log", "verify", "--no-such-option"], ["log", "burn"]):
        assert run(*arguments).status == 2, arguments


def test_the_log_is_not_readable_by_others(own_daemon):
    assert os.stat(own_daemon.data).st_mode & 0o077 == 0
    assert os.stat(own_daemon.data / "root-access-key.json").st_mode & 0o777 == 0o600
    assert os.stat(own_daemon.root_key).st_mode & 0o777 == 0o600
    assert os.stat(own_daemon.socket).st_mode & 0o777 == 0o600
