//! The whole log in one pass: each entry in its place, signed, lawful; the tree as the checkpoints, tiles and anchor
//! say.

use std::fmt;

use super::Progress;
use super::keys::{Keys, Turn};
use super::lawful;
use super::past::Past;
use super::place::{Place, Read};
use super::problem::{Fault, Problems};
use super::signatures::Signatures;
use super::source::{Claims, Kept, LogSource, SourceError};
use crate::base::{Digest, LogId, Seq};
use crate::event::{Change, Event, FORMAT, LogBegun};
use crate::ledger::tree::Tree;
use crate::ledger::{Checkpoint, LogPublicKey, SignedAnchor, leaf_hash};
use crate::policy::Library;
use crate::projection::State;

/// What a pass over the log came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Events read.
    pub events: u64,
    /// The log's id, from genesis.
    pub log: Option<LogId>,
    /// The origin of its checkpoints at the end.
    pub origin: String,
    /// SHA-256 of its public key, from genesis; the first 8 bytes are the key id.
    pub key: Option<Digest>,
    /// Its later keys and epochs.
    pub turns: Vec<Turn>,
    /// Signatures of entries checked.
    pub signatures: u64,
    /// Kept checkpoints checked.
    pub checkpoints: u64,
    /// Leaf hash of the last entry.
    pub head: Digest,
    /// Root of the tree.
    pub root: Digest,
    /// The state that all events fold to.
    pub state: State,
    /// What is wrong.
    pub problems: Problems,
}

impl Report {
    /// Whether the log proved itself.
    pub const fn is_verified(&self) -> bool {
        self.problems.is_empty()
    }
}

/// The verdict, one line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.problems.is_empty() {
            return write!(f, "DAMAGED at {}", self.problems);
        }
        write!(f, "verified: {} events", self.events)?;
        if let Some(log) = self.log {
            write!(f, " of log {log}")?;
        }
        write!(f, ", {} checkpoints, head {}", self.checkpoints, self.head)
    }
}

/// Verifies all of `source`. An error means that it could not be read; what is wrong with it stands in the report.
pub fn verify(source: &mut dyn LogSource, progress: Progress<'_>) -> Result<Report, SourceError> {
    let mut report = Report::default();
    let last = Seq::new(source.size().saturating_sub(1));
    let claims = absorb(source.claims(), last, &mut report.problems)?.unwrap_or_default();
    let Some(genesis) = genesis(source, &claims, &mut report)? else {
        return Ok(report);
    };
    let mut kept = checkpoints(source, &mut report)?;
    kept.sort_by_key(|kept| kept.at);
    let anchor = absorb(source.anchor(genesis.log), last, &mut report.problems)?.flatten();
    // Only a crash between genesis and the first anchor leaves none.
    if anchor == Some(None) && source.size() > 1 {
        report.problems.add(last, Fault::AnchorMissing);
    }
    let mut pass = Pass {
        report,
        place: Place::default(),
        tree: Tree::new(),
        follows: true,
        past: Past::default(),
        library: Library::default(),
        keys: Keys::begin(genesis.log, genesis.key, genesis.origin),
        kept,
        anchor: anchor.flatten(),
        page_entries: PAGE_ENTRIES,
    };
    std::thread::scope(|scope| {
        let mut signatures = Signatures::start(scope, genesis.log, genesis.key);
        pass.run(source, &mut signatures, progress)?;
        let (bad, count) = signatures.finish();
        pass.report.signatures = count;
        for seq in bad {
            pass.report.problems.add(seq, Fault::Signature);
        }
        Ok::<(), SourceError>(())
    })?;
    Ok(pass.conclude(&claims))
}

/// Who the log is.
#[derive(Debug)]
struct Genesis {
    log: LogId,
    origin: String,
    key: LogPublicKey,
}

/// Turns damage that a source reports by itself into a problem of the last event; other errors stay errors.
fn absorb<T>(
    result: Result<T, SourceError>,
    last: Seq,
    problems: &mut Problems,
) -> Result<Option<T>, SourceError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(SourceError::Damaged(what)) => {
            problems.add(last, Fault::Store(what));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Reads genesis for the identity; the pass checks it again as the event that it is. None when there is no identity
/// to verify anything against.
fn genesis(
    source: &mut dyn LogSource,
    claims: &Claims,
    report: &mut Report,
) -> Result<Option<Genesis>, SourceError> {
    let read = match source.entries(Seq::GENESIS, 1) {
        Ok(page) => page,
        Err(SourceError::Damaged(what)) => {
            report.problems.add(Seq::GENESIS, Fault::Store(what));
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let Some(bytes) = read.first() else {
        report.problems.add(Seq::GENESIS, Fault::Missing);
        return Ok(None);
    };
    // The pass takes genesis again: problems of it are counted there, or here when there is no pass.
    let Some(read) = Place::default().take(bytes, &mut Problems::default()) else {
        Place::default().take(bytes, &mut report.problems);
        return Ok(None);
    };
    let begun = match identity(&read.event) {
        Ok(begun) => begun,
        Err(what) => {
            report.problems.add(Seq::GENESIS, Fault::Genesis(what));
            return Ok(None);
        }
    };
    let Ok(key) = LogPublicKey::try_from(begun.public.as_slice()) else {
        report
            .problems
            .add(Seq::GENESIS, Fault::Genesis("its key is not a public key"));
        return Ok(None);
    };
    if claims.log.is_some_and(|log| log != begun.log) {
        report.problems.add(Seq::GENESIS, Fault::Claim("log id"));
    }
    report.log = Some(begun.log);
    report.key = Some(Digest::of(key.as_bytes()));
    Ok(Some(Genesis {
        log: begun.log,
        origin: begun.origin.clone(),
        key,
    }))
}

/// The identity that the first event gives the log.
fn identity(event: &Event) -> Result<&LogBegun, &'static str> {
    let Some(Change::LogBegun(begun)) = event.chg.first() else {
        return Err("its first change is another");
    };
    if begun.format == 0 || begun.format > FORMAT {
        return Err("its format version is none that this build knows");
    }
    let mut parts = begun.origin.rsplitn(3, '/');
    let (epoch, id, name) = (parts.next(), parts.next(), parts.next());
    let whole = epoch.is_some_and(|epoch| epoch.parse::<u64>().is_ok())
        && id == Some(begun.log.to_string().as_str())
        && name.is_some_and(|name| !name.is_empty());
    if whole {
        Ok(begun)
    } else {
        Err("its origin is not NAME/LOG-ID/EPOCH")
    }
}

/// A kept checkpoint before its turn.
#[derive(Debug)]
struct Waiting {
    /// The size that it is stored under, or else claims: where the key is looked up that has to have signed it.
    at: u64,
    kept: Kept,
}

/// The kept checkpoints. Which key they have to be signed by is known when the pass has come so far.
fn checkpoints(source: &mut dyn LogSource, report: &mut Report) -> Result<Vec<Waiting>, SourceError> {
    let size = source.size();
    let last = Seq::new(size.saturating_sub(1));
    let all = absorb(source.checkpoints(), last, &mut report.problems)?.unwrap_or_default();
    let waiting = all.into_iter().map(|kept| Waiting {
        at: kept
            .size
            .or_else(|| Checkpoint::claimed_size(&kept.note))
            .unwrap_or(size),
        kept,
    });
    Ok(waiting.collect())
}

/// The pass itself.
#[derive(Debug)]
struct Pass {
    report: Report,
    place: Place,
    tree: Tree,
    /// Whether every event so far could be folded: after one that could not, the state proves nothing more.
    follows: bool,
    /// What queries were answered from.
    past: Past,
    library: Library,
    keys: Keys,
    /// Checkpoints in the order of their sizes.
    kept: Vec<Waiting>,
    anchor: Option<SignedAnchor>,
    page_entries: usize,
}

impl Pass {
    fn run(
        &mut self,
        source: &mut dyn LogSource,
        signatures: &mut Signatures,
        progress: Progress<'_>,
    ) -> Result<(), SourceError> {
        let size = source.size();
        let mut kept = std::mem::take(&mut self.kept).into_iter().peekable();
        while self.place.next().get() < size {
            let Some(page) = self.page(source, self.place.next())? else {
                break;
            };
            for bytes in &page {
                self.entry(bytes, signatures);
                let now = self.place.next().get();
                while let Some(waiting) = kept.next_if(|waiting| waiting.at <= now) {
                    if let Some(checkpoint) = self.open(&waiting)
                        && (checkpoint.size != now || checkpoint.root != self.tree.root())
                    {
                        self.add_last(Fault::CheckpointRoot(checkpoint.size));
                    }
                }
                self.anchored_here(now);
                self.tiles(source)?;
            }
            progress(self.place.next().get(), size);
        }
        for waiting in kept {
            if let Some(checkpoint) = self.open(&waiting) {
                self.add_last(Fault::CheckpointBeyond(checkpoint.size));
            }
        }
        self.report.events = self.place.next().get();
        Ok(())
    }

    /// A checkpoint whose note is the log's, of the size that it is kept under.
    fn open(&mut self, waiting: &Waiting) -> Option<Checkpoint> {
        let period = self.keys.at(waiting.at);
        let opened = Checkpoint::open(&waiting.kept.note, &period.origin, &period.public);
        let place = waiting.at.min(self.place.next().get()).saturating_sub(1);
        let fault = match opened {
            Err(error) => Fault::CheckpointNote(error),
            Ok(checkpoint) if waiting.kept.size.is_some_and(|size| size != checkpoint.size) => {
                Fault::CheckpointPlace(checkpoint.size)
            }
            Ok(checkpoint) => {
                self.report.checkpoints += 1;
                return Some(checkpoint);
            }
        };
        self.report.problems.add(Seq::new(place), fault);
        None
    }

    /// The next page; none when the log can't be read any further, which is a problem and said so.
    fn page(&mut self, source: &mut dyn LogSource, from: Seq) -> Result<Option<Vec<Vec<u8>>>, SourceError> {
        loop {
            match source.entries(from, self.page_entries) {
                Ok(page) if page.is_empty() => {
                    self.report.problems.add(from, Fault::Missing);
                    return Ok(None);
                }
                Ok(page) => return Ok(Some(page)),
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

    fn entry(&mut self, bytes: &[u8], signatures: &mut Signatures) {
        let leaf = leaf_hash(bytes);
        self.tree.append(leaf);
        let before = std::mem::replace(&mut self.report.head, leaf);
        let Some(Read {
            seq,
            entry,
            event,
            placed,
        }) = self.place.take(bytes, &mut self.report.problems)
        else {
            self.follows = false;
            return;
        };
        if entry.kid != self.keys.last().public.kid() {
            self.report.problems.add(seq, Fault::KeyId);
        }
        signatures.add(seq, &entry);
        if placed && self.keys.follow(&event, before, &mut self.report.problems) {
            signatures.turn(self.keys.last().public);
        }
        self.follows &= placed;
        if self.follows {
            let Report { state, problems, .. } = &mut self.report;
            lawful::check(state, &self.past, &self.library, &event, problems);
            state.apply(&event);
            if !event.chg.is_empty() {
                self.past.note(state);
            }
        }
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
            if let Some(stored) = source.tile(tile.level, tile.index)?
                && stored.as_ref() != Some(&tile.hashes)
            {
                self.add_last(Fault::Tile {
                    level: tile.level,
                    index: tile.index,
                });
            }
        }
        Ok(())
    }

    /// A problem of the log up to the last entry read.
    fn add_last(&mut self, fault: Fault) {
        let last = Seq::new(self.place.next().get().saturating_sub(1));
        self.report.problems.add(last, fault);
    }

    fn conclude(mut self, claims: &Claims) -> Report {
        if let Some(anchor) = self.anchor.take() {
            let size = anchor.claims().size;
            // Whoever signed it: the key may be one that the missing end of the log brought.
            self.add_last(match anchor.verify(self.keys.schedule()) {
                Some(_) => Fault::AnchorBeyond(size),
                None => Fault::AnchorUnsigned(size),
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
        self.report.root = self.tree.root();
        self.report.origin = origin;
        self.report.turns = self.keys.into_turns();
        self.report
    }
}

/// Entries asked for at once.
const PAGE_ENTRIES: usize = 2_048;
