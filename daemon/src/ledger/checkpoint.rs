//! Checkpoints (C2SP tlog-checkpoint): the size and root of the tree, as a note signed under the log's origin.
//!
//! ```text
//! chancery.example/6f1c.../0
//! 1024
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — chancery.example/6f1c.../0 Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::{LogKey, LogPublicKey};
use super::note::{self, NoteError};
use crate::base::Digest;

/// What a log was at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// `<name>/<log id>/<epoch>`; also the name in the signature line.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// The tree's root at that size.
    pub root: Digest,
}

impl Checkpoint {
    /// Signs the checkpoint. The same checkpoint always makes the same note.
    pub fn sign(&self, key: &LogKey) -> String {
        note::sign(&self.to_text(), &self.origin, key)
    }

    /// Verifies a note as a checkpoint of `origin` by `key`. Extension lines are refused: we write none.
    pub fn open(note: &str, origin: &str, key: &LogPublicKey) -> Result<Self, NoteError> {
        let text = note::open(note, origin, key)?;
        let checkpoint = Self::parse(text).ok_or(NoteError::NotACheckpoint)?;
        if checkpoint.origin == origin {
            Ok(checkpoint)
        } else {
            Err(NoteError::WrongOrigin)
        }
    }

    /// The size that a note names, unverified: where the key is looked up that has to have signed it.
    pub fn claimed_size(note: &str) -> Option<u64> {
        note.split('\n').nth(1)?.parse().ok()
    }

    fn to_text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            STANDARD.encode(self.root.as_bytes())
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let checkpoint = Self {
            origin: lines.next()?.to_owned(),
            size: lines.next()?.parse().ok()?,
            root: STANDARD.decode(lines.next()?).ok()?.as_slice().try_into().ok()?,
        };
        // What does not print the same (`+1`, `007`, a fourth line) is not a checkpoint.
        (checkpoint.to_text() == text).then_some(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SecretBytes;

    fn key() -> LogKey {
        LogKey::from_seed(&SecretBytes::new(vec![7; 32])).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: "chancery/log/0".into(),
            size: 20_852_163,
            root: Digest::of(b"root"),
        }
    }

    #[test]
    fn signed_checkpoints_open() {
        let note = checkpoint().sign(&key());
        assert_eq!(
            Checkpoint::open(&note, "chancery/log/0", &key().public()),
            Ok(checkpoint())
        );
        assert_eq!(note, checkpoint().sign(&key()));
    }

    // Method: sign texts that are nearly checkpoints with the right key, under the right name.
    #[test]
    fn signed_texts_of_another_form_are_refused() {
        let root = STANDARD.encode(Digest::of(b"root").as_bytes());
        for text in [
            "chancery/log/0\n1\n".to_owned(),
            format!("chancery/log/0\n+1\n{root}\n"),
            format!("chancery/log/0\n01\n{root}\n"),
            format!("chancery/log/0\n-1\n{root}\n"),
            format!("chancery/log/0\n18446744073709551616\n{root}\n"),
            format!("chancery/log/0\n1\n{root}\nextension\n"),
            format!("chancery/log/0\n1\n{}\n", STANDARD.encode([0; 31])),
        ] {
            let note = note::sign(&text, "chancery/log/0", &key());
            assert_eq!(
                Checkpoint::open(&note, "chancery/log/0", &key().public()),
                Err(NoteError::NotACheckpoint),
                "{text}"
            );
        }
        let foreign = note::sign(&format!("other\n1\n{root}\n"), "chancery/log/0", &key());
        assert_eq!(
            Checkpoint::open(&foreign, "chancery/log/0", &key().public()),
            Err(NoteError::WrongOrigin)
        );
    }
}
