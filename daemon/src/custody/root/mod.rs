//! The root of trust: one key of 32 bytes that seals the slot keys, and the providers that keep it.
//!
//! A provider is named in the first line of the root-key file, so what opens it needs no configuration.

mod file;
mod passphrase;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::entropy::Entropy;
use crate::base::{SecretBytes, UnknownFormat};

use super::sealing::{KEY_BYTES, SealingKey};

/// Who keeps the root key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// A file that holds the key itself; whoever reads it and the data directory reads everything.
    File,
    /// A file that holds the key sealed under a passphrase (Argon2id).
    Passphrase,
}

impl Provider {
    /// The provider's name, as the root-key file and the command line spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Passphrase => "passphrase",
        }
    }

    /// Parses a provider's name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::File, Self::Passphrase]
            .into_iter()
            .find(|p| p.as_str() == text)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why there is no root key. Every text names the file and the way out.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The passphrase was asked for and nobody could be asked.
    #[error("the root key is protected by a passphrase and none was given")]
    NoPassphrase,
    /// A passphrase without a character.
    #[error("an empty passphrase protects nothing: give one with at least one character")]
    EmptyPassphrase,
    /// The sealed root key did not open.
    #[error("the passphrase is not the one of `{}` (or the file was changed): try again, or restore the file from its backup", .0.display())]
    WrongPassphrase(PathBuf),
    /// Not of the format.
    #[error("`{}` is not a root key file (or was cut short): restore it from its backup; a new one can't open this data", .0.display())]
    NotARootKey(PathBuf),
    /// Of a later format.
    #[error(transparent)]
    Format(#[from] UnknownFormat),
    /// Of a provider that this build does not have.
    #[error("`{}` was written by a newer version of chancery: use that version", .0.display())]
    Newer(PathBuf),
    /// Argon2 parameters that no version of ours writes.
    #[error("`{}` asks for unreasonable Argon2id parameters: restore it from its backup", .0.display())]
    Parameters(PathBuf),
    /// Argon2 could not get its memory.
    #[error("not enough memory to check the passphrase of `{}` ({kib} KiB are needed)", .path.display())]
    Memory {
        /// The root-key file.
        path: PathBuf,
        /// What its parameters ask for.
        kib: u32,
    },
    /// Others than the owner can read or write it.
    #[error("`{}` has mode {mode:04o}; a root key is for its owner alone: chmod 600 {}", .path.display(), .path.display())]
    TooOpen {
        /// The root-key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to another user.
    #[error("`{}` belongs to uid {owner}, this process runs as uid {user}: chown {user} {}", .path.display(), .path.display())]
    NotOurs {
        /// The root-key file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// A new root key was asked for where one is.
    #[error("`{}` exists already: it is left as it is, for it may be the only key to some data", .0.display())]
    Exists(PathBuf),
    /// The system's own reason.
    #[error("can't {action} the root key file `{}`: {source}", .path.display())]
    Io {
        /// What was tried: `read` or `write`.
        action: &'static str,
        /// The root-key file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Asks for the passphrase; called only when one is needed.
pub type Ask<'a> = &'a dyn Fn() -> Result<SecretBytes, RootError>;

/// The root key: 32 random bytes. It seals slot keys and nothing else; nothing is derived from it.
pub struct RootKey(SecretBytes);

impl RootKey {
    /// Draws a new root key.
    pub fn make(entropy: &dyn Entropy) -> Self {
        Self(SecretBytes::random(KEY_BYTES, entropy))
    }

    /// Takes over a root key; `None` when it has not 32 bytes.
    pub fn from_secret(key: SecretBytes) -> Option<Self> {
        (key.len() == KEY_BYTES).then_some(Self(key))
    }

    /// The key, expanded for use.
    pub(super) fn sealing(&self) -> Result<SealingKey, super::SealError> {
        SealingKey::new(&self.0)
    }

    const fn secret(&self) -> &SecretBytes {
        &self.0
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[root key]")
    }
}

/// Loads the root key from the file at `path`; a passphrase is asked for when the file needs one.
pub fn load(path: &Path, passphrase: Ask<'_>) -> Result<(RootKey, Provider), RootError> {
    let text = file::read(path)?;
    let (provider, body) = file::split_header(path, &text)?;
    let key = match provider {
        Provider::File => file::decode(path, body)?,
        Provider::Passphrase => passphrase::decode(path, &text, &passphrase()?)?,
    };
    Ok((key, provider))
}

/// Draws a root key and keeps it in a new file at `path`, mode 0600. A file that exists is never replaced.
pub fn create(
    path: &Path,
    provider: Provider,
    entropy: &dyn Entropy,
    passphrase: Ask<'_>,
) -> Result<RootKey, RootError> {
    file::refuse_existing(path)?;
    let key = RootKey::make(entropy);
    let text = match provider {
        Provider::File => file::encode(&key),
        Provider::Passphrase => {
            passphrase::encode(path, &key, &passphrase()?, passphrase::Cost::NEW, entropy)?
        }
    };
    file::write_new(path, &text)?;
    Ok(key)
}

/// Loads the root key from `path`, or makes one with the `file` provider when there is no such file.
pub fn load_or_create(
    path: &Path,
    entropy: &dyn Entropy,
    passphrase: Ask<'_>,
) -> Result<(RootKey, Provider), RootError> {
    match load(path, passphrase) {
        Err(RootError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            create(path, Provider::File, entropy, passphrase).map(|key| (key, Provider::File))
        }
        loaded => loaded,
    }
}
