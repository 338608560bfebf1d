//! Hashes with the minute of their arrival, packed: eight bytes each, whole in 64 bits.
//!
//! A table has 1,024 segments, which the first ten bits of a hash choose. A segment is an open-addressed array of slots; a slot
//! holds the other 54 bits and a tag of ten bits for the minute. So one look costs one or two cache lines, however many minutes
//! are remembered, and no more than a thousandth of a table is ever moved at once. A forgotten minute's slots stay where
//! they are until their segment is packed anew: when it is full, or in its turn, a few segments a minute.
//!
//! Worked example: the hash `0x0040_0000_0000_0005` in minute 26,666,666 stands in segment 1 as `5 << 10 | 126`,
//! for 26,666,666 mod 1,023 is 125 and tag 0 is left to empty slots.
//!
//! Cost: 10 to 12 bytes a nonce, and 24 KiB for a table with any.

/// Hashes by minute.
pub(super) struct Table {
    segments: Box<[Segment]>,
    /// The segment whose turn comes next.
    turn: usize,
}

/// The slots of a thousandth of all hashes.
#[derive(Default)]
struct Segment {
    slots: Box<[u64]>,
    /// Slots in use, forgotten ones too.
    used: usize,
}

/// Which minutes are remembered.
pub(super) trait Remembered {
    /// Whether the hashes of this tag are.
    fn has(&self, tag: Tag) -> bool;
}

/// A minute, cut to ten bits: 1 to 1,023. What shares a tag is 17 hours apart, and every segment has its turn within three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(u64);

impl Tag {
    pub(super) const fn of(minute: u64) -> Self {
        Self(minute % (TAG_MASK) + 1)
    }
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            segments: (0..SEGMENTS).map(|_| Segment::default()).collect(),
            turn: 0,
        }
    }

    /// Whether a remembered minute has this hash.
    pub(super) fn holds(&self, hash: u64, remembered: &impl Remembered) -> bool {
        self.segment(hash).is_some_and(|segment| {
            let mut slots = segment.probe(rest(hash));
            slots.any(|slot| slot & !TAG_MASK == rest(hash) && remembered.has(Tag(slot & TAG_MASK)))
        })
    }

    /// Takes a hash in that it does not hold.
    pub(super) fn insert(&mut self, hash: u64, tag: Tag, remembered: &impl Remembered) {
        if let Some(segment) = self.segments.get_mut(index(hash)) {
            if (segment.used + 1) * FULL.1 > segment.slots.len() * FULL.0 {
                segment.pack(remembered);
            }
            segment.put(rest(hash) | tag.0);
        }
    }

    /// Gives back the room of what was forgotten, in some segments; called once a minute.
    pub(super) fn tidy(&mut self, remembered: &impl Remembered) {
        for _ in 0..SEGMENTS_A_MINUTE {
            if let Some(segment) = self.segments.get_mut(self.turn)
                && segment.used > 0
            {
                segment.pack(remembered);
            }
            self.turn = (self.turn + 1) % SEGMENTS;
        }
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        let slots: usize = self.segments.iter().map(|segment| segment.slots.len()).sum();
        slots * size_of::<u64>() + SEGMENTS * size_of::<Segment>()
    }

    fn segment(&self, hash: u64) -> Option<&Segment> {
        self.segments.get(index(hash))
    }
}

impl Segment {
    /// The slots from a hash's own place up to the first empty one.
    fn probe(&self, rest: u64) -> impl Iterator<Item = u64> {
        let (before, from) = self.slots.split_at(place(rest, self.slots.len()));
        from.iter()
            .chain(before)
            .copied()
            .take_while(|slot| *slot != EMPTY)
    }

    fn put(&mut self, slot: u64) {
        let (before, from) = {
            let at = place(slot & !TAG_MASK, self.slots.len());
            self.slots.split_at_mut(at)
        };
        if let Some(free) = from.iter_mut().chain(before).find(|slot| **slot == EMPTY) {
            *free = slot;
            self.used += 1;
        }
    }

    /// Moves what is remembered into as many slots as it needs.
    fn pack(&mut self, remembered: &impl Remembered) {
        let is_live = |slot: &u64| *slot != EMPTY && remembered.has(Tag(slot & TAG_MASK));
        let live = self.slots.iter().filter(|slot| is_live(slot)).count();
        let wanted = (live * PACKED.1 / PACKED.0).max(SLOTS_MIN);
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; wanted].into_boxed_slice());
        self.used = 0;
        for slot in old.iter().filter(|slot| is_live(slot)) {
            self.put(*slot);
        }
    }
}

const fn index(hash: u64) -> usize {
    (hash >> (64 - SEGMENT_BITS)) as usize
}

/// The bits that the segment does not say, above the tag.
const fn rest(hash: u64) -> u64 {
    hash << SEGMENT_BITS
}

/// Where a hash is looked for first: its bits as a fraction of the slots. The hashes are keyed ones: nobody can choose places.
const fn place(rest: u64, slots: usize) -> usize {
    ((rest as u128 * slots as u128) >> 64) as usize
}

const SEGMENT_BITS: u32 = 10;
const SEGMENTS: usize = 1 << SEGMENT_BITS;
const TAG_MASK: u64 = (1 << SEGMENT_BITS) - 1;
const EMPTY: u64 = 0;
const SLOTS_MIN: usize = 8;

/// So many have their turn in a minute: all within 128 minutes.
const SEGMENTS_A_MINUTE: usize = 8;

/// A segment fuller than this is packed anew...
const FULL: (usize, usize) = (9, 10);
/// ...so that this part of it is full.
const PACKED: (usize, usize) = (3, 4);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Minutes from this one on are remembered.
    struct From(u64);

    impl Remembered for From {
        fn has(&self, tag: Tag) -> bool {
            (self.0..self.0 + 40).any(|minute| Tag::of(minute) == tag)
        }
    }

    /// A keyed hash's stand-in: spread over all bits.
    fn spread(n: u64) -> u64 {
        let bytes = blake3::hash(&n.to_be_bytes());
        u64::from_be_bytes(bytes.as_bytes()[..8].try_into().unwrap())
    }

    #[test]
    fn the_worked_example_is_right() {
        let hash = 0x0040_0000_0000_0005;
        let mut table = Table::new();
        let minute = 26_666_666;
        table.insert(hash, Tag::of(minute), &From(minute));
        assert_eq!(table.segments[1].probe(rest(hash)).next(), Some(5 << 10 | 126));
    }

    #[test]
    fn a_million_hashes_are_held_each_and_no_other_for_eleven_bytes() {
        let (mut table, now) = (Table::new(), From(1_000));
        for n in 0..1_000_000 {
            table.insert(spread(n), Tag::of(1_000 + n / 40_000), &now);
        }
        assert!((0..1_000_000).all(|n| table.holds(spread(n), &now)));
        assert!(!(1_000_000..1_100_000).any(|n| table.holds(spread(n), &now)));
        assert!(table.bytes() < 11_500_000, "{}", table.bytes());
    }

    // Goal: memory follows what is remembered, not what there once was, and forgotten hashes can come again.
    #[test]
    fn room_of_what_was_forgotten_is_given_back() {
        let mut table = Table::new();
        for minute in 0..200 {
            for n in 0..5_000 {
                table.insert(
                    spread(minute * 5_000 + n),
                    Tag::of(minute),
                    &From(minute.saturating_sub(31)),
                );
            }
            table.tidy(&From(minute.saturating_sub(31)));
        }
        assert!(
            table.bytes() < 32 * 5_000 * 13 + SEGMENTS * 24,
            "{}",
            table.bytes()
        );
        let later = From(1_000);
        assert!(!(0..1_000_000).any(|n| table.holds(spread(n), &later)));
        for _ in 0..128 {
            table.tidy(&later);
        }
        assert!(
            table.bytes() <= SEGMENTS * (24 + 8 * SLOTS_MIN),
            "{}",
            table.bytes()
        );
        table.insert(spread(1), Tag::of(1_000), &later);
        assert!(table.holds(spread(1), &later));
    }

    // Goal: probing goes past the end, and tags do not mix up hashes of one place.
    #[test]
    fn hashes_of_one_place_are_told_apart() {
        let (mut table, now) = (Table::new(), From(5));
        let close: HashSet<u64> = (0..200).map(|n| (u64::MAX >> 10) - n).collect();
        for hash in &close {
            table.insert(*hash, Tag::of(7), &now);
        }
        assert!(close.iter().all(|hash| table.holds(*hash, &now)));
        assert!(!table.holds((u64::MAX >> 10) - 200, &now));
        assert!(!table.holds(u64::MAX, &now));
    }
}
