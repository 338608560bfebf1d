//! What the vault holds, in memory: decides what two mirrors say, and which slots are filled next.

use crate::base::SlotRef;

use super::format::Record;

/// One slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// Both mirrors hold this record.
    Known(Record),
    /// Neither mirror can prove what it held (I6).
    Damaged,
}

impl Slot {
    /// What a slot holds, given what each mirror's record says (`None`: damaged).
    pub(super) fn decide(found: [Option<Record>; 2]) -> Self {
        match found {
            [Some(a), Some(b)] => a.later(b).map_or(Self::Damaged, Self::Known),
            [Some(one), None] | [None, Some(one)] => Self::Known(one),
            [None, None] => Self::Damaged,
        }
    }
}

/// All slots, by index, and the highest generation that the log has seen.
#[derive(Debug, Default)]
pub(super) struct Slots(Vec<Slot>, u32);

impl Slots {
    pub(super) const fn new(slots: Vec<Slot>) -> Self {
        Self(slots, 0)
    }

    /// What `slot` holds; a slot past the end is blank.
    pub(super) fn at(&self, slot: u32) -> Slot {
        self.0
            .get(slot as usize)
            .copied()
            .unwrap_or(Slot::Known(Record::Blank))
    }

    /// Every filling from now on has a generation above `generation`.
    pub(super) fn outlive(&mut self, generation: u32) {
        self.1 = self.1.max(generation);
    }

    pub(super) fn set(&mut self, slot: u32, record: Record) {
        let index = slot as usize;
        if self.0.len() <= index {
            self.0.resize(index + 1, Slot::Known(Record::Blank));
        }
        if let Some(place) = self.0.get_mut(index) {
            *place = Slot::Known(record);
        }
    }

    /// The next `count` fillings: erased slots first, lowest first, then new ones at the end. `None` when slot
    /// numbers run out.
    ///
    /// A blank slot before the end is left alone: it may be one of a batch that a crash cut, or one that damage
    /// zeroed in both mirrors, and then its first generation was used already (I3).
    pub(super) fn next_fillings(&self, count: usize) -> Option<Vec<SlotRef>> {
        let erased = self.indexed().filter_map(|(slot, held)| match held {
            Slot::Known(Record::Erased { generation }) => Some(SlotRef {
                slot,
                generation: generation.max(self.1).checked_add(1)?,
            }),
            _ => None,
        });
        let end = u32::try_from(self.0.len()).ok()?;
        let generation = self.1.checked_add(1)?;
        let fresh = (end..u32::MAX).map(|slot| SlotRef { slot, generation });
        let chosen: Vec<_> = erased.chain(fresh).take(count).collect();
        (chosen.len() == count).then_some(chosen)
    }

    /// `count` slots from `from` on, as many as there are, and how many there are in all.
    pub(super) fn page(&self, from: u32, count: u32) -> (Vec<Slot>, u32) {
        let page = self.0.iter().skip(from as usize).take(count as usize);
        (
            page.copied().collect(),
            u32::try_from(self.0.len()).unwrap_or(u32::MAX),
        )
    }

    /// The live fillings, by slot.
    pub(super) fn filled(&self) -> Vec<SlotRef> {
        self.indexed()
            .filter_map(|(slot, held)| match held {
                Slot::Known(Record::Filled { generation, .. }) => Some(SlotRef { slot, generation }),
                _ => None,
            })
            .collect()
    }

    /// The damaged slots.
    pub(super) fn damaged(&self) -> Vec<u32> {
        self.indexed()
            .filter_map(|(slot, held)| (held == Slot::Damaged).then_some(slot))
            .collect()
    }

    fn indexed(&self) -> impl Iterator<Item = (u32, Slot)> {
        (0..).zip(self.0.iter().copied())
    }
}
