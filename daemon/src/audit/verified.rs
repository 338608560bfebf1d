//! What a verification leaves behind for the next one: up to where it came, and how closely it looked.
//!
//! ```text
//! chancery verified log 1
//! log 0199c0de-0000-7000-8000-000000000001
//! size 5000
//! root 64 hexadecimal digits
//! key 64 hexadecimal digits: SHA-256 of the log's first public key
//! checked decisions
//!
//! the log's own signed note of that size, where it kept one
//! ```
//!
//! A bare signed note, as a log publishes it, is read as well. It says what the log was and not that anybody verified it.

use std::fmt::{self, Write as _};

use super::verify::Depth;
use crate::base::{Digest, LogId};

/// How far a log was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Which log.
    pub log: LogId,
    /// How many events.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Digest,
    /// SHA-256 of the log's first public key; none when nothing names it.
    pub key: Option<Digest>,
    /// How closely they were looked at; none when nothing says that they were.
    pub depth: Option<Depth>,
    /// A signed checkpoint of that size.
    pub note: Option<String>,
}

/// The text is none that a verification leaves, and no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither what `chancery log verify --save` writes nor a signed checkpoint")]
pub struct NotVerified;

impl Verified {
    /// Reads what `Display` writes, or a signed note of a checkpoint whose signature is left to whoever has the key.
    pub fn parse(text: &str) -> Result<Self, NotVerified> {
        if text.len() > BYTES_MAX {
            return Err(NotVerified);
        }
        let read = if text.starts_with(TITLE) {
            Self::parse_own(text).filter(|read| read.to_string() == text)
        } else {
            Self::parse_note(text)
        };
        read.filter(|read| read.size > 0).ok_or(NotVerified)
    }

    fn parse_own(text: &str) -> Option<Self> {
        let (facts, note) = match text.split_once("\n\n") {
            Some((facts, note)) => (facts, Some(note.to_owned())),
            None => (text.strip_suffix('\n')?, None),
        };
        let mut lines = facts.split('\n');
        let mut fact = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        fact("chancery")?;
        Some(Self {
            log: LogId::parse(fact("log")?)?,
            size: fact("size")?.parse().ok()?,
            root: hex_digest(fact("root")?)?,
            key: Some(hex_digest(fact("key")?)?),
            depth: Some(Depth::parse(fact("checked")?)?),
            note,
        })
    }

    fn parse_note(text: &str) -> Option<Self> {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;

        let mut lines = text.split('\n');
        let log = LogId::parse(lines.next()?.rsplit('/').nth(1)?)?;
        Some(Self {
            log,
            size: lines.next()?.parse().ok()?,
            root: STANDARD.decode(lines.next()?).ok()?.as_slice().try_into().ok()?,
            key: None,
            depth: None,
            note: Some(text.to_owned()),
        })
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log, size, root, .. } = self;
        write!(f, "{TITLE}\nlog {log}\nsize {size}\nroot {root}\n")?;
        if let Some(key) = &self.key {
            writeln!(f, "key {key}")?;
        }
        if let Some(depth) = self.depth {
            writeln!(f, "checked {}", depth.as_str())?;
        }
        if let Some(note) = &self.note {
            f.write_char('\n')?;
            f.write_str(note)?;
        }
        Ok(())
    }
}

/// A digest as it is shown: 64 lower-case hexadecimal digits.
pub(super) fn hex_digest(text: &str) -> Option<Digest> {
    let mut bytes = [0; 32];
    if text.len() != 64
        || !text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes.into())
}

const TITLE: &str = "chancery verified log 1";
/// Longer than a note with its witnesses.
const BYTES_MAX: usize = 1 << 17;

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(note: Option<&str>) -> Verified {
        Verified {
            log: LogId::from_bytes([7; 16]),
            size: 5_000,
            root: Digest::of(b"root"),
            key: Some(Digest::of(b"key")),
            depth: Some(Depth::Decisions),
            note: note.map(str::to_owned),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for note in [None, Some("a\n1\nb\n\n\u{2014} a b\n")] {
            let verified = verified(note);
            assert_eq!(Verified::parse(&verified.to_string()), Ok(verified));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let good = verified(None).to_string();
        for bad in [
            String::new(),
            format!("{good}more\n"),
            good.replace("5000", "05000"),
            good.replace("size 5000", "size 0"),
            good.replace("decisions", "everything"),
            good.replace("log 1", "log 2"),
            good.lines()
                .filter(|line| !line.starts_with("key"))
                .collect::<Vec<_>>()
                .join("\n"),
            "origin\n5\nroot\n".to_owned(),
        ] {
            assert_eq!(Verified::parse(&bad), Err(NotVerified), "{bad}");
        }
    }
}
