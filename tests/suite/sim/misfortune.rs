//! What happens to media while nobody looks: bits flip, sectors come back as garbage, an old copy is put back.
//!
//! Each has a strike, what a start must make of it, and the way out that the manual names. What was acknowledged is
//! there after it.

use chancery::audit::{StoreSource, rebuild, verify};
use chancery::base::Digest;
use chancery::base::disk::BlockFile;
use chancery::engine::boot::{self, BootError};
use chancery::ledger::memory_store::{Contents, Part};

use super::driver::Machine;
use super::storage::Device;
use super::world::World;

/// One misfortune.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misfortune {
    /// A bit in one mirror of the vault.
    Mirror,
    /// One sector of the anchor.
    AnchorSector,
    /// Both of them.
    AnchorWhole,
    /// A bit of an entry.
    Entry,
    /// A bit of a row.
    Row,
    /// A bit of the stored digest.
    Digest,
    /// A bit of the stored head.
    Head,
    /// A bit of a tile.
    Tile,
    /// A bit of a checkpoint.
    Checkpoint,
    /// The end of the log is gone.
    LostTail,
}

impl Misfortune {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Mirror,
        Self::AnchorSector,
        Self::AnchorWhole,
        Self::Entry,
        Self::Row,
        Self::Digest,
        Self::Head,
        Self::Tile,
        Self::Checkpoint,
        Self::LostTail,
    ];
}

/// What a start must do after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Begin, as if nothing had been.
    Begins,
    /// Refuse.
    Refuses,
    /// Either; but who verifies the log is told.
    IsTold,
}

impl Machine {
    /// Now and then keeps a copy of the store, for an old one to be put back.
    pub fn keep_copy(&mut self) {
        self.old_store = Some(self.disk.store_contents());
    }

    /// Something befalls the media of a machine that is off; it is started, and set right.
    pub fn strike(&mut self) -> Result<(), String> {
        let misfortune = *self.dice.pick(&Misfortune::ALL);
        let (store, anchor) = (
            self.disk.store_contents(),
            self.disk.file(Device::Anchor).durable(),
        );
        let Some(due) = self.befall(misfortune, &store) else {
            return Ok(());
        };
        *self.tally.misfortunes.entry(misfortune).or_default() += 1;
        let told = |what: &str| format!("law 8: {misfortune:?}: {what}");
        if due == Due::IsTold && self.verifies() {
            return Err(told("the log verifies all the same"));
        }
        let started = boot::resume(self.disk.storage(), World::root_key(), &self.world.given);
        match (&started, due) {
            (Ok(_), Due::Begins | Due::IsTold) | (Err(_), Due::Refuses | Due::IsTold) => {}
            (Ok(_), Due::Refuses) => return Err(told("it starts all the same")),
            (Err(error), Due::Begins) => return Err(told(&format!("it does not start: {error}"))),
        }
        let by_rows = matches!(
            started,
            Err(BootError::Digest { .. }
                | BootError::Rows(_)
                | BootError::Format(_)
                | BootError::Incomplete(_))
        );
        drop(started);
        if misfortune == Misfortune::Mirror && !self.mirrors_agree() {
            return Err(told("the mirror was not repaired from its twin"));
        }
        // The way out.
        match misfortune {
            Misfortune::Row | Misfortune::Digest => {
                if !by_rows {
                    return Err(told("it is refused for something else than its rows"));
                }
                let anchor = self.disk.anchor_copy();
                let rebuilt = rebuild(self.disk.log(), Some(anchor), &mut |_, _| ());
                let rebuilt = rebuilt.map_err(|error| told(&error.to_string()))?;
                if rebuilt.rows.is_none() {
                    return Err(told(&rebuilt.to_string()));
                }
            }
            Misfortune::AnchorWhole | Misfortune::AnchorSector => {
                let file = self.disk.file(Device::Anchor);
                // What the start wrote since then is newer and as true.
                if due == Due::Refuses {
                    let put_back = file.write_at(&anchor, 0).and_then(|()| file.sync());
                    put_back.map_err(|error| told(&error.to_string()))?;
                }
            }
            Misfortune::Mirror => {}
            _ => self.disk.replace_store(store),
        }
        Ok(())
    }

    /// Does it, and says what is due; none when there is nothing there for it to strike.
    fn befall(&mut self, misfortune: Misfortune, store: &Contents) -> Option<Due> {
        let [entries, rows, tiles, checkpoints] = store.counts();
        let mut pick = |len: usize| self.dice.index(len);
        let part = match misfortune {
            Misfortune::Entry => Part::Entry(pick(entries)? as u64),
            Misfortune::Row => Part::Row(pick(rows)?),
            Misfortune::Digest => Part::Digest,
            Misfortune::Head => Part::Head,
            Misfortune::Tile => Part::Tile(pick(tiles)?),
            Misfortune::Checkpoint => Part::Checkpoint(pick(checkpoints)?),
            // One side's, or there is no twin: of a crash that tore the other one, the start before has to be over.
            Misfortune::Mirror if !self.mirrors_agree() => return None,
            Misfortune::Mirror => {
                let side = *self.dice.pick(&[Device::MirrorA, Device::MirrorB]);
                let file = self.disk.file(side);
                let at = self.dice.index(file.durable().len())?;
                file.damage(at..at + 1);
                return Some(Due::Begins);
            }
            Misfortune::AnchorSector => return self.damage_anchor_sector(),
            Misfortune::AnchorWhole => {
                let file = self.disk.file(Device::Anchor);
                let is_written = |sector: &[u8]| sector.iter().any(|byte| *byte != 0);
                if entries < 2 || !file.durable().chunks(512).any(is_written) {
                    return None;
                }
                // A blank sector beside a damaged one is an anchor that was never written: told apart, and as much refused.
                file.damage(20..21);
                file.damage(532..533);
                return Some(Due::Refuses);
            }
            Misfortune::LostTail => {
                let old = self.old_store.take()?;
                let size = old.counts()[0] as u64;
                // What the anchor has not seen yet, nobody here can miss.
                if size == 0 || size >= self.anchored {
                    return None;
                }
                self.disk.replace_store(old);
                return Some(Due::Refuses);
            }
        };
        let bit = self.dice.below(1 << 20) as usize;
        let mut struck = store.clone();
        if !struck.flip(part, bit) {
            return None;
        }
        self.disk.replace_store(struck);
        let sealed = self
            .disk
            .log()
            .checkpoints()
            .ok()?
            .last()
            .map_or(0, |(size, _)| *size);
        Some(match part {
            Part::Entry(seq) if seq >= sealed => Due::Refuses,
            Part::Row(_) | Part::Digest | Part::Head => Due::Refuses,
            Part::Checkpoint(nth) if nth + 1 == checkpoints => Due::Refuses,
            Part::Entry(_) | Part::Tile(_) | Part::Checkpoint(_) => Due::IsTold,
        })
    }

    /// The other sector still holds an earlier durable end, unless a crash has torn it, or it was never written: then there
    /// is no anchor any more.
    fn damage_anchor_sector(&mut self) -> Option<Due> {
        let file = self.disk.file(Device::Anchor);
        let bytes = file.durable();
        // As `ledger::anchor` documents it: the sum of what comes before ends a sector.
        let is_whole = |nth: &usize| {
            let sector = bytes.get(nth * 512..(nth + 1) * 512);
            sector.is_some_and(|sector| Digest::of(&sector[..480]).as_bytes() == &sector[480..])
        };
        let is_blank = |nth: usize| bytes[nth * 512..(nth + 1) * 512].iter().all(|byte| *byte == 0);
        let whole: Vec<usize> = [0, 1].into_iter().filter(is_whole).collect();
        let nth = *whole.get(self.dice.index(whole.len())?)?;
        let at = nth * 512 + self.dice.below(512) as usize;
        file.damage(at..at + 1);
        let size = self.disk.log().size().ok()?;
        // Of a log with nothing but its genesis the first anchor may have been torn as it was written.
        let is_first = size == 1 && is_blank(1 - nth);
        Some(match whole.len() == 1 && !is_first {
            true => Due::Refuses,
            false => Due::Begins,
        })
    }

    fn verifies(&self) -> bool {
        let source = StoreSource::new(self.disk.log());
        source
            .and_then(|source| {
                let mut source = source.with_anchor(Some(self.disk.anchor_copy()));
                verify(&mut source, &mut |_, _| ())
            })
            .is_ok_and(|report| report.is_verified())
    }

    fn mirrors_agree(&self) -> bool {
        let [a, b] = self.disk.mirror_bytes();
        a == b
    }
}
