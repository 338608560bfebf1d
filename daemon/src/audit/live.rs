//! The log of a running daemon, over the API: GetLogStatus once, then pages of GetLogEntries up to the size it named.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_client::ClientError;
use chancery_client::blocking::Client;
use serde_json::Value;

use super::source::{ClaimedDigest, Claims, Kept, LogSource, Rows, SourceError};
use crate::base::{Digest, LogId, Seq, limits};
use crate::event::RowKey;
use crate::ledger::{Checkpoint, SignedAnchor};

/// A running daemon's log. It shows the newest checkpoints alone, the digest of its state, no rows and no anchor.
#[derive(Debug)]
pub struct LiveSource {
    client: Client,
    size: u64,
    claims: Claims,
    checkpoints: Vec<Kept>,
    digest: Digest,
}

impl LiveSource {
    /// Asks the daemon behind `client` what its log is now.
    pub fn connect(client: Client) -> Result<Self, SourceError> {
        let body = client.call(VERSION, "GetLogStatus", &[]).map_err(failed)?;
        let status = Answer::parse(&body)?;
        let size = status.number("Size").ok_or(BAD_STATUS)?;
        if size == 0 {
            return Err(SourceError::Empty);
        }
        let claims = Claims {
            log: Some(status.text("LogId").and_then(LogId::parse).ok_or(BAD_STATUS)?),
            origin: Some(status.text("Origin").ok_or(BAD_STATUS)?.to_owned()),
            public: Some(status.text("PublicKey").and_then(base64).ok_or(BAD_STATUS)?),
            head: Some(
                status
                    .text("HeadLeaf")
                    .and_then(Digest::parse)
                    .ok_or(BAD_STATUS)?,
            ),
        };
        let notes = status.list("Checkpoints", "Checkpoint").ok_or(BAD_STATUS)?;
        // A checkpoint kept after the size was read is of a log that is not looked at here.
        let checkpoints = notes
            .filter(|note| Checkpoint::claimed_size(note).is_none_or(|kept| kept <= size))
            .map(|note| Kept {
                size: None,
                note: note.to_owned(),
            })
            .collect();
        let digest = status
            .text("StateDigest")
            .and_then(Digest::parse)
            .ok_or(BAD_STATUS)?;
        Ok(Self {
            client,
            size,
            claims,
            checkpoints,
            digest,
        })
    }
}

/// A page of the daemon's vault, as it lies in its files.
#[derive(Debug)]
pub struct VaultPage {
    /// The header of the files.
    pub header: Vec<u8>,
    /// Whole records from the asked one on; none past the last.
    pub records: Vec<u8>,
    /// How many slots the vault has.
    pub slots: u64,
    /// On the last page, how many slots that the log refers to are not among them.
    pub missing: u64,
}

impl LiveSource {
    /// Records of the vault from slot `from` on. To be asked for after the entries: what the log says up to then is in it.
    pub fn vault_page(&self, from: u64) -> Result<VaultPage, SourceError> {
        let number = from.to_string();
        let body = self
            .client
            .call(VERSION, "GetVault", &[("From", number.as_str())]);
        let page = Answer::parse(&body.map_err(failed)?)?;
        if page.number("From") != Some(from) {
            return Err(BAD_VAULT);
        }
        Ok(VaultPage {
            header: page.text("Header").and_then(base64).ok_or(BAD_VAULT)?,
            records: page.text("Records").and_then(base64).ok_or(BAD_VAULT)?,
            slots: page.number("Slots").ok_or(BAD_VAULT)?,
            // Earlier daemons did not count them.
            missing: page.number("Missing").unwrap_or(0),
        })
    }

    /// Whether the log's key is still the one of the size that was read: another one in force by now means that the vault
    /// has lost the one that a restore up to there would need.
    pub fn has_same_key(&self) -> Result<bool, SourceError> {
        let status = self.client.call(VERSION, "GetLogStatus", &[]).map_err(failed)?;
        Ok(Answer::parse(&status)?.text("PublicKey").and_then(base64) == self.claims.public)
    }
}

impl LogSource for LiveSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn entries(&mut self, from: Seq, limit: usize) -> Result<Vec<Vec<u8>>, SourceError> {
        let left = self.size.saturating_sub(from.get());
        let limit = (limit as u64).min(left).min(limits::LOG_PAGE_ENTRIES_MAX);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let (from_text, limit_text) = (from.to_string(), limit.to_string());
        let params = [("From", from_text.as_str()), ("MaxEntries", limit_text.as_str())];
        let body = self
            .client
            .call(VERSION, "GetLogEntries", &params)
            .map_err(failed)?;
        let page = Answer::parse(&body)?;
        if page.number("From") != Some(from.get()) {
            return Err(BAD_PAGE);
        }
        let entries: Option<Vec<Vec<u8>>> = page
            .list("Entries", "Entry")
            .ok_or(BAD_PAGE)?
            .map(base64)
            .collect();
        let entries = entries.ok_or(BAD_PAGE)?;
        if entries.len() as u64 > limit {
            return Err(BAD_PAGE);
        }
        Ok(entries)
    }

    fn checkpoints(&mut self) -> Result<Vec<Kept>, SourceError> {
        Ok(self.checkpoints.clone())
    }

    fn claims(&mut self) -> Result<Claims, SourceError> {
        Ok(self.claims.clone())
    }

    fn tile(&mut self, _: u8, _: u64) -> Result<Option<Option<Vec<u8>>>, SourceError> {
        Ok(None)
    }

    fn anchor(&mut self, _: LogId) -> Result<Option<Option<SignedAnchor>>, SourceError> {
        Ok(None)
    }

    fn rows(&mut self, _: Option<&RowKey>, _: usize) -> Result<Option<Rows>, SourceError> {
        Ok(None)
    }

    fn digest(&mut self) -> Result<ClaimedDigest, SourceError> {
        Ok(ClaimedDigest::Short(self.digest))
    }
}

/// A JSON answer and its fields.
#[derive(Debug)]
struct Answer(Value);

impl Answer {
    fn parse(body: &str) -> Result<Self, SourceError> {
        let value = serde_json::from_str(body);
        value.map(Self).map_err(|_| SourceError::Answer("it is not JSON"))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    /// The texts of a list in its wrapper; what is no text shows as an empty one and is refused by whoever reads it.
    fn list(&self, name: &str, item: &str) -> Option<impl Iterator<Item = &str>> {
        let items = self.0.get(name)?.get(item)?.as_array()?;
        Some(items.iter().map(|item| item.as_str().unwrap_or_default()))
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn failed(error: ClientError) -> SourceError {
    match error {
        ClientError::Api { .. } => SourceError::Refused(error.to_string()),
        _ => SourceError::Unreachable(error.to_string()),
    }
}

/// The product version of the operations on the log.
const VERSION: &str = "2026-12-01";
const BAD_STATUS: SourceError = SourceError::Answer("GetLogStatus lacks a field");
const BAD_VAULT: SourceError = SourceError::Answer("GetVault gave something else than the records asked for");
const BAD_PAGE: SourceError = SourceError::Answer("GetLogEntries gave another page than the one asked for");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_stand_in_their_wrapper() {
        let answer = Answer::parse(r#"{"Entries":{"Entry":["YQ==",1]},"Size":3}"#).unwrap();
        let entries: Vec<_> = answer.list("Entries", "Entry").unwrap().collect();
        assert_eq!(entries, ["YQ==", ""]);
        assert_eq!(answer.number("Size"), Some(3));
        assert!(answer.list("Entries", "Other").is_none());
    }
}
