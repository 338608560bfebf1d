//! What the events say about the media must be so by the time they are durable (laws 1 and 5).

use chancery::base::{KeyId, Seq, SlotRef};
use chancery::event::Change;
use chancery::event::codec::decode_event;
use chancery::ledger::{Group, SignedEntry};
use chancery::projection::State;

use super::driver::Machine;

impl Machine {
    /// Looks up, at a start, what is in the slots that the log refers to.
    pub fn learn_media(&mut self, state: &State) {
        // Keys whose event reached the medium in a commit that failed.
        let [mirror, _] = self.disk.mirror_bytes();
        for slot in state.slots() {
            match slot_key(&mirror, slot) {
                Some(sealed) if sealed.iter().any(|byte| *byte != 0) => {
                    self.filled.entry(slot).or_insert_with(|| sealed.to_vec());
                }
                _ => {}
            }
        }
    }

    /// What the events of a group say about the media must be so by then (laws 1 and 5).
    pub fn watch_media(&mut self, group: &Group) -> Result<(), String> {
        let mirrors = self.disk.mirror_bytes();
        for entry in &group.entries {
            let signed = SignedEntry::parse(&entry.bytes).map_err(|error| error.to_string())?;
            let event = decode_event(signed.payload).map_err(|error| error.to_string())?;
            for change in &event.chg {
                if let Some(slot) = change.slot() {
                    self.is_synced(event.seq, slot, &mirrors)?;
                }
                match change {
                    Change::KeyRotated { .. } => self.tally.rotated += 1,
                    Change::LogKeyRotated(_) => self.tally.log_keys += 1,
                    Change::TimersReleased if event.op == "chancery/AcceptClock" => self.held_until = 0,
                    Change::MessagesReserved { .. } => self.tally.reserved += 1,
                    Change::KeyDeletionScheduled { key, delete_at } => {
                        let window = delete_at.as_millis() - event.dec.at.as_millis();
                        let asked = self.asked_at.get(&event.rid);
                        let (truth, ahead) = asked.copied().ok_or("a deletion that nobody asked for")?;
                        self.scheduled.insert(*key, (truth + window, ahead));
                    }
                    Change::KeyDeletionCancelled { key } => drop(self.scheduled.remove(key)),
                    Change::KeyDestroyed { key } => {
                        self.tally.destroyed += 1;
                        self.is_not_early(*key)?;
                    }
                    Change::AccessKeyDeleted { .. } => self.tally.dropped += 1,
                    Change::MaterialErased { slots } => {
                        for slot in slots {
                            // Erased before a crash, recorded after it: then it was gone when the process began.
                            let Some(sealed) = self.filled.get(slot) else {
                                continue;
                            };
                            let is_there =
                                |mirror: &Vec<u8>| mirror.windows(sealed.len()).any(|w| w == sealed);
                            if mirrors.iter().any(is_there) {
                                return Err(format!("law 5: slot {slot} is recorded as erased and is not"));
                            }
                            self.tally.erased += 1;
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

impl Machine {
    /// What a slot that an event refers to holds is on both media by then, and was never given before (laws 1 and 3).
    fn is_synced(&mut self, seq: Seq, slot: SlotRef, mirrors: &[Vec<u8>; 2]) -> Result<(), String> {
        let sealed = mirrors.each_ref().map(|mirror| slot_key(mirror, slot));
        let [Some(a), Some(b)] = sealed else {
            return Err(format!("event {seq}: slot {slot} is not on the media"));
        };
        if a != b || a.iter().all(|byte| *byte == 0) {
            return Err(format!("event {seq}: slot {slot} is not synced"));
        }
        match self.filled.insert(slot, a.to_vec()) {
            Some(other) => Err(format!("slot {slot} is used twice, before for {other:?}")),
            None => Ok(()),
        }
    }

    /// A key lives out its window, whatever the wall clock says: only steps ahead that were held for a day, or accepted,
    /// shorten it, and drift.
    fn is_not_early(&self, key: KeyId) -> Result<(), String> {
        // Scheduled by an event that nobody saw become durable: the crash came in between.
        let Some((due, ahead)) = self.scheduled.get(&key) else {
            return Ok(());
        };
        let (truth, stepped) = (self.world.clock.truth(), self.ahead - ahead);
        let drift = DRIFT_MILLIS_MAX;
        if truth + stepped + drift >= *due {
            Ok(())
        } else {
            Err(format!(
                "{key} is destroyed {} ms before its time",
                due - truth - stepped
            ))
        }
    }
}

/// What half a thousandth of a long story's time comes to, milliseconds.
const DRIFT_MILLIS_MAX: u64 = 6 * 60 * 60 * 1_000;

/// The sealed key of a slot, as `custody::vault::format` documents its place.
fn slot_key(mirror: &[u8], slot: SlotRef) -> Option<&[u8]> {
    let record = 512 + slot.slot as usize * 128;
    mirror.get(record + 12..record + 84)
}
