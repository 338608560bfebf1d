//! Values of API parameters: as they stand, from a file, or from stdin, so that secrets stay out of `ps` and histories.

use std::io::Read;

use zeroize::Zeroizing;

use super::exit::Failure;
use crate::base::limits;

/// What help says about it.
pub(super) const HELP: &str = "\
Values: --Name TEXT as it stands; --Name @FILE from a file, --Name @- from stdin (one line feed at the end is dropped);
--Name @@TEXT for a text that begins with @. Give secrets as @FILE or @-: arguments are visible to other users.
Bytes are base64, as in the API:  printf secret | base64 -w0 | chancery kms Encrypt --KeyId ID --Plaintext @-";

/// Reads the value of parameter `name` as it was given.
pub(super) fn read(name: &str, given: &str, stdin: &mut Stdin) -> Result<Zeroizing<String>, Failure> {
    let Some(source) = given.strip_prefix('@') else {
        return Ok(Zeroizing::new(given.to_owned()));
    };
    if source.starts_with('@') {
        return Ok(Zeroizing::new(source.to_owned()));
    }
    let unusable = |cause: String| Failure::Usage(format!("--{name} can't be read from `{source}`: {cause}"));
    let bytes = if source == "-" {
        stdin
            .take()
            .ok_or_else(|| unusable("another parameter has read stdin".to_owned()))??
    } else {
        let file = std::fs::File::open(source).map_err(|error| unusable(error.to_string()))?;
        read_all(file).map_err(|error| unusable(error.to_string()))?
    };
    if bytes.len() > limits::BODY_BYTES_MAX {
        return Err(unusable("it is larger than any request may be".to_owned()));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| unusable("it is not text; bytes are given as base64 (base64 -w0 FILE)".to_owned()))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(Zeroizing::new(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

/// Stdin, which can be read once.
#[derive(Debug, Default)]
pub(super) struct Stdin {
    taken: bool,
}

impl Stdin {
    fn take(&mut self) -> Option<Result<Zeroizing<Vec<u8>>, Failure>> {
        if std::mem::replace(&mut self.taken, true) {
            return None;
        }
        let read = read_all(std::io::stdin().lock());
        Some(read.map_err(|error| Failure::Usage(format!("stdin can't be read: {error}"))))
    }
}

/// Reads at most one byte more than is allowed, into one allocation: growing would leave copies behind.
fn read_all(source: impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(limits::BODY_BYTES_MAX + 1));
    source
        .take(limits::BODY_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(value: &str) -> Result<String, Failure> {
        read("Plaintext", value, &mut Stdin::default()).map(|text| text.to_string())
    }

    #[test]
    fn texts_stand_for_themselves() {
        assert_eq!(given("aGk=").unwrap(), "aGk=");
        assert_eq!(given("").unwrap(), "");
        assert_eq!(given("@@home").unwrap(), "@home");
        assert_eq!(given("a@b").unwrap(), "a@b");
    }

    #[test]
    fn files_lose_one_line_feed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("value");
        for (bytes, text) in [
            ("aGk=\n", "aGk="),
            ("aGk=\r\n", "aGk="),
            ("a\n\n", "a\n"),
            ("a", "a"),
            ("", ""),
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(given(&format!("@{}", path.display())).unwrap(), text);
        }
    }

    #[test]
    fn what_is_not_there_or_not_text_is_named_and_not_quoted() {
        let Err(Failure::Usage(text)) = given("@/nowhere/at/all") else {
            panic!("it was read");
        };
        assert!(
            text.contains("--Plaintext") && text.contains("/nowhere/at/all"),
            "{text}"
        );
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("value");
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(
            given(&format!("@{}", path.display())),
            Err(Failure::Usage(_))
        ));
        std::fs::write(&path, vec![b'a'; limits::BODY_BYTES_MAX + 1]).unwrap();
        assert!(matches!(
            given(&format!("@{}", path.display())),
            Err(Failure::Usage(_))
        ));
    }
}
