//! Who the log is: what its first event says. Later keys and origins follow from these.

use super::Report;
use crate::audit::place::Place;
use crate::audit::problem::{Fault, Problems};
use crate::audit::source::{Claims, LogSource, SourceError};
use crate::audit::verified::Verified;
use crate::base::{Digest, LogId, Seq};
use crate::event::{Change, Event, FORMAT, LogBegun};
use crate::ledger::LogPublicKey;

/// The identity of a log: what it begins with.
#[derive(Debug)]
pub(super) struct Genesis {
    pub(super) log: LogId,
    pub(super) origin: String,
    pub(super) key: LogPublicKey,
}

impl Genesis {
    /// Whether this is the log that was verified before.
    pub(super) fn compare(&self, since: &Verified, problems: &mut Problems) {
        if since.log != self.log {
            problems.add(Seq::GENESIS, Fault::VerifiedOther("log id"));
        }
        if since
            .key
            .is_some_and(|key| key != Digest::of(self.key.as_bytes()))
        {
            problems.add(Seq::GENESIS, Fault::VerifiedOther("public key"));
        }
    }
}

/// Reads genesis for the identity; the pass checks it again as the event that it is. None when there is no identity
/// to verify anything against.
pub(super) fn read(
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
    let Some(event) = Place::default().take(bytes, &mut Problems::default()) else {
        Place::default().take(bytes, &mut report.problems);
        return Ok(None);
    };
    let begun = match identity(&event) {
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
