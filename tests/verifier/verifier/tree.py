"""The Merkle tree of RFC 6962 and its tiles (daemon/formats/tree.md)."""

import hashlib

TILE = 256


def sha256(*parts):
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(part)
    return hashed.digest()


def leaf_hash(entry):
    return sha256(b"\x00", entry)


def node_hash(left, right):
    return sha256(b"\x01", left, right)


def root(leaves):
    """The root over leaf hashes, by RFC 6962 section 2.1's own recursion, from the bottom up."""
    if not leaves:
        return sha256()
    level = list(leaves)
    while len(level) > 1:
        paired = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]


def tiles(leaves):
    """Every tile of the tree: (level, index, hashes), partial ones too."""
    level, hashes = 0, list(leaves)
    while hashes:
        above = []
        for index in range(0, (len(hashes) + TILE - 1) // TILE):
            tile = hashes[index * TILE : (index + 1) * TILE]
            yield level, index, tile
            if len(tile) == TILE:
                above.append(root(tile))
        level, hashes = level + 1, above


def path(kind, index, width):
    """Where a tile is below `tile/`."""
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    name = "/".join([str(kind), *groups])
    return name if width == TILE else f"{name}.p/{width}"
