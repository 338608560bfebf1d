//! The pass itself: what the threads have seen of each entry, judged in the order of the log.

use std::collections::VecDeque;

use super::genesis::Genesis;
use super::{Asked, Depth, Report};
use crate::audit::Progress;
use crate::audit::keys::Keys;
use crate::audit::lawful::Laws;
use crate::audit::place::Place;
use crate::audit::problem::Fault;
use crate::audit::source::{Claims, Kept, LogSource, SourceError};
use crate::audit::unproven::Unproven;
use crate::audit::verified::Verified;
use crate::audit::workers::Seen;
use crate::audit::workers::{How, Looked, Page, Workers};
use crate::base::{Digest, Seq};
use crate::event::Event;
use crate::ledger::tree::Tree;
use crate::ledger::{Checkpoint, SignedAnchor};

#[derive(Debug)]
pub(super) struct Pass {
    report: Report,
    keys: Keys,
    place: Place,
    tree: Tree,
    /// Whether every event so far could be folded: after one that could not, the state proves nothing more.
    follows: bool,
    laws: Laws,
    /// Notes of checkpoints in the order of their sizes.
    kept: VecDeque<Kept>,
    /// The largest size that a checkpoint proved.
    covered: u64,
    anchor: Option<SignedAnchor>,
    /// What was verified before, until it is reached.
    since: Option<Verified>,
    /// Events that are trusted once their root is the one that was verified.
    trusted: u64,
    /// Whether the log turned out to be another than the one that was verified before: all further words would be about a
    /// log that nobody asked for.
    is_other: bool,
    shows_tiles: bool,
    page_entries: usize,
}

impl Pass {
    pub(super) fn new(
        report: Report,
        genesis: Genesis,
        kept: Vec<Kept>,
        anchor: Option<SignedAnchor>,
        asked: &Asked,
    ) -> Self {
        Self {
            report,
            keys: Keys::begin(genesis.log, genesis.key, genesis.origin),
            place: Place::default(),
            tree: Tree::new(),
            follows: asked.depth > Depth::Chain,
            laws: Laws::new(asked.depth == Depth::Decisions),
            kept: kept.into(),
            covered: 0,
            anchor,
            since: asked.since.clone(),
            trusted: asked.since.as_ref().map_or(0, |since| since.size),
            is_other: false,
            shows_tiles: true,
            page_entries: PAGE_ENTRIES,
        }
    }

    pub(super) fn run(
        &mut self,
        source: &mut dyn LogSource,
        workers: &mut Workers,
        progress: Progress<'_>,
    ) -> Result<(), SourceError> {
        let size = source.size();
        // How far was read; what was read is judged some pages later.
        let mut read = 0;
        loop {
            while workers.has_room() && read < size {
                match self.page(source, Seq::new(read))? {
                    Some(page) => {
                        let how = self.how(page.from);
                        read += page.entries.len() as u64;
                        workers.look(page, how);
                    }
                    None => read = size,
                }
            }
            let Some(looked) = workers.take() else { break };
            self.judge(looked, source, workers)?;
            progress(self.place.next().get(), size);
            if self.is_other {
                break;
            }
        }
        let events = self.place.next().get();
        self.report.events = events;
        if let Some(since) = self.since.take() {
            let fault = Fault::VerifiedBeyond {
                size: since.size,
                root: since.root,
                found: events,
                found_root: self.tree.root(),
            };
            self.add_last(fault);
        }
        Ok(())
    }

    /// How closely the entries of a page are looked at. No page has entries on both sides of what is trusted.
    const fn how(&self, from: Seq) -> How {
        match (from.get() < self.trusted, self.report.depth) {
            // Of changes the chain needs those of the key alone.
            (true, _) | (_, Depth::Chain) => How::Changes,
            (false, _) => How::Events,
        }
    }

    /// The next page; none when the log can't be read any further, which is a problem and said so.
    fn page(&mut self, source: &mut dyn LogSource, from: Seq) -> Result<Option<Page>, SourceError> {
        loop {
            let left = self.trusted.saturating_sub(from.get());
            let limit = match usize::try_from(left) {
                Ok(left) if left > 0 => self.page_entries.min(left),
                _ => self.page_entries,
            };
            match source.entries(from, limit) {
                Ok(entries) if entries.is_empty() => {
                    self.report.problems.add(from, Fault::Missing);
                    return Ok(None);
                }
                Ok(entries) => return Ok(Some(Page { from, entries })),
                // One by one, to say where.
                Err(SourceError::Damaged(_)) if self.page_entries > 1 => self.page_entries = 1,
                Err(SourceError::Damaged(what)) => {
                    self.report.problems.add(from, Fault::Store(what));
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn judge(
        &mut self,
        (page, all): Looked,
        source: &mut dyn LogSource,
        workers: &Workers,
    ) -> Result<(), SourceError> {
        let is_trusted = page.from.get() < self.trusted;
        let is_signed = !is_trusted && self.report.depth > Depth::Chain;
        // Where the entries begin that are signed by the key that is in force now.
        let (mut from, end) = (0, all.len());
        for (at, seen) in all.into_iter().enumerate() {
            self.tree.append(seen.leaf);
            let before = std::mem::replace(&mut self.report.head, seen.leaf);
            self.report.signatures += u64::from(is_signed && seen.kid.is_some());
            let signer = self.keys.last().public;
            let is_alone = seen.event.as_ref().is_some_and(Event::begins_alone);
            let turned = if is_trusted {
                self.pass_over(&seen, before)
            } else {
                self.entry(seen, before)
            };
            if turned && is_signed {
                // What begins an epoch alone is the first that the new key signed.
                let end = if is_alone { at } else { at + 1 };
                workers.verify(&page, from..end, signer);
                from = end;
            }
            let now = self.place.next().get();
            self.checkpoints_here(now);
            self.anchored_here(now);
            self.tiles(source)?;
        }
        if is_signed {
            workers.verify(&page, from..end, self.keys.last().public);
        }
        if self.place.next().get() == self.trusted {
            self.reach_verified();
        }
        Ok(())
    }

    /// An entry that was verified before, if its root says so once it is reached. True when it brings another key.
    fn pass_over(&mut self, seen: &Seen, before: Digest) -> bool {
        self.place.pass(&seen.look);
        let says = match &seen.look.says {
            Ok(says) => *says,
            Err(fault) => {
                self.follows = false;
                self.add_last(fault.clone());
                return false;
            }
        };
        match &seen.event {
            Some(event) if self.follows => self.fold(event),
            None if self.follows => self.report.state.pass_over(says.seq, says.time),
            _ => {}
        }
        let event = seen.event.as_ref();
        event.is_some_and(|event| self.keys.follow(event, before, &mut self.report.problems))
    }

    /// An entry that is judged. True when it brings another key.
    fn entry(&mut self, seen: Seen, before: Digest) -> bool {
        let seq = self.place.next();
        let placed = self.place.judge(seen.look, &mut self.report.problems);
        self.follows &= placed == Some(true);
        let Some(placed) = placed else { return false };
        let signer = self.keys.last().public.kid();
        let Some(event) = seen.event else {
            self.named(seq, seen.kid, signer);
            return false;
        };
        let turned = placed && self.keys.follow(&event, before, &mut self.report.problems);
        let signer = match turned && event.begins_alone() {
            true => self.keys.last().public.kid(),
            false => signer,
        };
        self.named(seq, seen.kid, signer);
        if self.follows {
            let Report { state, problems, .. } = &mut self.report;
            self.laws.check(state, &event, problems);
            self.fold(&event);
        }
        turned
    }

    /// The key that an entry names is the one that has to have signed it.
    fn named(&mut self, seq: Seq, kid: Option<[u8; 8]>, signer: [u8; 8]) {
        if kid.is_some_and(|kid| kid != signer) {
            self.report.problems.add(seq, Fault::KeyId);
        }
    }

    fn fold(&mut self, event: &Event) {
        self.report.state.apply(event);
        if !event.chg.is_empty() {
            self.laws.note(&self.report.state);
        }
    }

    /// Kept checkpoints of what was read so far: signed by the log, under their size, of this root.
    fn checkpoints_here(&mut self, now: u64) {
        while self.kept.front().is_some_and(|kept| kept.claimed_size() <= now) {
            let Some(kept) = self.kept.pop_front() else { return };
            let Some(checkpoint) = self.opened(&kept) else {
                continue;
            };
            if checkpoint.size != now || checkpoint.root != self.tree.root() {
                self.add_last(Fault::CheckpointRoot(checkpoint.size));
            } else {
                self.covered = now;
                self.report.note = Some(kept.note);
            }
        }
    }

    /// A checkpoint whose note is the log's.
    fn opened(&mut self, kept: &Kept) -> Option<Checkpoint> {
        let at = kept.claimed_size();
        let place = Seq::new(at.min(self.place.next().get()).saturating_sub(1));
        let period = self.keys.at(at);
        match Checkpoint::open(&kept.note, &period.origin, &period.public) {
            Err(error) => self.report.problems.add(place, Fault::CheckpointNote(error)),
            Ok(checkpoint) if kept.size.is_some_and(|size| size != checkpoint.size) => {
                self.report
                    .problems
                    .add(place, Fault::CheckpointPlace(checkpoint.size));
            }
            Ok(checkpoint) => {
                self.report.checkpoints += 1;
                return Some(checkpoint);
            }
        }
        None
    }

    fn anchored_here(&mut self, now: u64) {
        if let Some(anchor) = self.anchor.take_if(|anchor| anchor.claims().size == now) {
            if anchor.verify(self.keys.schedule()).is_none() {
                self.add_last(Fault::AnchorUnsigned(now));
            } else if anchor.claims().leaf != self.report.head {
                self.add_last(Fault::AnchorLeaf);
            }
        }
    }

    /// Tiles that have just filled, against those that are stored.
    fn tiles(&mut self, source: &mut dyn LogSource) -> Result<(), SourceError> {
        for tile in self.tree.take_full_tiles() {
            match source.tile(tile.level, tile.index)? {
                None => self.shows_tiles = false,
                Some(stored) if stored.as_ref() != Some(&tile.hashes) => self.add_last(Fault::Tile {
                    level: tile.level,
                    index: tile.index,
                }),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// All that was verified before is read: it is the same if and only if its root is.
    fn reach_verified(&mut self) {
        let Some(since) = self.since.take() else { return };
        let found = self.tree.root();
        if found == since.root {
            self.report.earlier = since.size;
            self.report.whole = since.depth;
        } else {
            self.add_last(Fault::VerifiedRoot {
                size: since.size,
                root: since.root,
                found,
            });
            self.is_other = true;
        }
    }

    /// A problem of one event.
    pub(super) fn wrong(&mut self, seq: Seq, fault: Fault) {
        self.report.problems.add(seq, fault);
    }

    /// A problem of the log up to the last entry read.
    fn add_last(&mut self, fault: Fault) {
        let last = Seq::new(self.place.next().get().saturating_sub(1));
        self.report.problems.add(last, fault);
    }

    pub(super) fn conclude(mut self, claims: &Claims) -> Report {
        if !self.is_other {
            self.conclude_ends(claims);
        }
        self.conclude_report()
    }

    /// What was said of the log's end, and of more than there is.
    fn conclude_ends(&mut self, claims: &Claims) {
        for kept in std::mem::take(&mut self.kept) {
            if let Some(checkpoint) = self.opened(&kept) {
                self.add_last(Fault::CheckpointBeyond(checkpoint.size));
            }
        }
        if let Some(anchor) = self.anchor.take() {
            let size = anchor.claims().size;
            let found = self.place.next().get();
            let is_known = self
                .keys
                .schedule()
                .periods()
                .any(|period| anchor.is_signed_by(&period.public));
            // Whoever signed it: the key may be one that the missing end of the log brought.
            self.add_last(match size > found {
                true => Fault::AnchorBeyond {
                    anchored: size,
                    found,
                    is_known,
                },
                false => Fault::AnchorUnsigned(size),
            });
        }
        let period = self.keys.last();
        let (origin, public) = (period.origin.clone(), *period.public.as_bytes());
        if claims.origin.as_ref().is_some_and(|claimed| *claimed != origin) {
            self.add_last(Fault::Claim("origin"));
        }
        if claims.public.as_ref().is_some_and(|claimed| *claimed != public) {
            self.add_last(Fault::Claim("public key"));
        }
        if claims.head.is_some_and(|head| head != self.report.head) {
            self.add_last(Fault::Claim("head"));
        }
    }

    fn conclude_report(self) -> Report {
        let mut report = self.report;
        report.root = self.tree.root();
        report.origin.clone_from(&self.keys.last().origin);
        report.turns = self.keys.into_turns();
        // Of the log as a whole only so much is known as of its least known part.
        let earlier = (report.earlier > 0).then_some(report.whole);
        report.whole = match earlier {
            None => Some(report.depth),
            Some(earlier) => earlier.map(|earlier| earlier.min(report.depth)),
        };
        if self.covered != report.events {
            report.note = None;
            report.unproven.push(Unproven::Tail {
                from: self.covered,
                size: report.events,
                signed: report.depth > Depth::Chain,
            });
        }
        if !self.shows_tiles {
            report.unproven.push(Unproven::Tiles);
        }
        match report.depth {
            Depth::Chain => report.unproven.push(Unproven::Contents),
            Depth::Signatures => report.unproven.push(Unproven::Decisions),
            Depth::Decisions => {}
        }
        if self.laws.undecidable() > 0 {
            let undecidable = Unproven::SystemPolicies(self.laws.undecidable());
            report.unproven.push(undecidable);
        }
        if let Some(depth) = earlier
            && depth.is_none_or(|depth| depth < report.depth)
        {
            let size = report.earlier;
            report.unproven.push(Unproven::Earlier { size, depth });
        }
        report
    }
}

/// Entries asked for at once: few enough that the threads share a short log, many enough that a seek costs nothing.
const PAGE_ENTRIES: usize = 512;
