//! The manifest: what belongs to a backup. JSON, compressed and sealed like the rest.
//!
//! ```text
//! {
//!   "Format": 1,
//!   "Software": "chancery 0.1.0",
//!   "LogId": "6f1c...", "Made": 1795000000000,
//!   "Size": 4100, "Leaf": "5f0c...", "Time": 1794999999999,
//!   "Checkpoint": "chancery/6f1c.../1\n4096\n...",              a signed note of at most this size, or null
//!   "Segments": [{"From": 0, "To": 4096, "Leaf": "...", "Sha256": "...", "Bytes": 913402}],
//!   "Tail": {"From": 4096, "To": 4100, ...},                     null when the last full segment ends the log
//!   "Vault": {"Sha256": "...", "Bytes": 20113}
//! }
//! ```
//!
//! Times are Unix milliseconds, digests SHA-256 in hexadecimal, `Bytes` and `Sha256` those of the objects as they are
//! stored. Segments are in order, without gap from 0 on; the last of them or the tail ends at `Size` with `Leaf`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::name::{BackupName, Kind, SegmentName, Set};
use crate::base::format::SOFTWARE;
use crate::base::{Digest, LogId, Seq, Timestamp, UnknownFormat, limits};

/// What belongs to a backup. Checked: `parse` and the maker build one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Whose it is, and sealed to whom.
    pub set: Set,
    /// When it was made, and where its log ends.
    pub name: BackupName,
    /// Time of the last event.
    pub time: Timestamp,
    /// The newest signed checkpoint.
    pub checkpoint: Option<String>,
    /// The objects with the entries, in order.
    pub parts: Vec<Part>,
    /// SHA-256 and length of the vault as it is stored.
    pub vault: (Digest, u64),
}

/// An object with entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Whether it is full.
    pub kind: Kind,
    /// Its range and digests.
    pub segment: SegmentName,
    /// Its length as it is stored.
    pub bytes: u64,
}

impl Manifest {
    /// The manifest's bytes, before they are sealed.
    pub fn encode(&self) -> Vec<u8> {
        let raw = |part: &Part| RawPart {
            from: part.segment.from.get(),
            to: part.segment.to.get(),
            leaf: part.segment.leaf.to_string(),
            sha256: part.segment.sha256.to_string(),
            bytes: part.bytes,
        };
        let of_kind = |kind| self.parts.iter().filter(move |part| part.kind == kind).map(raw);
        let raw = Raw {
            format: FORMAT,
            software: SOFTWARE.to_owned(),
            log_id: self.set.log.to_string(),
            made: self.name.made.as_millis(),
            size: self.name.size,
            leaf: self.name.leaf.to_string(),
            time: self.time.as_millis(),
            checkpoint: self.checkpoint.clone(),
            segments: of_kind(Kind::Segment).collect(),
            tail: of_kind(Kind::Tail).next(),
            vault: RawVault {
                sha256: self.vault.0.to_string(),
                bytes: self.vault.1,
            },
        };
        // Plain fields and no map with other keys than texts: it can't fail.
        serde_json::to_vec(&raw).unwrap_or_default()
    }

    /// Reads a manifest that stands under `name` in `set`. The error says what is wrong with it.
    pub fn parse(bytes: &[u8], set: &Set, name: &BackupName) -> Result<Self, Cow<'static, str>> {
        let version: Version = serde_json::from_slice(bytes).map_err(|_| "it is not a manifest")?;
        if version.format != FORMAT {
            let unknown = UnknownFormat::new("the backup", version.format, FORMAT);
            return Err(unknown.to_string().into());
        }
        Self::of_this_format(bytes, set, name).map_err(Cow::Borrowed)
    }

    fn of_this_format(bytes: &[u8], set: &Set, name: &BackupName) -> Result<Self, &'static str> {
        let raw: Raw = serde_json::from_slice(bytes).map_err(|_| "it is not a manifest of format 1")?;
        let mut parts = Vec::with_capacity(raw.segments.len() + 1);
        for segment in raw.segments {
            parts.push(
                segment
                    .checked(Kind::Segment)
                    .ok_or("a segment in it is malformed")?,
            );
        }
        if let Some(tail) = raw.tail {
            parts.push(tail.checked(Kind::Tail).ok_or("the tail in it is malformed")?);
        }
        let mut next = Seq::GENESIS;
        for part in &parts {
            if part.segment.from != next {
                return Err("its segments do not follow each other");
            }
            next = part.segment.to;
        }
        let ends = parts
            .last()
            .map(|part| (part.segment.to.get(), part.segment.leaf));
        let told = BackupName {
            made: Timestamp::from_millis(raw.made),
            size: raw.size,
            leaf: Digest::parse(&raw.leaf).ok_or("the head in it is malformed")?,
        };
        if ends != Some((told.size, told.leaf)) {
            return Err("its segments do not end at its head");
        }
        if told != *name || LogId::parse(&raw.log_id) != Some(set.log) {
            return Err("it stands under another name than its own");
        }
        if raw.vault.bytes > limits::BACKUP_VAULT_BYTES_MAX {
            return Err("its vault is larger than one may be");
        }
        Ok(Self {
            set: set.clone(),
            name: told,
            time: Timestamp::from_millis(raw.time),
            checkpoint: raw.checkpoint,
            parts,
            vault: (
                Digest::parse(&raw.vault.sha256).ok_or("the vault in it is malformed")?,
                raw.vault.bytes,
            ),
        })
    }

    /// The object with the entry at `seq`, and its place in the list.
    pub fn part_of(&self, seq: Seq) -> Option<(usize, &Part)> {
        let at = self.parts.partition_point(|part| part.segment.to <= seq);
        Some((at, self.parts.get(at)?))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    format: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Raw {
    format: u32,
    software: String,
    log_id: String,
    made: u64,
    size: u64,
    leaf: String,
    time: u64,
    checkpoint: Option<String>,
    segments: Vec<RawPart>,
    tail: Option<RawPart>,
    vault: RawVault,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawPart {
    from: u64,
    to: u64,
    leaf: String,
    sha256: String,
    bytes: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawVault {
    sha256: String,
    bytes: u64,
}

impl RawPart {
    fn checked(self, kind: Kind) -> Option<Part> {
        let entries = self.to.checked_sub(self.from)?;
        let fits = (1..=limits::BACKUP_SEGMENT_ENTRIES).contains(&entries)
            && self.bytes <= limits::BACKUP_SEGMENT_OBJECT_BYTES_MAX;
        fits.then_some(Part {
            kind,
            segment: SegmentName {
                from: Seq::new(self.from),
                to: Seq::new(self.to),
                leaf: Digest::parse(&self.leaf)?,
                sha256: Digest::parse(&self.sha256)?,
            },
            bytes: self.bytes,
        })
    }
}

/// The version of this format.
const FORMAT: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kind: Kind, from: u64, to: u64) -> Part {
        Part {
            kind,
            segment: SegmentName {
                from: Seq::new(from),
                to: Seq::new(to),
                leaf: Digest::of(&to.to_be_bytes()),
                sha256: Digest::of(b"object"),
            },
            bytes: 1_000,
        }
    }

    fn manifest() -> Manifest {
        Manifest {
            set: Set {
                log: LogId::from_bytes([7; 16]),
                keys: "0123456789abcdef".to_owned(),
            },
            name: BackupName {
                made: Timestamp::from_millis(5),
                size: 5_000,
                leaf: Digest::of(&5_000_u64.to_be_bytes()),
            },
            time: Timestamp::from_millis(4),
            checkpoint: Some("note".to_owned()),
            parts: vec![
                part(Kind::Segment, 0, 4_096),
                part(Kind::Segment, 4_096, 4_200),
                part(Kind::Tail, 4_200, 5_000),
            ],
            vault: (Digest::of(b"vault"), 9),
        }
    }

    fn read(manifest: &Manifest) -> Result<Manifest, Cow<'static, str>> {
        Manifest::parse(&manifest.encode(), &manifest.set, &manifest.name)
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let manifest = manifest();
        assert_eq!(read(&manifest), Ok(manifest.clone()));
        let at = |seq| manifest.part_of(Seq::new(seq)).map(|(at, _)| at);
        assert_eq!(
            [at(0), at(4_095), at(4_096), at(4_199), at(4_999), at(5_000)],
            [Some(0), Some(0), Some(1), Some(1), Some(2), None]
        );
    }

    #[test]
    fn a_manifest_that_does_not_hold_together_is_refused() {
        let whole = manifest();
        let mut cases: Vec<Manifest> = Vec::new();
        let mut case = |edit: &dyn Fn(&mut Manifest)| {
            let mut manifest = whole.clone();
            edit(&mut manifest);
            cases.push(manifest);
        };
        case(&|m| _ = m.parts.remove(1));
        case(&|m| _ = m.parts.remove(0));
        case(&|m| _ = m.parts.pop());
        case(&|m| m.parts.clear());
        case(&|m| m.parts.swap(0, 1));
        case(&|m| m.parts[1].segment.to = Seq::new(4_096));
        case(&|m| m.parts[1].segment.from = Seq::new(5_000));
        case(&|m| m.parts[0].bytes = u64::MAX);
        case(&|m| m.parts[2].segment.leaf = Digest::ZERO);
        case(&|m| m.vault.1 = u64::MAX);
        for (number, case) in cases.iter().enumerate() {
            assert!(read(case).is_err(), "case {number}");
        }
        let other = BackupName {
            made: Timestamp::from_millis(6),
            ..whole.name.clone()
        };
        assert!(Manifest::parse(&whole.encode(), &whole.set, &other).is_err());
        let newer = String::from_utf8(whole.encode())
            .unwrap()
            .replace("\"Format\":1", "\"Format\":2,\"More\":1");
        let refused = Manifest::parse(newer.as_bytes(), &whole.set, &whole.name).unwrap_err();
        assert!(refused.contains("the backup has format 2"), "{refused}");
    }
}
