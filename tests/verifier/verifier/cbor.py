"""CBOR, as far as events use it: RFC 8949 core deterministic encoding and nothing else (daemon/formats/event.md)."""


class Malformed(ValueError):
    """The bytes are not the one encoding of anything."""


DEPTH_MAX = 16


def decode(data):
    """The value of exactly these bytes: ints, bytes, str, lists, dicts, bools, None. Anything not canonical is refused."""
    value, end = _item(data, 0, 0)
    if end != len(data):
        raise Malformed("bytes follow the value")
    return value


def _head(data, at):
    if at >= len(data):
        raise Malformed("it ends too early")
    first = data[at]
    major, short = first >> 5, first & 0x1F
    if short < 24:
        return major, short, at + 1
    if short > 27:
        raise Malformed("indefinite or reserved length")
    width = 1 << (short - 24)
    if at + 1 + width > len(data):
        raise Malformed("it ends too early")
    number = int.from_bytes(data[at + 1 : at + 1 + width], "big")
    # The shortest form alone: what fits fewer bytes must stand in fewer.
    least = {1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}[width]
    if major != 7 and number < least:
        raise Malformed("a number is not in its shortest form")
    return major, number, at + 1 + width


def _item(data, at, depth):
    if depth > DEPTH_MAX:
        raise Malformed("nested too deeply")
    first = data[at] if at < len(data) else None
    major, number, at = _head(data, at)
    if major == 0:
        return number, at
    if major in (2, 3):
        end = at + number
        if end > len(data):
            raise Malformed("it ends too early")
        raw = data[at:end]
        if major == 2:
            return bytes(raw), end
        try:
            return bytes(raw).decode("utf-8"), end
        except UnicodeDecodeError:
            raise Malformed("a text is not UTF-8") from None
    if major == 4:
        items = []
        for _ in range(number):
            item, at = _item(data, at, depth + 1)
            items.append(item)
        return items, at
    if major == 5:
        return _map(data, at, number, depth)
    if first in (0xF4, 0xF5, 0xF6):
        return {0xF4: False, 0xF5: True, 0xF6: None}[first], at
    raise Malformed("a type that events do not have")


def _map(data, at, number, depth):
    found, before = {}, None
    for _ in range(number):
        start = at
        key, at = _item(data, at, depth + 1)
        encoded = bytes(data[start:at])
        if not isinstance(key, str):
            raise Malformed("a map has a key that is no text")
        # RFC 8949 section 4.2.1: keys in the bytewise order of their encodings, each once.
        if before is not None and encoded <= before:
            raise Malformed("the keys of a map are not in order")
        before = encoded
        found[key], at = _item(data, at, depth + 1)
    return found, at
