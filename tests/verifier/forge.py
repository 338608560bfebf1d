"""What an attacker who has a log key could write: a whole export signed again, consistent in itself.

Uses the verifier's own tree and state, so a forgery is as good as the verifier knows how to make one.
"""

import base64
import hashlib
import pathlib
import shutil

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from verifier import cbor, state, tree
from verifier.keys import Key
from verifier.verify import bytes_head, named, read_entries, read_title, split_entry, to_be_signed


def encode(value):
    """Core deterministic CBOR of what events hold."""
    if value is None or isinstance(value, bool):
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return _head(0, value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(encode, value))
    pairs = sorted((encode(key), encode(item)) for key, item in value.items())
    return _head(5, len(pairs)) + b"".join(key + item for key, item in pairs)


def _head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    width, code = next((width, code) for width, code in ((1, 24), (2, 25), (4, 26), (8, 27)) if number < 1 << 8 * width)
    return bytes([major << 5 | code]) + number.to_bytes(width, "big")


class Forger:
    """Keys of an attacker's own, one for each period of the log."""

    def __init__(self, seed):
        self.seed = seed
        self.periods = []

    def private(self, number):
        return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"{self.seed}/{number}".encode()).digest())

    def public(self, number):
        return self.private(number).public_key().public_bytes_raw()


def entries_of(folder):
    """The entries of an export."""
    return list(read_entries(folder, read_title(folder)["size"]))


def write_entries(folder, entries, head=None):
    """Writes bundles and tiles of these entries, and the title, as an exporter would."""
    shutil.rmtree(folder / "tile")
    leaves = [tree.leaf_hash(entry) for entry in entries]
    for level, index, hashes in tree.tiles(leaves):
        _write(folder / "tile" / tree.path(level, index, len(hashes)), b"".join(hashes))
    for index in range(0, (len(entries) + 255) // 256):
        part = entries[index * 256 : (index + 1) * 256]
        raw = b"".join(len(entry).to_bytes(2, "big") + entry for entry in part)
        _write(folder / "tile" / tree.path("entries", index, len(part)), raw)
    title = (folder / "export").read_text().split("\n")
    title[2:4] = [f"size {len(entries)}", f"head {(head or leaves[-1]).hex()}"]
    (folder / "export").write_text("\n".join(title))
    return leaves


def _write(path, raw):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)


def signed_note(text, origin, private):
    """A C2SP signed note."""
    public = private.public_key().public_bytes_raw()
    line = hashlib.sha256(origin.encode() + b"\n\x01" + public).digest()[:4] + private.sign(text.encode())
    return f"{text}\n\u2014 {origin} {base64.b64encode(line).decode()}\n"


def sector(log, counter, size, leaf, clean, private):
    """One sector of an anchor."""
    signed = b"chanchor" + bytes([1, clean]) + bytes(6) + counter.to_bytes(8, "big") + log + size.to_bytes(8, "big") + leaf
    raw = (signed + private.sign(b"chancery/anchor/v1" + signed)).ljust(480, b"\x00")
    return raw + hashlib.sha256(raw).digest()


def sign_again(folder, forger, change=None):
    """Signs the whole export with the forger's keys; `change(seq, event)` may alter events on the way.

    The log must hold no sealed digest but in its last event: what others would be takes a fold.
    """
    folder = pathlib.Path(folder)
    log, entries, prev, period = read_title(folder)["log"], [], bytes(32), 0
    publics, starts, origins = {}, [0], []
    found = list(state.rows((folder / "rows").read_bytes()))
    for seq, entry in enumerate(entries_of(folder)):
        event = cbor.decode(split_entry(entry, seq)[1])
        turned = False
        for at, one in enumerate(event.get("chg", [])):
            name, fields = named(one)
            if name == "LogBegun":
                publics[fields["public"]] = fields["public"] = forger.public(0)
                origins.append(fields["origin"])
            elif name in ("LogKeyRotated", "EpochBegun"):
                new = fields if name == "LogKeyRotated" else fields["key"]
                publics[new["public"]] = forger.public(period + 1)
                new["public"] = forger.public(period + 1)
                message = b"chancery/log-key/v1" + log + seq.to_bytes(8, "big")
                new["proof"] = forger.private(period + 1).sign(message + forger.public(period) + forger.public(period + 1))
                if name == "EpochBegun":
                    fields["leaf"] = tree.leaf_hash(entries[-1])
                origins.append(fields.get("origin", origins[-1]))
                turned = True
            elif name == "StateSealed":
                old, row = found[0]
                found[0] = (old, encode(_replaced(cbor.decode(row), publics)))
                fields["digest"] = state.short(state.accumulate(found))
        if change:
            change(seq, event)
        event["prev"] = prev
        payload = encode(event)
        kid = Key(forger.public(period)).kid
        signature = forger.private(period).sign(to_be_signed(log, kid, payload))
        sealed = bytes.fromhex("d2844da201270448") + kid + b"\xa0" + bytes_head(len(payload)) + payload
        entries.append(sealed + b"\x58\x40" + signature)
        prev = hashlib.sha256(payload).digest()
        if turned:
            period += 1
            starts.append(seq + 1)
    leaves = write_entries(folder, entries)
    _sign_checkpoints(folder, forger, leaves, starts, origins)
    last = forger.private(period)
    (folder / "anchor").write_bytes(bytes(512) + sector(log, 7, len(entries), leaves[-1], True, last))
    raw = b"".join(len(k).to_bytes(2, "big") + k + len(v).to_bytes(4, "big") + v for k, v in found)
    (folder / "rows").write_bytes(state.HEAD + raw)
    (folder / "digest").write_bytes(state.accumulate(found))
    return Key(forger.public(0)).fingerprint.hex()


def _sign_checkpoints(folder, forger, leaves, starts, origins):
    """Every checkpoint again, by the key in force at its size."""
    for path in [*(folder / "checkpoints").iterdir(), folder / "checkpoint"]:
        size = int(path.read_text().split("\n")[1])
        period = max(at for at, start in enumerate(starts) if start <= size)
        root = base64.b64encode(tree.root(leaves[:size])).decode()
        path.write_text(signed_note(f"{origins[period]}\n{size}\n{root}\n", origins[period], forger.private(period)))


def _replaced(value, publics):
    """The value with every public key of the log exchanged for the forger's."""
    if isinstance(value, bytes):
        return publics.get(value, value)
    if isinstance(value, list):
        return [_replaced(item, publics) for item in value]
    if isinstance(value, dict):
        return {key: _replaced(item, publics) for key, item in value.items()}
    return value
