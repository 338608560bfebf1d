"""What an earlier build wrote: this one verifies, folds, opens and decrypts it, and the second verifier says the same."""

import json
import pathlib
import tarfile

import pytest

from daemon import Daemon, run
from make_golden import GOLDEN
from verifier.verify import verify

VERSIONS = sorted(path.parent.name for path in GOLDEN.glob("*/expected.json"))


def unpack(name, folder):
    with tarfile.open(name) as archive:
        archive.extractall(folder, filter="data")
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


def test_there_are_golden_files():
    assert "v1" in VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_an_export_of_that_version_is_what_it_was(version, tmp_path):
    expected = json.loads((GOLDEN / version / "expected.json").read_text())
    export = unpack(GOLDEN / version / "export.tar.xz", tmp_path / "export")
    report = verify(export, key=expected["key"])
    told = {name: getattr(report, name) for name in expected}
    assert {name: value.hex() if isinstance(value, bytes) else value for name, value in told.items()} == expected
    for command in ("verify", "replay"):
        finished = run("log", command, "--export", export)
        assert finished.status == 0, finished
        assert expected["digest"] in finished.out + finished.err


@pytest.mark.parametrize("version", VERSIONS)
def test_a_directory_of_that_version_is_served_and_its_blobs_open(version):
    golden = GOLDEN / version
    expected = json.loads((golden / "expected.json").read_text())
    daemon = Daemon()
    try:
        unpack(golden / "data.tar.xz", daemon.data)
        daemon.root_key.write_text((golden / "root.key").read_text())
        daemon.root_key.chmod(0o600)
        for command in ("verify", "replay"):
            finished = run("log", command, "--data", daemon.data)
            assert finished.status == 0, finished
            assert expected["digest"] in finished.out + finished.err
        daemon.start()
        for blob in json.loads((golden / "blobs.json").read_text()):
            more = ["--EncryptionContext", blob["context"]] if blob["context"] else []
            opened = daemon.command("kms", "Decrypt", "--CiphertextBlob", blob["blob"], *more)
            assert opened.status == 0 and opened.json["Plaintext"] == blob["plaintext"], opened
        daemon.stop()
        # What this build adds goes on from there.
        finished = run("log", "verify", "--data", daemon.data, "--key", expected["key"])
        assert finished.status == 0, finished
    finally:
        daemon.remove()


def test_a_newer_directory_is_refused_by_name(tmp_path):
    daemon = Daemon()
    try:
        unpack(GOLDEN / "v1" / "data.tar.xz", daemon.data)
        (daemon.data / "format").write_text("chancery-data/v2 chancery 9.9.9\n")
        before = {path: path.read_bytes() for path in pathlib.Path(daemon.data).rglob("*") if path.is_file()}
        for arguments in (["log", "verify", "--data", daemon.data], ["serve", "--data", daemon.data]):
            more = ["--root-key", daemon.root_key, "--socket", daemon.socket] if arguments[0] == "serve" else []
            finished = run(*arguments, *more)
            assert finished.status == 1, finished
            assert "has format 2" in finished.err and "chancery 9.9.9" in finished.err, finished
        after = {path: path.read_bytes() for path in pathlib.Path(daemon.data).rglob("*") if path.is_file()}
        assert {path: after[path] for path in before if path.name != "lock"} == {
            path: raw for path, raw in before.items() if path.name != "lock"
        }
    finally:
        daemon.remove()
