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
                if !is_first && !may_have_nonce(entry.payload) {
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

/// Whether the field's name stands anywhere in a payload: a CBOR text of five characters. Where it does not, there is no
/// such field.
fn may_have_nonce(payload: &[u8]) -> bool {
    payload
        .windows(NONCE_FIELD.len())
        .any(|window| window == NONCE_FIELD)
}

const NONCE_FIELD: &[u8] = b"\x65nonce";
/// Entries looked at in one go.
const PAGE: u64 = 4_096;
/// Bytes read at once.
const PAGE_BYTES: usize = 4 << 20;
