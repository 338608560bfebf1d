//! The recent past of the log: who signed what, and when.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crossbeam_channel::bounded;

use crate::base::{AccessKeyId, Seq, Timestamp};
use crate::event::Arrival;
use crate::ledger::EventStore;
use crate::ledger::cose::SignedEntry;
use crate::ledger::store::StoreError;

/// Shows every signed request recorded since `since`, in no order: access key, nonce hash, admission time.
///
/// A start waits for this, so all cores read: a part of the log each, a page at a time.
pub(super) fn each_nonce(
    store: &dyn EventStore,
    since: Timestamp,
    mut show: impl FnMut(&AccessKeyId, u64, Timestamp),
) -> Result<(), StoreError> {
    let end = store.size()?;
    let first = first_since(store, since, end)?;
    let readers = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicU64::new(first);
    let (sender, pages) = bounded(readers);
    thread::scope(|scope| {
        for _ in 0..readers {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let start = next.fetch_add(PAGE, Ordering::Relaxed);
                    // Without a receiver nobody waits for more: another page could not be read.
                    if start >= end || sender.send(nonces(store, start, end.min(start + PAGE))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        pages.into_iter().try_for_each(|page| {
            for (access_key, uses) in page? {
                uses.iter().for_each(|(hash, at)| show(&access_key, *hash, *at));
            }
            Ok(())
        })
    })
}

/// Nonce hash and admission time of what each access key signed.
type Uses = Vec<(AccessKeyId, Vec<(u64, Timestamp)>)>;

fn nonces(store: &dyn EventStore, start: u64, end: u64) -> Result<Uses, StoreError> {
    let mut signers = Signers::default();
    let mut found: HashMap<AccessKeyId, Vec<(u64, Timestamp)>> = HashMap::new();
    each(store, start, end, |arrival| {
        if let (Some(access_key), Some(hash)) = (arrival.access_key, arrival.nonce) {
            let access_key = signers.parse(access_key)?;
            match found.get_mut(access_key) {
                Some(uses) => uses.push((hash, arrival.at)),
                None => drop(found.insert(access_key.clone(), vec![(hash, arrival.at)])),
            }
        }
        Ok(())
    })?;
    Ok(found.into_iter().collect())
}

/// The first event that is not older than `since`, or `end`. Event time never goes back.
fn first_since(store: &dyn EventStore, since: Timestamp, end: u64) -> Result<u64, StoreError> {
    let (mut older, mut younger) = (0, end);
    while older < younger {
        let middle = older + (younger - older) / 2;
        let time = each(store, middle, middle + 1, |_| Ok(()))?;
        if time.is_some_and(|time| time < since) {
            older = middle + 1;
        } else {
            younger = middle;
        }
    }
    Ok(older)
}

/// Shows every request that was signed with a lasting access key from `start` to before `end`: access key and admission
/// time. Returns the time of the first event there.
pub(super) fn each_signed(
    store: &dyn EventStore,
    start: Seq,
    end: u64,
    mut show: impl FnMut(&AccessKeyId, Timestamp),
) -> Result<Timestamp, StoreError> {
    let mut signers = Signers::default();
    let first = each(store, start.get(), end, |arrival| {
        if let Some(access_key) = arrival.access_key {
            let access_key = signers.parse(access_key)?;
            if !access_key.is_temporary() {
                show(access_key, arrival.at);
            }
        }
        Ok(())
    })?;
    Ok(first.unwrap_or_default())
}

/// Shows how each request from `start` to before `end` arrived. Returns the time of the first event there.
fn each(
    store: &dyn EventStore,
    start: u64,
    end: u64,
    mut show: impl FnMut(&Arrival<'_>) -> Result<(), StoreError>,
) -> Result<Option<Timestamp>, StoreError> {
    let mut first = None;
    let mut from = start;
    while from < end {
        let limit = usize::try_from(end - from).unwrap_or(usize::MAX);
        let page = store.entries(Seq::new(from), limit, PAGE_BYTES)?;
        for (_, bytes) in &page {
            let entry =
                SignedEntry::parse(bytes).map_err(|_| StoreError::Damaged("an entry is malformed"))?;
            let arrival =
                Arrival::read(entry.payload).map_err(|_| StoreError::Damaged("a payload is malformed"))?;
            first.get_or_insert(arrival.time);
            show(&arrival)?;
        }
        match page.last() {
            Some((last, _)) => from = last.next().get(),
            None => return Err(StoreError::Damaged("entries are missing")),
        }
    }
    Ok(first)
}

/// Access keys, parsed anew only where another one signed: most events of a busy daemon are a few callers'.
#[derive(Default)]
struct Signers {
    last: Option<AccessKeyId>,
}

impl Signers {
    fn parse(&mut self, text: &str) -> Result<&AccessKeyId, StoreError> {
        if self.last.as_ref().is_none_or(|last| last.as_str() != text) {
            self.last = AccessKeyId::parse(text);
        }
        self.last
            .as_ref()
            .ok_or(StoreError::Damaged("an access key's id is malformed"))
    }
}

/// Entries looked at in one go.
pub(super) const PAGE: u64 = 4_096;
/// Bytes read at once.
const PAGE_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Digest, LogId, RequestId, SecretBytes};
    use crate::event::{Actor, Decision, Event, FORMAT, Observation, Origin, Outcome, Recorded};
    use crate::ledger::memory_store::MemoryStore;
    use crate::ledger::{Chain, Group, LogKey, commit};

    /// More than three pages.
    const EVENTS: u64 = 3 * PAGE + 17;

    /// Event N is of second N, and was admitted a millisecond before. Every third was not signed; two access keys take turns.
    fn store() -> MemoryStore {
        let store = MemoryStore::new();
        let key = LogKey::from_seed(&SecretBytes::new(vec![7; 32])).unwrap();
        let mut chain = Chain::begin(LogId::from_bytes([1; 16]), "chancery.test".into(), key);
        let entries = (0..EVENTS).map(|nth| {
            let at = Timestamp::from_millis(nth * 1_000 + 999);
            let account = "1234567890123456".parse().unwrap();
            let signer = (nth % 3 != 0).then(|| access_key(nth));
            let mut event = Event {
                v: FORMAT,
                op: "test/Event".into(),
                chg: Vec::new(),
                dec: Decision::none(at),
                obs: Observation::default(),
                out: Outcome::Ok(Recorded::default()),
                req: Recorded::default(),
                res: Vec::new(),
                rid: RequestId::from_bytes([4; 16]),
                seq: Seq::new(0),
                blob: None,
                prev: Digest::of(b""),
                time: at,
                origin: Origin {
                    nonce: signer.as_ref().map(|_| nth * 7),
                    ..Origin::internal()
                },
                actor: Actor::root(account, signer),
            };
            chain
                .enroll(&mut event, Timestamp::from_millis((nth + 1) * 1_000))
                .unwrap()
        });
        let entries = entries.collect();
        let group = Group {
            entries,
            rows: Vec::new(),
            tiles: chain.take_full_tiles(),
            checkpoint: None,
            digest: None,
            head: *chain.head(),
        };
        commit(&store, &group).unwrap();
        store
    }

    fn access_key(nth: u64) -> AccessKeyId {
        AccessKeyId::parse(if nth.is_multiple_of(2) {
            "CHKEVEN"
        } else {
            "CHKODD"
        })
        .unwrap()
    }

    #[test]
    fn every_nonce_since_then_is_shown_once_with_its_key_and_time() {
        let store = store();
        // The time of an event, between two, before all, after all.
        for since in [
            1,
            500_000,
            4_097_000,
            4_097_001,
            EVENTS * 1_000,
            EVENTS * 1_000 + 1,
        ] {
            let mut shown = Vec::new();
            each_nonce(&store, Timestamp::from_millis(since), |key, hash, at| {
                shown.push((hash, key.clone(), at));
            })
            .unwrap();
            shown.sort();
            let wanted: Vec<_> = (0..EVENTS)
                .filter(|nth| nth % 3 != 0 && (nth + 1) * 1_000 >= since)
                .map(|nth| {
                    (
                        nth * 7,
                        access_key(nth),
                        Timestamp::from_millis(nth * 1_000 + 999),
                    )
                })
                .collect();
            assert_eq!(shown, wanted, "since {since}");
        }
    }
}
