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
