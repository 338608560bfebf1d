"""Which key signs what: entries, checkpoints, anchors (daemon/formats/log-key.md, entry.md, checkpoint.md, anchor.md)."""

import base64
import binascii
import hashlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .wrong import Wrong, demand

# Points of small order, in their canonical encodings: a signature by such a key says nothing.
SMALL_ORDER = {
    bytes.fromhex(text)
    for text in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    )
}
FIELD = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493


class Key:
    """One log key."""

    def __init__(self, public):
        demand(isinstance(public, bytes) and len(public) == 32, "a log key does not have 32 bytes")
        demand(public not in SMALL_ORDER, "a log key is of small order")
        y = int.from_bytes(public, "little") & ((1 << 255) - 1)
        demand(y < FIELD, "a log key is not in its canonical encoding")
        self.public = public
        self.fingerprint = hashlib.sha256(public).digest()
        self.kid = self.fingerprint[:8]
        self._key = Ed25519PublicKey.from_public_bytes(public)

    def verifies(self, message, signature):
        """Whether the signature is this key's over the message; a large S and an R of small order are refused."""
        if len(signature) != 64 or signature[:32] in SMALL_ORDER:
            return False
        if int.from_bytes(signature[32:], "little") >= ORDER:
            return False
        try:
            self._key.verify(bytes(signature), bytes(message))
            return True
        except InvalidSignature:
            return False


class Schedule:
    """The keys of a log and from where on each is in force: what has position or size p is signed by the key at p."""

    def __init__(self, log, public, origin):
        self.log = log
        self.periods = [(0, Key(public), origin)]
        # Keys that no key before them vouches for: (position, key).
        self.alone = []

    def at(self, position):
        """Key and origin at a position."""
        for start, key, origin in reversed(self.periods):
            if start <= position:
                return key, origin
        raise Wrong("no key is in force there")

    def turn(self, position, new, origin=None):
        """The event at this position brings a key, which proves itself and signs from the next position on."""
        start, old, old_origin = self.periods[-1]
        key = Key(new["public"])
        demand(all(key.public != earlier.public for _, earlier, _ in self.periods), f"event {position}: its key is an old one")
        message = b"chancery/log-key/v1" + self.log + position.to_bytes(8, "big") + old.public + key.public
        demand(key.verifies(message, new["proof"]), f"event {position}: the new log key does not prove itself")
        self.periods.append((position + 1, key, origin or old_origin))
        return key


NAME = re.compile(r"[^\s+\x00-\x1f\x7f]+")


def open_checkpoint(note, schedule):
    """Size and root of a signed note, verified by the key that is in force at its size."""
    demand(len(note) <= 1 << 16, "a checkpoint is too long")
    demand(not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", note), "a checkpoint has control characters")
    text, mark, lines = note.rpartition("\n\n")
    demand(mark and lines.endswith("\n"), "a checkpoint is not a signed note")
    text += "\n"
    fields = text.split("\n")
    demand(len(fields) == 4 and fields[3] == "", "a checkpoint does not have three lines")
    origin, size, root = fields[0], fields[1], decode64(fields[2], "a root")
    demand(re.fullmatch(r"0|[1-9][0-9]*", size), "the size of a checkpoint is not a number")
    demand(len(root) == 32, "the root of a checkpoint does not have 32 bytes")
    size = int(size)
    key, expected = schedule.at(size)
    demand(origin == expected, f"the checkpoint of size {size} has another origin")
    wanted = hashlib.sha256(origin.encode() + b"\n\x01" + key.public).digest()[:4]
    signed = False
    for line in lines[:-1].split("\n"):
        parts = line.split(" ")
        demand(len(parts) == 3 and parts[0] == "\u2014", "a signature line is malformed")
        demand(NAME.fullmatch(parts[1]), "a signature line has no name")
        raw = decode64(parts[2], "a signature")
        demand(len(raw) > 4, "a signature line is too short")
        if parts[1] == origin and raw[:4] == wanted:
            demand(key.verifies(text.encode(), raw[4:]), f"the checkpoint of size {size} is not signed by the log")
            signed = True
    demand(signed, f"the checkpoint of size {size} is not signed by the log's key at that size")
    return size, root


def decode64(text, what):
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Wrong(f"{what} is not Base64") from None
    demand(base64.b64encode(raw).decode() == text, f"{what} is not in canonical Base64")
    return raw


def open_anchor(raw, schedule):
    """Size, leaf hash and whether it is the clean end, of the newest whole sector; None when nothing was ever anchored."""
    raw = raw.ljust(1024, b"\x00")[:1024]
    ours, whole, blank = [], False, False
    for sector in (raw[:512], raw[512:]):
        if not any(sector):
            blank = True
            continue
        if hashlib.sha256(sector[:480]).digest() != sector[480:] or sector[:8] != b"chanchor":
            continue
        demand(sector[8] == 1, f"the anchor has format {sector[8]}, and this verifier knows format 1")
        if sector[9] > 1 or any(sector[10:16]) or any(sector[144:480]):
            continue
        whole = True
        if sector[24:40] == schedule.log:
            ours.append((int.from_bytes(sector[16:24], "big"), sector))
    if not ours:
        demand(not whole, "the anchor is another log's")
        demand(blank, "the anchor is damaged")
        return None
    # The counter decides which sector counts; only then is it asked who signed it.
    _, newest = max(ours)
    size, leaf = int.from_bytes(newest[40:48], "big"), newest[48:80]
    key, _ = schedule.at(size)
    signed = key.verifies(b"chancery/anchor/v1" + newest[:80], newest[80:144])
    demand(signed, f"the anchor, of a log of {size} events, is not signed by the key that this log has there")
    return size, leaf, newest[9] == 1
