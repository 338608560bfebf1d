//! The passphrase of a root key: from a file, or from the terminal.

use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::base::SecretBytes;
use crate::custody::RootError;

/// Reads the passphrase in the file, or asks for it. A line feed at the end of the file is not part of it.
pub(super) fn ask(file: Option<&PathBuf>) -> Result<SecretBytes, RootError> {
    let Some(path) = file else {
        return prompt("passphrase of the root key: ");
    };
    let mut bytes = Zeroizing::new(std::fs::read(path).map_err(|source| RootError::Io {
        action: "read the passphrase for",
        path: path.clone(),
        source,
    })?);
    let mut length = bytes.len();
    if bytes.last() == Some(&b'\n') {
        length -= 1;
    }
    bytes.truncate(length);
    Ok(SecretBytes::new(std::mem::take(&mut *bytes)))
}

/// Asks for a new passphrase, twice at the terminal.
pub(super) fn ask_new(file: Option<&PathBuf>) -> Result<SecretBytes, RootError> {
    if file.is_some() {
        return ask(file);
    }
    loop {
        let first = prompt("new passphrase of the root key: ")?;
        if first == prompt("the same again: ")? {
            return Ok(first);
        }
        eprintln!("chancery: the two differ; try again");
    }
}

/// Without a terminal nobody can be asked.
fn prompt(text: &str) -> Result<SecretBytes, RootError> {
    rpassword::prompt_password(text)
        .map(|typed| SecretBytes::new(typed.into_bytes()))
        .map_err(|_| RootError::NoPassphrase)
}
