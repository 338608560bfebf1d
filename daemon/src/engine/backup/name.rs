//! The names of a backup's objects: written, and read back strictly.

use crate::base::{Digest, LogId, Seq, Timestamp};

/// Which directory of a log and a set of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Full segments.
    Segment,
    /// The last, shorter one of a backup.
    Tail,
    /// The vault of a backup.
    Vault,
    /// What belongs to a backup.
    Manifest,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Segment => "segments",
            Self::Tail => "tails",
            Self::Vault => "vaults",
            Self::Manifest => "manifests",
        }
    }
}

/// The log and the set of keys that a backup is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Set {
    /// The log.
    pub log: LogId,
    /// The name of the set of keys: 16 lower-case hexadecimal digits.
    pub keys: String,
}

impl Set {
    /// The directory of one kind of object, with a slash at its end.
    pub fn directory(&self, kind: Kind) -> String {
        format!("{}/{}/{}/", self.log, self.keys, kind.as_str())
    }

    /// Reads the set in front of an object's name, and gives the rest.
    fn parse(name: &str) -> Option<(Self, &str)> {
        let (log, rest) = name.split_once('/')?;
        let (keys, rest) = rest.split_once('/')?;
        let set = Self {
            log: LogId::parse(log)?,
            keys: keys.to_owned(),
        };
        (keys.len() == 16 && is_hex(keys)).then_some((set, rest))
    }
}

/// A range of entries as an object holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentName {
    /// Position of the first entry.
    pub from: Seq,
    /// Position after the last one.
    pub to: Seq,
    /// Leaf hash of the last one.
    pub leaf: Digest,
    /// SHA-256 of the object as it is stored.
    pub sha256: Digest,
}

impl SegmentName {
    /// The object's name in `set`.
    pub fn object(&self, set: &Set, kind: Kind) -> String {
        format!(
            "{}{:020}-{:020}-{}-{}.age",
            set.directory(kind),
            self.from.get(),
            self.to.get(),
            self.leaf,
            self.sha256
        )
    }

    /// Reads the name of an object in `set`; none when it is another.
    pub fn parse(set: &Set, kind: Kind, name: &str) -> Option<Self> {
        let mut parts = name
            .strip_prefix(&set.directory(kind))?
            .strip_suffix(".age")?
            .split('-');
        let parsed = Self {
            from: Seq::new(parts.next()?.parse().ok()?),
            to: Seq::new(parts.next()?.parse().ok()?),
            leaf: Digest::parse(parts.next()?)?,
            sha256: Digest::parse(parts.next()?)?,
        };
        // What does not print the same is another name; an empty range is none.
        (parsed.from < parsed.to && parsed.object(set, kind) == name).then_some(parsed)
    }
}

/// Which backup.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BackupName {
    /// When it was made.
    pub made: Timestamp,
    /// How many events it has.
    pub size: u64,
    /// Leaf hash of the last one.
    pub leaf: Digest,
}

impl BackupName {
    /// The name of its manifest in `set`.
    pub fn manifest(&self, set: &Set) -> String {
        format!("{}{}.age", set.directory(Kind::Manifest), self.stem())
    }

    /// The name of its vault in `set`.
    pub fn vault(&self, set: &Set, sha256: &Digest) -> String {
        format!("{}{}-{sha256}.age", set.directory(Kind::Vault), self.stem())
    }

    fn stem(&self) -> String {
        format!("{:015}-{:020}-{}", self.made.as_millis(), self.size, self.leaf)
    }

    /// Reads the name of a manifest; none when it is another object's.
    pub fn parse(name: &str) -> Option<(Set, Self)> {
        let (set, rest) = Set::parse(name)?;
        let mut parts = rest.strip_prefix("manifests/")?.strip_suffix(".age")?.split('-');
        let parsed = Self {
            made: Timestamp::from_millis(parts.next()?.parse().ok()?),
            size: parts.next()?.parse().ok()?,
            leaf: Digest::parse(parts.next()?)?,
        };
        (parsed.manifest(&set) == name).then_some((set, parsed))
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> Set {
        Set {
            log: LogId::from_bytes([7; 16]),
            keys: "0123456789abcdef".to_owned(),
        }
    }

    fn segment() -> SegmentName {
        SegmentName {
            from: Seq::new(0),
            to: Seq::new(4_096),
            leaf: Digest::of(b"leaf"),
            sha256: Digest::of(b"object"),
        }
    }

    fn backup() -> BackupName {
        BackupName {
            made: Timestamp::from_millis(1_795_000_000_000),
            size: 4_100,
            leaf: Digest::of(b"leaf"),
        }
    }

    #[test]
    fn names_are_read_as_they_are_written_and_sort_by_position_and_time() {
        let name = segment().object(&set(), Kind::Segment);
        assert_eq!(SegmentName::parse(&set(), Kind::Segment, &name), Some(segment()));
        let later = SegmentName {
            from: Seq::new(4_096),
            to: Seq::new(10_000),
            ..segment()
        };
        assert!(later.object(&set(), Kind::Segment) > name);

        let manifest = backup().manifest(&set());
        assert_eq!(BackupName::parse(&manifest), Some((set(), backup())));
        let next = BackupName {
            made: Timestamp::from_millis(1_795_000_000_001),
            size: 3,
            ..backup()
        };
        assert!(next.manifest(&set()) > manifest);
    }

    #[test]
    fn other_names_are_no_objects() {
        let name = segment().object(&set(), Kind::Segment);
        let directory = set().directory(Kind::Segment);
        let other_log = Set {
            log: LogId::from_bytes([8; 16]),
            ..set()
        };
        assert_eq!(SegmentName::parse(&other_log, Kind::Segment, &name), None);
        assert_eq!(SegmentName::parse(&set(), Kind::Tail, &name), None);
        for altered in [
            name.replace(".age", ".age.tmp"),
            name.replace("00000000000000004096", "4096"),
            name.replace("00000000000000004096", "+0000000000000004096"),
            name.replace("00000000000000004096", "00000000000000000000"),
            name.replacen('-', "_", 6),
            name.to_uppercase(),
            format!("{directory}x"),
        ] {
            assert_eq!(
                SegmentName::parse(&set(), Kind::Segment, &altered),
                None,
                "{altered}"
            );
        }
        let manifest = backup().manifest(&set());
        for altered in [
            manifest.replace("manifests", "vaults"),
            manifest.replace("0123456789abcdef", "0123456789ABCDEF"),
            manifest.replace(".age", ""),
            format!("x/{manifest}"),
        ] {
            assert_eq!(BackupName::parse(&altered), None, "{altered}");
        }
    }
}
