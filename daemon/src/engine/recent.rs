//! The recent past of the log, newest first.

use crate::base::{AccessKeyId, Seq, Timestamp};
use crate::event::Arrival;
use crate::ledger::EventStore;
use crate::ledger::cose::SignedEntry;
use crate::ledger::store::StoreError;

/// Shows every signed request recorded since `since`: access key, nonce hash, admission time.
pub(super) fn each_nonce(
    store: &dyn EventStore,
    since: Timestamp,
    mut show: impl FnMut(&AccessKeyId, u64, Timestamp),
) -> Result<(), StoreError> {
    let mut end = store.size()?;
    let mut signers = Signers::default();
    while end > 0 {
        let start = end.saturating_sub(PAGE);
        let first = each(store, start, end, |arrival| {
            if let (Some(access_key), Some(hash)) = (arrival.access_key, arrival.nonce) {
                show(signers.parse(access_key)?, hash, arrival.at);
            }
            Ok(())
        })?;
        // Event time never goes back: when the first of a page is old enough, no earlier page matters.
        if first.is_some_and(|first| first < since) {
            break;
        }
        end = start;
    }
    Ok(())
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
