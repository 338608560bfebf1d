"""The examples in daemon/formats are one log, and the verifier here believes it: what is written there is enough to verify."""

import base64
import hashlib
import pathlib
import re

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import forge
from verifier import cbor, state, tree
from verifier.keys import Key
from verifier.verify import Wrong, bytes_head, split_entry, to_be_signed, verify

FORMATS = pathlib.Path(__file__).resolve().parents[2] / "daemon" / "formats"
LOG = b"\x11" * 16
SEEDS = [b"\x07" * 32, b"\x08" * 32]


def unhex(line):
    """Bytes before a `#`; `00 x 6` is so many of them."""
    words, raw = iter(line.split("#")[0].split()), b""
    for word in words:
        if word == "x":
            raw += raw[-1:] * (int(next(words)) - 1)
        else:
            raw += bytes.fromhex(word)
    return raw


def read_examples():
    found = {}
    for path in sorted(FORMATS.glob("*.md")):
        for kind, name, body in re.findall(r"^```(hex|text) (\S+)\n(.*?)^```$", path.read_text(), re.M | re.S):
            content = body.encode() if kind == "text" else b"".join(map(unhex, body.splitlines()))
            assert found.setdefault(name, content) == content, f"{path.name} shows another {name}"
    return found


EXAMPLES = read_examples()


def entries():
    """The entries of the example log: its payloads, signed by the keys that it says it has."""
    made = []
    for number in range(4):
        private = Ed25519PrivateKey.from_private_bytes(SEEDS[0] if number < 2 else SEEDS[1])
        kid = Key(private.public_key().public_bytes_raw()).kid
        payload = EXAMPLES[f"event-{number}"]
        signature = private.sign(to_be_signed(LOG, kid, payload))
        head = bytes.fromhex("d2844da201270448") + kid + b"\xa0" + bytes_head(len(payload))
        made.append(head + payload + b"\x58\x40" + signature)
    return made


@pytest.fixture
def export(tmp_path):
    """The example log as an export."""
    (tmp_path / "tile").mkdir()
    (tmp_path / "export").write_bytes(EXAMPLES["title"])
    forge.write_entries(tmp_path, entries())
    (tmp_path / "checkpoint").write_bytes(EXAMPLES["checkpoint"])
    (tmp_path / "anchor").write_bytes(EXAMPLES["anchor-sector"] + bytes(512))
    (tmp_path / "rows").write_bytes(EXAMPLES["rows"])
    (tmp_path / "digest").write_bytes(state.accumulate(state.rows(EXAMPLES["rows"])))
    return tmp_path


def test_the_log_in_the_documents_verifies(export):
    assert (export / "export").read_bytes() == EXAMPLES["title"]
    report = verify(export)
    assert report.root == EXAMPLES["root"]
    assert report.digest == EXAMPLES["state-digest"]
    assert report.turns == ["event 1: another log key"]
    assert report.checkpoints == 1
    with pytest.raises(Wrong, match="not the expected one"):
        verify(export, key="00" * 32)


def test_entry_and_tree_are_those_shown():
    made = entries()
    assert made[3] == EXAMPLES["entry-3"]
    kid, payload, _ = split_entry(made[3], 3)
    assert to_be_signed(LOG, kid, payload) == EXAMPLES["to-be-signed"]
    leaves = [tree.leaf_hash(entry) for entry in made]
    assert b"".join(leaves) == EXAMPLES["leaves"]
    pair = [tree.node_hash(*leaves[:2]), tree.node_hash(*leaves[2:])]
    assert tree.node_hash(*pair) == EXAMPLES["root"]
    assert cbor.decode(EXAMPLES["event-3"])["prev"] == hashlib.sha256(EXAMPLES["event-2"]).digest()


def test_rows_and_their_lanes_are_those_shown():
    rows = list(state.rows(EXAMPLES["rows"]))
    assert rows[0] == (b"\x00\x00", EXAMPLES["row-log"])
    assert rows[1] == (bytes.fromhex("0100038d7ea4c68001"), EXAMPLES["row-account"])
    assert state.accumulate(rows[1:2])[:32] == EXAMPLES["row-account-lanes"]
    assert cbor.decode(EXAMPLES["event-3"])["chg"] == [{"StateSealed": {"digest": EXAMPLES["state-digest"]}}]


def xaes_open(key, sealed, aad):
    """XAES-256-GCM as C2SP has it: a key and a nonce for AES-256-GCM out of a key and 24 bytes of nonce."""
    block = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    zero = int.from_bytes(block.update(bytes(16)), "big")
    doubled = (zero << 1 & (1 << 128) - 1 ^ (0x87 if zero >> 127 else 0)).to_bytes(16, "big")
    derived = b""
    for counter in (1, 2):
        message = bytes([0, counter, 0x58, 0]) + sealed[:12]
        derived += block.update(bytes(a ^ b for a, b in zip(message, doubled)))
    return AESGCM(derived).decrypt(sealed[12:24], sealed[24:], aad)


def test_what_is_sealed_opens_as_the_documents_say():
    header, record = EXAMPLES["vault-header"], EXAMPLES["vault-record"]
    assert header[480:] == tree.sha256(b"chancery/vault-header/v1", header[:480])
    assert record[96:] == tree.sha256(b"chancery/vault-record/v1", LOG, record[:96])
    lines = EXAMPLES["root-key-file"].decode().split("\n")
    root = base64.b64decode(lines[1])
    assert lines[0] == "chancery-root-key/v1 file" and root == b"\x09" * 32
    assert xaes_open(root, header[32:72], b"chancery/vault/v1" + LOG) == b""
    slot_key = xaes_open(root, record[12:84], b"chancery/slot/v1" + LOG + bytes(4) + b"\x00\x00\x00\x01")
    assert slot_key == b"\x02" * 32
    seed = xaes_open(slot_key, EXAMPLES["sealed-material"], EXAMPLES["material-aad"])
    assert seed == SEEDS[0]
    changes = cbor.decode(EXAMPLES["event-0"])["chg"]
    assert changes[2]["InternalKeyCreated"] == {
        "slot": [0, 1], "sealed": EXAMPLES["sealed-material"], "purpose": "LogSigning",
    }
    with pytest.raises(InvalidTag):
        xaes_open(slot_key, EXAMPLES["sealed-material"], EXAMPLES["material-aad"] + b"x")


def test_the_blob_opens_as_the_document_says():
    blob = EXAMPLES["blob"]
    assert blob[:5] == b"CHB\x01\x01" and blob[5:37] == b"\x22" * 16 + b"\x33" * 16
    assert xaes_open(b"\x0a" * 32, blob[37:], blob[:37] + EXAMPLES["context"]) == b"hi"


def test_the_index_lists_every_document():
    index = (FORMATS / "README.md").read_text()
    for path in FORMATS.glob("*.md"):
        assert path.name == "README.md" or path.name in index, path.name
