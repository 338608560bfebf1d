"""The stored rows and the digest of the state (daemon/formats/state.md, export.md)."""

import array
import sys

from blake3 import blake3

from .wrong import demand

LANES = 1024
CONTEXT = "chancery state row v1"
HEAD = b"chancery-rows/v1\n"
ROW_BYTES_MAX = 1 << 20


def rows(raw):
    """The rows of an export: (stored key, value), in order."""
    demand(raw.startswith(HEAD), "the rows are not of format 1")
    at, before = len(HEAD), None
    while at < len(raw):
        key, at = _take(raw, at, 2)
        value, at = _take(raw, at, 4)
        demand(key and len(value) <= ROW_BYTES_MAX, "a row is not one")
        demand(before is None or before < key, "the rows are not in order")
        before = key
        yield key, value


def _take(raw, at, width):
    demand(at + width <= len(raw), "the rows are cut")
    length = int.from_bytes(raw[at : at + width], "big")
    end = at + width + length
    demand(end <= len(raw), "the rows are cut")
    return raw[at + width : end], end


def accumulate(all_rows):
    """The accumulator over rows: for each, 1,024 lanes of 16 bits from BLAKE3, added lane by lane."""
    lanes = [0] * LANES
    for stored, value in all_rows:
        table, key = stored[:1], stored[1:]
        hashed = blake3(table + len(key).to_bytes(8, "little") + key + value, derive_key_context=CONTEXT)
        words = array.array("H", hashed.digest(length=2 * LANES))
        if sys.byteorder == "big":
            words.byteswap()
        lanes = [(lane + word) & 0xFFFF for lane, word in zip(lanes, words)]
    return b"".join(lane.to_bytes(2, "little") for lane in lanes)


def short(accumulator):
    """The 32 bytes that events hold."""
    return blake3(accumulator).digest()
