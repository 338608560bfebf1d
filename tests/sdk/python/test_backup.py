"""Backups in an object store that speaks S3, and what others make of them: age, lz4, and eyes that know the formats alone."""

import base64
import json
import subprocess

import boto3
import pytest
from moto.server import ThreadedMotoServer

from daemon import Daemon, run

BUCKET = "backups"


@pytest.fixture(scope="module")
def store():
    """An S3 server of moto, with one bucket; gives the environment that leads there, and a client that looks."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "who",
        "AWS_SECRET_ACCESS_KEY": "knows",
        "AWS_REGION": "us-east-1",
    }
    client = boto3.client(
        "s3",
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        aws_access_key_id="who",
        aws_secret_access_key="knows",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=BUCKET)
    try:
        yield variables, client
    finally:
        server.stop()


@pytest.fixture
def key(tmp_path):
    """A key of `age-keygen`: its file, and its public half."""
    path = tmp_path / "backup.key"
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", path], check=True, capture_output=True, text=True)
    return path, public.stdout.strip()


def names(client, prefix):
    """The objects below `prefix`, by the directory that they are in."""
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix):
        for item in page.get("Contents", []):
            found.setdefault(item["Key"].split("/")[-2], []).append(item["Key"])
    return found


def test_a_daemon_comes_back_from_a_bucket(own_daemon, store, key, tmp_path):
    """Backed up twice into a bucket, proven there, restored, served: what was sealed before opens after."""
    variables, client = store
    identity, public = key
    made = own_daemon.command("kms", "CreateKey").json["KeyMetadata"]["KeyId"]
    blob = own_daemon.command("kms", "Encrypt", "--KeyId", made, "--Plaintext", "aGVsbG8=").json["CiphertextBlob"]
    place = f"s3://{BUCKET}/here/and/there"
    backup = ["backup", "--to", place, "--recipient", public]
    for _ in range(2):
        done = own_daemon.command(*backup, **variables)
        assert done.status == 0 and done.out.startswith("backed up: "), done
    objects = names(client, "here/and/there/")
    assert set(objects) == {"tails", "vaults", "manifests"}
    assert [len(kind) for kind in objects.values()] == [2, 2, 2]

    restore = ["restore", "--from", place, "--identity", identity, "--root-key", own_daemon.root_key]
    proven = run(*restore, "--check", **variables)
    assert proven.status == 0 and proven.out.startswith("proven: "), proven
    own_daemon.stop()

    again = Daemon()
    try:
        done = run(*restore, "--data", again.data, **variables)
        assert done.status == 0 and done.out.startswith("restored: "), done
        again.root_key = own_daemon.root_key
        again.start()
        opened = again.command("kms", "Decrypt", "--CiphertextBlob", blob)
        assert opened.json["Plaintext"] == "aGVsbG8="
        again.stop()
        verified = run("log", "verify", "--data", again.data)
        assert verified.status == 0, verified
    finally:
        again.remove()

    # Damage is told by the object's name, from here too.
    newest = sorted(objects["tails"])[-1]
    body = client.get_object(Bucket=BUCKET, Key=newest)["Body"].read()
    client.put_object(Bucket=BUCKET, Key=newest, Body=body[:-1] + bytes([body[-1] ^ 1]))
    refused = run(*restore, "--check", **variables)
    assert refused.status == 1 and refused.out.startswith("DAMAGED: "), refused
    assert newest.removeprefix("here/and/there/") in refused.out
    client.delete_object(Bucket=BUCKET, Key=newest)
    refused = run(*restore, "--check", **variables)
    assert refused.status == 1 and "missing" in refused.out, refused


def test_a_bucket_that_is_not_there_is_said(own_daemon, store, key):
    """No bucket, no credentials: exit 1 with the store's own words, and the daemon goes on."""
    variables, _ = store
    _, public = key
    done = own_daemon.command("backup", "--to", "s3://no-such-bucket/x", "--recipient", public, **variables)
    assert done.status == 1 and "no-such-bucket" in done.err, done
    assert own_daemon.command("kms", "ListKeys").status == 0


def entries(bundle):
    """Splits an entry bundle: each entry behind its length, two bytes, big-endian."""
    found = []
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        found.append(bundle[2 : 2 + length])
        assert len(found[-1]) == length
        bundle = bundle[2 + length :]
    return found


def test_age_and_lz4_open_a_backup(own_daemon, key, tmp_path):
    """`age -d -i KEY OBJECT | lz4 -d` gives the manifest as JSON and the entries that the daemon shows, and nothing else."""
    identity, public = key
    own_daemon.command("kms", "CreateKey")
    place = tmp_path / "place"
    done = own_daemon.command("backup", "--to", place, "--recipient", public)
    assert done.status == 0, done

    def opened(path):
        sealed = subprocess.run(["age", "-d", "-i", identity, path], check=True, capture_output=True)
        return subprocess.run(["lz4", "-d"], input=sealed.stdout, check=True, capture_output=True).stdout

    (manifest,) = place.glob("*/*/manifests/*.age")
    said = json.loads(opened(manifest))
    assert said["Format"] == 1 and said["Segments"] == []
    (tail,) = place.glob("*/*/tails/*.age")
    found = entries(opened(tail))
    assert len(found) == said["Size"] == said["Tail"]["To"]
    page = own_daemon.command("chancery", "GetLogEntries").json["Entries"]["Entry"]
    assert [base64.b64encode(entry).decode() for entry in found] == page[: len(found)]
    (vault,) = place.glob("*/*/vaults/*.age")
    copy = opened(vault)
    assert copy[:8] == b"CHVAULT\0" and copy == (own_daemon.data / "vault-a").read_bytes()
    # Everything is its owner's alone, and nothing in it is legible.
    for path in [place, *place.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
        if path.is_file():
            assert path.read_bytes().startswith(b"age-encryption.org/v1\n"), path
