"""One pass over an export. What can't be proven is said, not passed over."""

import hashlib
import pathlib
import re

from . import cbor, state, tree
from .keys import Schedule, open_anchor, open_checkpoint
from .wrong import Wrong, demand

ENTRY_BYTES_MAX = 60_000
REQUIRED = {"v", "op", "dec", "out", "rid", "seq", "prev", "time", "actor", "origin"}
OPTIONAL = {"chg", "obs", "req", "res", "blob"}


class Report:
    """What a pass came to."""

    def __init__(self):
        self.log = self.origin = self.key = self.head = self.root = self.digest = None
        self.events = self.checkpoints = 0
        self.turns = []
        self.unproven = []

    def __str__(self):
        text = f"verified: {self.events} events of log {self.log}, {self.checkpoints} checkpoints"
        text += f", head {self.head.hex()}, root {self.root.hex()}"
        return text + (f", digest {self.digest.hex()}" if self.digest else "")


def verify(folder, key=None, older=None):
    """Verifies the export in `folder`; raises Wrong with the first thing that is. `key` is a fingerprint or a list of them."""
    folder = pathlib.Path(folder)
    title = read_title(folder)
    report = Report()
    entries = list(read_entries(folder, title["size"]))
    leaves = [tree.leaf_hash(entry) for entry in entries]
    schedule, sealed = check_entries(entries, leaves, report)
    demand(schedule.log == title["log"], "the log is another than the title says")
    demand(leaves[-1] == title["head"], "the head is another than the title says")
    report.events, report.head, report.root = len(entries), leaves[-1], tree.root(leaves)
    first = schedule.periods[0][1].fingerprint
    expected = [key] if isinstance(key, str) else key
    if expected:
        for one in expected:
            demand(re.fullmatch(r"[0-9a-fA-F]{64}", one), "the expected key is not 64 hexadecimal digits")
        named = {bytes.fromhex(one) for one in expected}
        demand(first in named, f"the log's first key is {first.hex()}, not the expected one")
        for seq, alone in schedule.alone:
            text = f"event {seq}: no key vouches for {alone.fingerprint.hex()}, and it is not one of those expected"
            demand(alone.fingerprint in named, text)
    else:
        for seq, alone in schedule.alone:
            report.unproven.append(
                f"that the log is the same one from event {seq} on: no key before it vouches for {alone.fingerprint.hex()}"
            )
        report.unproven.append(f"that the first key, {first.hex()}, is the right one: give it with --key")
    report.key = first
    check_tiles(folder, leaves)
    check_checkpoints(folder, schedule, leaves, older, report)
    check_anchor(folder, schedule, leaves, report)
    check_state(folder, sealed, report)
    report.unproven.append("that the changes were lawful and the decisions right: `chancery log verify` folds and decides again")
    return report


def read_title(folder):
    """The file `export`."""
    path = folder / "export"
    demand(path.is_file(), "there is no export: no file `export`")
    demand(not (folder / "unfinished").exists(), "the export is unfinished")
    text = path.read_bytes().decode("utf-8", "replace")
    form = r"chancery-export/v1\nlog ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\nsize ([1-9][0-9]*)\nhead ([0-9a-f]{64})\n"
    found = re.fullmatch(form, text)
    demand(found, "the title is not one of format 1")
    return {
        "log": bytes.fromhex(found[1].replace("-", "")),
        "size": int(found[2]),
        "head": bytes.fromhex(found[3]),
    }


def read_entries(folder, size):
    """The entries, bundle by bundle."""
    for index in range((size + tree.TILE - 1) // tree.TILE):
        width = min(tree.TILE, size - index * tree.TILE)
        raw = read(folder / "tile" / tree.path("entries", index, width))
        at = count = 0
        while at < len(raw):
            demand(at + 2 <= len(raw), f"bundle {index} is cut")
            end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
            demand(end <= len(raw), f"bundle {index} is cut")
            yield raw[at + 2 : end]
            at, count = end, count + 1
        demand(count == width, f"bundle {index} holds {count} entries instead of {width}")


def read(path):
    demand(path.is_file(), f"{path} is missing")
    return path.read_bytes()


def split_entry(entry, seq):
    """Key id, payload and signature of an entry, which is one tagged COSE_Sign1 in its only form."""

    def here(condition, what):
        demand(condition, f"event {seq}: {what}")

    here(len(entry) <= ENTRY_BYTES_MAX, "the entry is too long")
    here(entry[:8] == bytes.fromhex("d2844da201270448"), "not a tagged COSE_Sign1 with the headers of an entry")
    kid, rest = entry[8:16], entry[16:]
    here(rest[:1] == b"\xa0", "the unprotected headers are not empty")
    rest = rest[1:]
    first = rest[0] if rest else None
    if first is not None and 0x40 <= first <= 0x57:
        length, rest = first & 0x1F, rest[1:]
    elif first == 0x58 and len(rest) > 1 and rest[1] >= 24:
        length, rest = rest[1], rest[2:]
    elif first == 0x59 and len(rest) > 2 and rest[1] > 0:
        length, rest = int.from_bytes(rest[1:3], "big"), rest[3:]
    else:
        here(False, "the payload is not a byte string in shortest form")
    payload, rest = rest[:length], rest[length:]
    here(len(payload) == length and rest[:2] == b"\x58\x40" and len(rest) == 66, "the signature is not one of 64 bytes")
    return kid, payload, rest[2:]


def bytes_head(length):
    if length < 24:
        return bytes([0x40 | length])
    if length < 1 << 8:
        return bytes([0x58, length])
    return b"\x59" + length.to_bytes(2, "big")


def to_be_signed(log, kid, payload):
    """The Sig_structure of RFC 9052 section 4.4."""
    return (
        b"\x84\x6aSignature1"
        + bytes.fromhex("4da201270448") + kid
        + b"\x58\x21chancery/event/v1" + log
        + bytes_head(len(payload)) + payload
    )


def check_entries(entries, leaves, report):
    """Form, place and signature of every entry. Gives the keys, and the digests that were sealed: (position, digest)."""
    schedule, sealed = None, []
    prev, time = bytes(32), 0
    for seq, entry in enumerate(entries):
        kid, payload, signature = split_entry(entry, seq)
        demand(payload[1:3] == b"\x61v", f"event {seq}: it does not begin with its version")
        demand(payload[3:4] == b"\x01", f"event {seq}: its format is another than 1, which is all that this verifier knows")
        try:
            event = cbor.decode(payload)
        except cbor.Malformed as error:
            raise Wrong(f"event {seq}: not in canonical form: {error}") from None
        demand(isinstance(event, dict), f"event {seq}: it is not a map")
        names = set(event)
        demand(REQUIRED <= names <= REQUIRED | OPTIONAL, f"event {seq}: it has other fields than an event has")
        demand(event["seq"] == seq, f"event {seq}: it says that it is event {event['seq']}")
        demand(event["prev"] == prev, f"event {seq}: it follows another event than the one before it")
        demand(isinstance(event["time"], int) and event["time"] >= time, f"event {seq}: its time goes back")
        changes = event.get("chg", [])
        demand(isinstance(changes, list), f"event {seq}: its changes are no list")
        if schedule is None:
            schedule = begin(changes, report)
        key, _ = schedule.at(seq)
        for change in changes:
            follow(change, seq, schedule, leaves, sealed, report)
        # An epoch may begin without the key before it, which is lost: then its own key signs its event.
        if schedule.alone and schedule.alone[-1][0] == seq:
            _, key = schedule.alone[-1]
        demand(kid == key.kid, f"event {seq}: it names another key than the log's")
        demand(
            key.verifies(to_be_signed(schedule.log, kid, payload), signature), f"event {seq}: signature does not verify"
        )
        prev, time = hashlib.sha256(payload).digest(), event["time"]
    return schedule, sealed


def named(change):
    """Name and fields of a change: a text alone, or a map of one."""
    if isinstance(change, str):
        return change, {}
    demand(isinstance(change, dict) and len(change) == 1, "a change is neither a name nor a map of one")
    return next(iter(change.items()))


def begin(changes, report):
    """The identity of the log, from its first change."""
    name, begun = named(changes[0]) if changes else ("", {})
    demand(name == "LogBegun", "event 0: it does not begin a log")
    demand(begun.get("format") == 1, "event 0: the log has another format than 1")
    log, origin = begun.get("log"), begun.get("origin")
    demand(isinstance(log, bytes) and len(log) == 16, "event 0: its log id does not have 16 bytes")
    text = log.hex()
    report.log = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    demand(re.fullmatch(rf"\S+/{report.log}/[0-9]+", origin or ""), "event 0: its origin is not NAME/LOG-ID/EPOCH")
    report.origin = origin
    return Schedule(log, begun.get("public"), origin)


def follow(change, seq, schedule, leaves, sealed, report):
    """Changes that a verifier has to know: they say who signs, and what the state was."""
    name, fields = named(change)
    if name == "LogBegun":
        demand(seq == 0, f"event {seq}: the log begins a second time")
    elif name == "LogKeyRotated":
        schedule.turn(seq, fields)
        report.turns.append(f"event {seq}: another log key")
    elif name == "EpochBegun":
        name, log, epoch = schedule.periods[-1][2].rsplit("/", 2)
        origin = f"{name}/{log}/{int(epoch) + 1}"
        demand(
            (fields["origin"], fields["epoch"]) == (origin, int(epoch) + 1), f"event {seq}: its epoch does not follow"
        )
        demand(fields["size"] == seq, f"event {seq}: its epoch begins at another size")
        demand(fields["leaf"] == leaves[seq - 1], f"event {seq}: its epoch follows another head")
        key = schedule.turn(seq, fields["key"], origin)
        signer = fields.get("signer", "Before")
        demand(signer in ("Before", "Itself"), f"event {seq}: its epoch is signed by a key that nobody knows")
        if signer == "Itself":
            schedule.alone.append((seq, key))
        report.turns.append(f"event {seq}: epoch {fields['epoch']} begins ({fields['cause']}: {fields['reason']})")
    elif name == "StateSealed":
        sealed.append((seq, fields["digest"]))


def check_tiles(folder, leaves):
    """Every tile is what the entries come to; tiles of other sizes are of nobody's concern."""
    for level, index, hashes in tree.tiles(leaves):
        path = folder / "tile" / tree.path(level, index, len(hashes))
        demand(read(path) == b"".join(hashes), f"tile {index} of level {level} is not that of the entries")


def check_checkpoints(folder, schedule, leaves, older, report):
    """The checkpoints that came with the export, and the one that was kept elsewhere."""
    notes = []
    newest = folder / "checkpoint"
    if newest.is_file():
        notes.append((None, newest.read_bytes().decode("utf-8", "replace")))
    for path in sorted((folder / "checkpoints").glob("*")):
        demand(re.fullmatch(r"[0-9]+", path.name), f"{path} is not named by a size")
        notes.append((int(path.name), path.read_bytes().decode("utf-8", "replace")))
    if older is not None:
        notes.append((None, older))
    most = 0
    for named_by, note in notes:
        size, root = open_checkpoint(note, schedule)
        demand(named_by in (None, size), f"the checkpoint of size {size} is stored under another size")
        demand(size <= len(leaves), f"a checkpoint was signed when the log had {size} events: the end is missing")
        demand(tree.root(leaves[:size]) == root, f"the checkpoint of size {size} has another root than the entries")
        most = max(most, size)
    report.checkpoints = len(notes)
    if most < len(leaves):
        report.unproven.append(
            f"the last {len(leaves) - most} events by a checkpoint: they stand by their own signatures and the chain"
        )
    if older is None:
        report.unproven.append("that it is the log that others saw: give an older checkpoint with --consistent-with")


def check_anchor(folder, schedule, leaves, report):
    path = folder / "anchor"
    if not path.is_file():
        report.unproven.append("that nothing is missing at the end: the export has no anchor")
        return
    anchor = open_anchor(path.read_bytes(), schedule)
    if anchor is None:
        demand(len(leaves) == 1, "the anchor is blank: whether the log was shortened can't be told")
        return
    size, leaf, _clean = anchor
    demand(size <= len(leaves), f"the anchor was written when the log had {size} events: the end is missing")
    demand(size > 0 and leaves[size - 1] == leaf, "the anchor names another event")
    if size < len(leaves):
        report.unproven.append(f"by the anchor, the {len(leaves) - size} events after it")


def check_state(folder, sealed, report):
    """Rows against digest, digest against what was sealed last, as far as that can be told without folding."""
    stored = folder / "digest"
    digest = stored.read_bytes() if stored.is_file() else None
    if (folder / "rows").is_file():
        found = list(state.rows((folder / "rows").read_bytes()))
        accumulator = state.accumulate(found)
        demand(digest == accumulator, "the rows have another digest than the one stored with them")
        check_log_row(found, report)
        report.digest = state.short(accumulator)
    elif digest is not None:
        demand(len(digest) in (32, 2048), "the digest has neither 32 nor 2,048 bytes")
        report.digest = digest if len(digest) == 32 else state.short(digest)
        report.unproven.append("the digest of the state: the export has no rows")
    else:
        report.unproven.append("anything about the state: the export has neither rows nor digest")
    if sealed and sealed[-1][0] == report.events - 1:
        demand(report.digest in (None, sealed[-1][1]), "the state is not the one that the last event seals")
        others = len(sealed) - 1
    else:
        others = len(sealed)
        report.unproven.append("that the state is that of the log: no event seals it at the end")
    if others:
        report.unproven.append(f"{others} digests that were sealed on the way: they take the fold")


def check_log_row(found, report):
    """The first row is the log's own: it says how the others are encoded, and it must be of this log."""
    demand(found and found[0][0] == b"\x00\x00", "the rows do not begin with the log's own")
    try:
        row = cbor.decode(found[0][1])
    except cbor.Malformed as error:
        raise Wrong(f"the log's own row is not in canonical form: {error}") from None
    demand(row.get("id", b"").hex() == report.log.replace("-", ""), "the rows are another log's")
