"""Two verifiers that share no code, the daemon's own and the one here, agree on what is sound and on what is not."""

import contextlib
import io
import re
import shutil

import pytest

import forge
from daemon import Daemon, run
from verifier import tree
from verifier.__main__ import main
from verifier.verify import Wrong, verify


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """An export of a real log: changes, uses, queries, denials, a rotated log key, two tiles and more; cleanly stopped."""
    daemon = Daemon()
    try:
        daemon.start()
        key = daemon.command("kms", "CreateKey").json["KeyMetadata"]["KeyId"]
        daemon.command("kms", "CreateAlias", "--AliasName", "alias/log", "--KeyId", key)
        for text in ("aGVsbG8=", "d29ybGQ="):
            blob = daemon.command("kms", "Encrypt", "--KeyId", "alias/log", "--Plaintext", text).json["CiphertextBlob"]
            daemon.command("kms", "Decrypt", "--CiphertextBlob", blob)
        daemon.command("kms", "DisableKey", "--KeyId", key)
        assert daemon.command("kms", "Encrypt", "--KeyId", key, "--Plaintext", "aGVsbG8=").status == 1
        daemon.command("ram", "CreateUser", "--UserName", "alice")
        assert daemon.command("log", "rotate-key", "--socket", daemon.socket).status == 0
        for _ in range(20):
            daemon.command("kms", "ListKeys")
        live = tmp_path_factory.mktemp("live") / "out"
        exported = run("log", "export", "--socket", daemon.socket, "--to", live)
        assert exported.status == 0, exported
        daemon.stop()
        stopped = tmp_path_factory.mktemp("stopped") / "out"
        exported = run("log", "export", "--data", daemon.data, "--to", stopped)
        assert exported.status == 0, exported
        yield {"live": live, "stopped": stopped, "data": daemon.data}
    finally:
        daemon.remove()


@pytest.fixture
def copy(honest, tmp_path):
    """A copy of the stopped daemon's export, to lie in."""
    return shutil.copytree(honest["stopped"], tmp_path / "copy")


@pytest.fixture
def forged(copy):
    """The same log, signed again from the first event on by keys of the test's own; and the first one's fingerprint."""
    return copy, forge.sign_again(copy, forge.Forger("first"))


def ours(folder, *more):
    """The verdict of the verifier here: exit status and text."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(folder), *map(str, more)])
    return status, out.getvalue() + err.getvalue()


def theirs(folder, *more):
    """The verdict of the daemon's verifier: both the log and the state that comes with it."""
    verified = run("log", "verify", "--export", folder, *more)
    replayed = run("log", "replay", "--export", folder)
    text = verified.out + verified.err + replayed.out + replayed.err
    assert verified.status in (0, 1) and replayed.status in (0, 1), text
    return max(verified.status, replayed.status), text


def both_refuse(folder, here=(), there=()):
    status, text = ours(folder, *here)
    assert status == 1, f"the verifier here says yes: {text}"
    status, text = theirs(folder, *(there or here))
    assert status == 1, f"the daemon's verifier says yes: {text}"


def both_accept(folder, here=(), there=()):
    status, text = ours(folder, *here)
    assert status == 0, text
    status, text = theirs(folder, *(there or here))
    assert status == 0, text


@pytest.mark.parametrize("source", ["live", "stopped"])
def test_both_say_yes_and_name_the_same_head_root_key_and_digest(honest, source):
    report = verify(honest[source])
    assert theirs(honest[source])[0] == 0
    told = run("log", "verify", "--export", honest[source])
    text = told.out + told.err
    for part in (report.log, report.head.hex(), report.root.hex(), report.key.hex(), report.digest.hex()):
        assert part in text, (part, text)
    assert f"{report.events} events" in text
    assert report.turns and "another log key" in report.turns[0]
    # What a running daemon does not show is said to be unproven.
    unproven = "\n".join(report.unproven)
    assert ("no anchor" in unproven) == (source == "live"), unproven
    assert ("no rows" in unproven) == (source == "live"), unproven


def test_an_epoch_without_the_key_before_it_is_asked_for_by_its_own_key(tmp_path):
    """The end that is lost brought another key and erased the one before; then somebody begins such an epoch by himself."""
    daemon = Daemon()
    try:
        daemon.start()
        daemon.command("kms", "ListKeys")
        daemon.stop()
        kept = shutil.copytree(daemon.data / "store", tmp_path / "store")
        at_rest = ("--data", daemon.data, "--root-key", daemon.root_key)
        assert run("log", "rotate-key", *at_rest).status == 0
        shutil.rmtree(daemon.data / "store")
        shutil.copytree(kept, daemon.data / "store")
        asked = run("log", "accept-loss", *at_rest, "--reason", "x")
        missing = re.search(r"--missing ([0-9]+)", asked.err)
        assert asked.status == 1 and missing, asked
        accepted = run("log", "accept-loss", *at_rest, "--reason", "x", "--missing", missing[1])
        assert accepted.status == 0, accepted
        folder = tmp_path / "out"
        assert run("log", "export", "--data", daemon.data, "--to", folder).status == 0
    finally:
        daemon.remove()
    both_accept(folder)
    report = verify(folder)
    first, alone = report.key.hex(), re.search("vouches for ([0-9a-f]{64})", "\n".join(report.unproven))[1]
    assert f"the next one, {alone}, vouches for itself" in theirs(folder)[1]
    both_refuse(folder, ["--key", first])
    both_refuse(folder, ["--key", alone])
    both_accept(folder, ["--key", first, "--key", alone])


def test_the_expected_key_is_asked_for(honest):
    key = verify(honest["stopped"]).key.hex()
    both_accept(honest["stopped"], ["--key", key])
    both_refuse(honest["stopped"], ["--key", "0" * 64])


def entries_changed(change):
    """A lie about the entries, told consistently in tiles, bundles and title."""

    def lie(folder):
        forge.write_entries(folder, change(forge.entries_of(folder)))

    return lie


def flipped(at, byte):
    def change(entries):
        entry = bytearray(entries[at])
        entry[byte] ^= 1
        return entries[:at] + [bytes(entry)] + entries[at + 1 :]

    return entries_changed(change)


def file_changed(name, at, flip=1):
    def lie(folder):
        raw = bytearray((folder / name).read_bytes())
        raw[at if at >= 0 else len(raw) + at] ^= flip
        (folder / name).write_bytes(raw)

    return lie


def every_tile(folder):
    return sorted(path for path in (folder / "tile").rglob("*") if path.is_file())


def tile_changed(folder):
    path = next(path for path in every_tile(folder) if "entries" not in path.parts)
    raw = bytearray(path.read_bytes())
    raw[17] ^= 4
    path.write_bytes(raw)


def tile_gone(folder):
    next(path for path in every_tile(folder) if "entries" not in path.parts).unlink()


def row_changed(folder):
    raw = (folder / "rows").read_bytes()
    assert b"alice" in raw
    (folder / "rows").write_bytes(raw.replace(b"alice", b"mallo", 1))


def row_gone(folder):
    rows = list(forge.state.rows((folder / "rows").read_bytes()))
    del rows[-1]
    raw = b"".join(len(k).to_bytes(2, "big") + k + len(v).to_bytes(4, "big") + v for k, v in rows)
    (folder / "rows").write_bytes(forge.state.HEAD + raw)


def row_and_digest_changed(folder):
    row_changed(folder)
    accumulator = forge.state.accumulate(forge.state.rows((folder / "rows").read_bytes()))
    (folder / "digest").write_bytes(accumulator)


def both_sectors_changed(folder):
    raw = bytearray((folder / "anchor").read_bytes())
    for at in (45, 512 + 45):
        raw[at] ^= 1
    (folder / "anchor").write_bytes(raw)


def anchor_of_more(folder):
    # Whole by its checksum, as if the log had been longer: only the signature tells.
    raw = bytearray((folder / "anchor").read_bytes())
    for at in (0, 512):
        if any(raw[at : at + 512]):
            raw[at + 47] ^= 1
            raw[at + 480 : at + 512] = tree.sha256(raw[at : at + 480])
    (folder / "anchor").write_bytes(raw)


LIES = {
    "a payload bit": flipped(3, 60),
    "a signature bit": flipped(3, -1),
    "a header": flipped(3, 3),
    "a key id": flipped(3, 9),
    "a bit of genesis": flipped(0, 100),
    "a bit of a later entry": flipped(9, -70),
    "an entry dropped": entries_changed(lambda entries: entries[:4] + entries[5:]),
    "two swapped": entries_changed(lambda entries: entries[:4] + [entries[5], entries[4]] + entries[6:]),
    "an entry twice": entries_changed(lambda entries: entries + entries[-1:]),
    "the end cut": entries_changed(lambda entries: entries[:-2]),
    "a bundle changed alone": lambda folder: file_changed(
        next(str(path.relative_to(folder)) for path in every_tile(folder) if "entries" in path.parts), 40
    )(folder),
    "a tile changed": tile_changed,
    "a tile gone": tile_gone,
    "a row changed": row_changed,
    "a row gone": row_gone,
    "a row and the digest with it": row_and_digest_changed,
    "the digest changed": file_changed("digest", 100),
    "the checkpoint's root": file_changed("checkpoint", -90),
    "the checkpoint's origin": file_changed("checkpoint", 0),
    "the anchor's size": both_sectors_changed,
    "the anchor rewritten": anchor_of_more,
    "the title's head": file_changed("export", -2),
}


@pytest.mark.parametrize("lie", LIES)
def test_both_refuse(copy, lie):
    LIES[lie](copy)
    both_refuse(copy)


def test_a_log_cut_behind_its_checkpoints_is_told_by_the_anchor_alone(copy):
    forge.write_entries(copy, forge.entries_of(copy)[:-3])
    shutil.rmtree(copy / "checkpoints")
    (copy / "checkpoint").unlink()
    (copy / "rows").unlink()
    (copy / "digest").unlink()
    both_refuse(copy)
    (copy / "anchor").unlink()
    # Nothing is left that tells: the verifier here says so.
    status, text = ours(copy)
    assert status == 0 and "no anchor" in text


def test_a_log_signed_again_throughout_is_told_by_the_expected_key_alone(honest, forged):
    folder, key = forged
    expected = verify(honest["stopped"]).key.hex()
    both_accept(folder)
    both_accept(folder, ["--key", key])
    both_refuse(folder, ["--key", expected])


def test_another_history_under_the_same_key_is_told_by_an_older_checkpoint_alone(forged, tmp_path):
    folder, key = forged
    older = tmp_path / "older"
    older.write_text((folder / "checkpoint").read_text())
    here, there = ["--key", key, "--consistent-with", older], ["--key", key, "--since", older]
    both_accept(folder, here, there)

    def change(seq, event):
        if seq == 8:
            event["origin"]["pid"] = event["origin"].get("pid", 0) ^ 1

    forge.sign_again(folder, forge.Forger("first"), change)
    both_accept(folder, ["--key", key])
    both_refuse(folder, here, there)


def test_the_bytes_after_the_first_key_need_its_proof(forged):
    folder, _ = forged

    def change(_, event):
        for one in event.get("chg", []):
            if "LogKeyRotated" in one:
                proof = bytearray(one["LogKeyRotated"]["proof"])
                proof[0] ^= 1
                one["LogKeyRotated"]["proof"] = bytes(proof)

    forge.sign_again(folder, forge.Forger("first"), change)
    with pytest.raises(Wrong, match="does not prove itself"):
        verify(folder)
    both_refuse(folder)


def test_a_continued_export_is_the_same_as_a_fresh_one(honest, tmp_path):
    continued = shutil.copytree(honest["live"], tmp_path / "continued")
    before = verify(continued)
    exported = run("log", "export", "--data", honest["data"], "--to", continued)
    assert exported.status == 0, exported
    added = int(re.search(r"(\d+) of them new", exported.out)[1])
    report = verify(continued)
    assert added == report.events - before.events > 0
    assert str(report) == str(verify(honest["stopped"]))
    both_accept(continued)

