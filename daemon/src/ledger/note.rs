//! C2SP signed notes with Ed25519 signatures (signature type 0x01), as Go's `sumdb/note` writes them.
//!
//! ```text
//! text of any number of lines
//!
//! — name base64(key hash (4 bytes) || signature (64 bytes))
//! ```
//!
//! The key hash is the first 4 bytes of SHA-256(name || 0x0a || 0x01 || public key). It only finds the line; the signature decides.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::{LogKey, LogPublicKey};
use crate::base::Digest;

/// Why a note can't be trusted or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than any note we accept.
    #[error("longer than the {NOTE_BYTES_MAX} bytes that a note may have")]
    TooLong,
    /// Not text, an empty line, and signature lines.
    #[error("not a signed note")]
    Malformed,
    /// No line is a signature of this name and key.
    #[error("not signed by the expected key")]
    Unsigned,
    /// A line claims to be of this name and key and is not.
    #[error("the signature does not verify")]
    BadSignature,
    /// The text is signed and is not a checkpoint of three lines.
    #[error("the text is not a checkpoint")]
    NotACheckpoint,
    /// The checkpoint is of another log.
    #[error("a checkpoint of another origin")]
    WrongOrigin,
}

/// Whether `name` may stand in a signature line: not empty, no white space, no plus sign.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// The 4 bytes that find a key's line.
pub fn key_hash(name: &str, key: &LogPublicKey) -> [u8; 4] {
    let digest = Digest::of_parts(&[name.as_bytes(), &[b'\n', ED25519], key.as_bytes()]);
    let [a, b, c, d, ..] = *digest.as_bytes();
    [a, b, c, d]
}

/// Signs `text`, which ends in a line feed, and returns the whole note.
pub fn sign(text: &str, name: &str, key: &LogKey) -> String {
    debug_assert!(text.ends_with('\n') && is_name(name));
    let mut line = key_hash(name, &key.public()).to_vec();
    line.extend(key.sign(text.as_bytes()));
    format!("{text}\n{DASH} {name} {}\n", STANDARD.encode(line))
}

/// Returns the text of `note` when one of its lines is `name`'s and `key`'s signature.
/// Lines of others (witnesses) are passed over.
pub fn open<'a>(note: &'a str, name: &str, key: &LogPublicKey) -> Result<&'a str, NoteError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NoteError::TooLong);
    }
    if note.contains(|c: char| c.is_ascii_control() && c != '\n') {
        return Err(NoteError::Malformed);
    }
    let split = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
    let (text, lines) = note.split_at_checked(split + 1).ok_or(NoteError::Malformed)?;
    let lines = lines
        .strip_prefix('\n')
        .and_then(|l| l.strip_suffix('\n'))
        .ok_or(NoteError::Malformed)?;

    let wanted = key_hash(name, key);
    let mut signed = false;
    for line in lines.split('\n') {
        let (signer, hash, signature) = parse_line(line).ok_or(NoteError::Malformed)?;
        if signer == name && hash == wanted {
            let signature: &[u8; 64] = signature
                .as_slice()
                .try_into()
                .map_err(|_| NoteError::BadSignature)?;
            if !key.verify(text.as_bytes(), signature) {
                return Err(NoteError::BadSignature);
            }
            signed = true;
        }
    }
    if signed {
        Ok(text)
    } else {
        Err(NoteError::Unsigned)
    }
}

/// Takes a signature line apart: name, key hash, signature.
fn parse_line(line: &str) -> Option<(&str, [u8; 4], Vec<u8>)> {
    let (name, encoded) = line.strip_prefix(DASH)?.strip_prefix(' ')?.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (hash, signature) = bytes.split_first_chunk::<4>()?;
    (is_name(name) && !signature.is_empty()).then(|| (name, *hash, signature.to_vec()))
}

/// The em dash that begins a signature line.
const DASH: char = '\u{2014}';
/// The signature type of Ed25519.
const ED25519: u8 = 0x01;
/// Longest note accepted, bytes: a checkpoint and over a hundred witnesses.
const NOTE_BYTES_MAX: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SecretBytes;

    // The example of Go's golang.org/x/mod/sumdb/note, whose format C2SP signed-note took over.
    const KEY: &str = "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const SEED: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const LINE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn published_key() -> LogPublicKey {
        LogPublicKey::try_from(&STANDARD.decode(KEY).unwrap()[1..]).unwrap()
    }

    #[test]
    fn the_published_example_opens_and_is_made_again() {
        let note = format!("{TEXT}\n{LINE}");
        assert_eq!(
            key_hash("PeterNeumann", &published_key()),
            [0xc7, 0x4f, 0x20, 0xa3]
        );
        assert_eq!(open(&note, "PeterNeumann", &published_key()), Ok(TEXT));

        let seed = SecretBytes::new(STANDARD.decode(SEED).unwrap()[1..].to_vec());
        let key = LogKey::from_seed(&seed).unwrap();
        assert_eq!(key.public(), published_key());
        assert_eq!(sign(TEXT, "PeterNeumann", &key), note);
    }

    #[test]
    fn altered_notes_are_refused() {
        let note = format!("{TEXT}\n{LINE}");
        let key = published_key();
        let altered = note.replace("answer", "Answer");
        assert_eq!(open(&altered, "PeterNeumann", &key), Err(NoteError::BadSignature));
        assert_eq!(open(&note, "PeterNeuman", &key), Err(NoteError::Unsigned));
        for malformed in [
            TEXT.to_owned(),
            String::new(),
            format!("{TEXT}{LINE}"),
            format!("{TEXT}\n{}", LINE.trim_end()),
            format!("{TEXT}\n{LINE}\n"),
            format!("{TEXT}\n{LINE}x\n"),
            format!("{TEXT}\n\r{LINE}"),
            note.replace('\u{2014}', "-"),
        ] {
            assert_eq!(
                open(&malformed, "PeterNeumann", &key),
                Err(NoteError::Malformed),
                "{malformed:?}"
            );
        }
        assert_eq!(
            open(&"x".repeat(NOTE_BYTES_MAX + 1), "PeterNeumann", &key),
            Err(NoteError::TooLong)
        );
    }

    #[test]
    fn lines_of_others_are_passed_over() {
        let other = LogKey::from_seed(&SecretBytes::new(vec![3; 32])).unwrap();
        let theirs = sign(TEXT, "witness.example", &other);
        let (_, line) = theirs.rsplit_once("\n\n").unwrap();
        let both = format!("{TEXT}\n{line}{LINE}");
        assert_eq!(open(&both, "PeterNeumann", &published_key()), Ok(TEXT));
        assert_eq!(
            open(&theirs, "PeterNeumann", &published_key()),
            Err(NoteError::Unsigned)
        );
        // Another's line under our name has another key hash: not ours, and not an error.
        let impostor = sign(TEXT, "PeterNeumann", &other);
        assert_eq!(
            open(&impostor, "PeterNeumann", &published_key()),
            Err(NoteError::Unsigned)
        );
    }
}
