//! The recent past of the log, newest first.

use crate::base::{AccessKeyId, Seq, Timestamp};
use crate::event::codec::decode_event;
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
    let mut is_old = false;
    while end > 0 && !is_old {
        let start = end.saturating_sub(PAGE);
        let mut from = start;
        while from < end {
            let limit = usize::try_from(end - from).unwrap_or(usize::MAX);
            let page = store.entries(Seq::new(from), limit, PAGE_BYTES)?;
            for (seq, bytes) in &page {
                let entry =
                    SignedEntry::parse(bytes).map_err(|_| StoreError::Damaged("an entry is malformed"))?;
                let is_first = *seq == Seq::new(start);
                // Decoding is most of the work, and most events of a busy local daemon were not signed.
                if !is_first && !may_have(entry.payload, NONCE_FIELD) {
                    continue;
                }
                let event =
                    decode_event(entry.payload).map_err(|_| StoreError::Damaged("a payload is malformed"))?;
                // Event time never goes back: when the first of a page is old enough, no earlier page matters.
                is_old |= is_first && event.time < since;
                if let (Some(access_key), Some(hash)) = (&event.actor.ak, event.origin.nonce) {
                    show(access_key, hash, event.dec.at);
                }
            }
            match page.last() {
                Some((last, _)) => from = last.next().get(),
                None => return Err(StoreError::Damaged("entries are missing")),
            }
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
    let mut first = None;
    let mut from = start.get();
    while from < end {
        let limit = usize::try_from(end - from).unwrap_or(usize::MAX);
        let page = store.entries(Seq::new(from), limit, PAGE_BYTES)?;
        for (_, bytes) in &page {
            let entry =
                SignedEntry::parse(bytes).map_err(|_| StoreError::Damaged("an entry is malformed"))?;
            if first.is_some() && !may_have(entry.payload, ACCESS_KEY_FIELD) {
                continue;
            }
            let event =
                decode_event(entry.payload).map_err(|_| StoreError::Damaged("a payload is malformed"))?;
            first.get_or_insert(event.time);
            if let Some(id) = event.actor.ak.as_ref().filter(|id| !id.is_temporary()) {
                show(id, event.dec.at);
            }
        }
        match page.last() {
            Some((last, _)) => from = last.next().get(),
            None => return Err(StoreError::Damaged("entries are missing")),
        }
    }
    Ok(first.unwrap_or_default())
}

/// Whether a field's name, as CBOR has it, stands anywhere in a payload. Where it does not, there is no such field.
fn may_have(payload: &[u8], field: &[u8]) -> bool {
    payload.windows(field.len()).any(|window| window == field)
}

/// A text of five characters.
const NONCE_FIELD: &[u8] = b"\x65nonce";
/// A text of two characters.
const ACCESS_KEY_FIELD: &[u8] = b"\x62ak";
/// Entries looked at in one go.
pub(super) const PAGE: u64 = 4_096;
/// Bytes read at once.
const PAGE_BYTES: usize = 4 << 20;
