//! What an auditor and a backup ask a running daemon for: the log's identity and size, its entries, its checkpoints, the vault.
//! All of it reads what is durable, whatever has been applied since.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::base::{Answer, ApiError, Arn, Code, Seq, SlotRef, limits};
use crate::custody::vault::image::IMAGE_RECORD_BYTES;
use crate::domain::{Reach, Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::event::{Element, Recorded};
use crate::ledger::store::StoreError;
use crate::projection::{Reader, State};

/// The identity of the log, where it ends, and the digest of the state there.
#[derive(Debug)]
pub struct GetLogStatus;

impl Query for GetLogStatus {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::log(&scope.region, scope.account)])
    }

    fn reach(&self, _: &Scope) -> Reach {
        Reach::Daemon
    }

    fn diagnoses(&self) -> bool {
        true
    }

    fn answer(&self, _: &Scope, _: &State, tools: &Tools) -> Result<Done, ApiError> {
        let durable = tools.published.durable();
        let log = durable.state.log().ok_or(Code::Internal)?;
        let checkpoints = tools.log.newest_checkpoints(limits::CHECKPOINTS_SHOWN_MAX);
        let checkpoints = checkpoints.map_err(unreadable)?;
        let notes = checkpoints.into_iter().map(|(_, note)| note);
        Ok(Done::unrecorded(
            Answer::new()
                .text("LogId", log.id.to_string())
                .text("Origin", log.origin.clone())
                .base64("PublicKey", log.public.as_slice())
                .number("Size", durable.head.size)
                .text("HeadLeaf", durable.head.leaf.to_string())
                .text("HeadTime", durable.head.time.to_string())
                .text("StateDigest", durable.state.digest().short().to_string())
                .list("Checkpoints", "Checkpoint", notes),
        ))
    }
}

/// A page of signed entries, as they are stored.
#[derive(Debug)]
pub struct GetLogEntries {
    /// Position of the first.
    pub from: Seq,
    /// How many at most.
    pub limit: u64,
}

impl Query for GetLogEntries {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::log(&scope.region, scope.account)])
    }

    fn reach(&self, _: &Scope) -> Reach {
        Reach::Daemon
    }

    fn answer(&self, _: &Scope, _: &State, tools: &Tools) -> Result<Done, ApiError> {
        let size = tools.published.durable().head.size;
        let left = size.saturating_sub(self.from.get());
        let limit = usize::try_from(self.limit.min(left)).unwrap_or(usize::MAX);
        let entries = tools
            .log
            .entries(self.from, limit, limits::LOG_PAGE_BYTES_MAX)
            .map_err(unreadable)?;
        let mut recorded = Recorded::default();
        recorded.insert("Listed", Element::Number(entries.len() as u64));
        Ok(Done {
            answer: Answer::new()
                .number("From", self.from.get())
                .number("Size", size)
                .list(
                    "Entries",
                    "Entry",
                    entries.iter().map(|(_, entry)| STANDARD.encode(entry)),
                ),
            recorded,
            blob: None,
        })
    }
}

/// A page of the vault as it is stored: the keys in it are sealed under the root key. What a backup takes besides the log.
#[derive(Debug)]
pub struct GetVault {
    /// The first slot.
    pub from: u32,
    /// How many at most.
    pub limit: u32,
}

impl Query for GetVault {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::log(&scope.region, scope.account)])
    }

    fn reach(&self, _: &Scope) -> Reach {
        Reach::Daemon
    }

    fn answer(&self, _: &Scope, state: &State, tools: &Tools) -> Result<Done, ApiError> {
        let (records, slots) = tools.vault.image_page(self.from, self.limit);
        let next = u64::from(self.from) + (records.len() / IMAGE_RECORD_BYTES) as u64;
        // Once a copy, with its last page.
        let missing = match next >= u64::from(slots) {
            true => missing_slots(state, tools) as u64,
            false => 0,
        };
        let mut recorded = Recorded::default();
        recorded.insert(
            "Listed",
            Element::Number((records.len() / IMAGE_RECORD_BYTES) as u64),
        );
        Ok(Done {
            answer: Answer::new()
                .number("From", u64::from(self.from))
                .number("Slots", u64::from(slots))
                .base64("Header", &tools.vault.image_header())
                .base64("Records", &records)
                .number("Missing", missing),
            recorded,
            blob: None,
        })
    }
}

/// How many slots that the log refers to the vault never had: its files were put back from before them.
fn missing_slots(state: &State, tools: &Tools) -> usize {
    let owed: BTreeSet<SlotRef> = state.erasures().collect();
    let needed = state.slots().filter(|at| !owed.contains(at));
    tools.vault.count_never_held(needed)
}

fn unreadable(error: StoreError) -> ApiError {
    tracing::error!(%error, "the log can't be read");
    Code::Internal.into()
}
