"""An outsider's verifier: knows the formats (CBOR, COSE_Sign1, RFC 6962, C2SP signed notes), and none of our code."""

import base64
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Wrong(Exception):
    """The log is not what it says it is."""


class Tag:
    """A tagged CBOR value."""

    def __init__(self, number, value):
        self.number, self.value = number, value


def decode(raw):
    """One CBOR value (RFC 8949), and nothing behind it."""
    value, end = _value(raw, 0)
    if end != len(raw):
        raise Wrong("bytes follow the value")
    return value


def _value(raw, at):
    major, info = raw[at] >> 5, raw[at] & 31
    at += 1
    if major == 7:
        if info in (20, 21, 22):
            return {20: False, 21: True, 22: None}[info], at
        raise Wrong(f"simple value or float {info}")
    if info < 24:
        number = info
    elif info < 28:
        size = 1 << (info - 24)
        number, at = int.from_bytes(raw[at:at + size], "big"), at + size
        if number < (24 if size == 1 else 1 << (4 * size)):
            raise Wrong("a number is not in its shortest form")
    else:
        raise Wrong("an indefinite length")
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major in (2, 3):
        part = raw[at:at + number]
        return (part if major == 2 else part.decode()), at + number
    if major == 4:
        items = []
        for _ in range(number):
            item, at = _value(raw, at)
            items.append(item)
        return items, at
    if major == 5:
        fields, last = {}, b""
        for _ in range(number):
            start = at
            name, at = _value(raw, at)
            # Core deterministic order: bytewise over the encoded keys.
            if raw[start:at] <= last:
                raise Wrong("map keys are not in order")
            last = raw[start:at]
            fields[name], at = _value(raw, at)
        return fields, at
    value, at = _value(raw, at)
    return Tag(number, value), at


def head(major, number):
    """The head of a CBOR value in its shortest form."""
    if number < 24:
        return bytes([major << 5 | number])
    size = next(size for size in (1, 2, 4, 8) if number < 1 << (8 * size))
    return bytes([major << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[size]]) + number.to_bytes(size, "big")


def byte_string(raw):
    """A CBOR byte string."""
    return head(2, len(raw)) + raw


def payload_of(entry, log_id, public):
    """The payload of a signed entry (RFC 9052), its signature verified."""
    message = decode(entry)
    if not isinstance(message, Tag) or message.number != 18:
        raise Wrong("not a tagged COSE_Sign1")
    protected, unprotected, payload, signature = message.value
    if unprotected != {} or decode(protected) != {1: -8, 4: hashlib.sha256(public).digest()[:8]}:
        raise Wrong("other headers")
    aad = b"chancery/event/v1" + log_id
    structure = head(4, 4) + b"\x6aSignature1" + byte_string(protected) + byte_string(aad) + byte_string(payload)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, structure)
    except InvalidSignature:
        raise Wrong("the signature does not verify") from None
    return payload


def root(leaves):
    """The root of the Merkle tree (RFC 6962 section 2.1) over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:])).digest()


def open_note(note, name, public):
    """The text of a C2SP signed note, its signature verified."""
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    key_hash = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    for line in lines.splitlines():
        dash, signer, encoded = line.split(" ")
        raw = base64.b64decode(encoded)
        if (dash, signer, raw[:4]) == ("—", name, key_hash):
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], text.encode())
            except InvalidSignature:
                raise Wrong("the note's signature does not verify") from None
            return text
    raise Wrong("the note is not signed by the log")


def verify(entries, status):
    """All events of a log, after every signature, link, position and checkpoint was checked."""
    public, log_id = base64.b64decode(status["PublicKey"]), bytes.fromhex(status["LogId"].replace("-", ""))
    previous, before, events, leaves = bytes(32), 0, [], []
    for position, entry in enumerate(entries):
        payload = payload_of(entry, log_id, public)
        event = decode(payload)
        if event["seq"] != position or event["prev"] != previous or event["time"] < before:
            raise Wrong(f"event {position} is not in its place")
        previous, before = hashlib.sha256(payload).digest(), event["time"]
        events.append(event)
        leaves.append(hashlib.sha256(b"\x00" + entry).digest())
    if status["Size"] != len(entries):
        raise Wrong("another size")
    for note in status["Checkpoints"]["Checkpoint"]:
        origin, size, encoded = open_note(note, status["Origin"], public).splitlines()[:3]
        if origin != status["Origin"] or base64.b64decode(encoded) != root(leaves[:int(size)]):
            raise Wrong(f"the checkpoint at {size} is of another tree")
    return events
