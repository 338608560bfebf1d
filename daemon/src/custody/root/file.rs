//! The root-key file: who may read it, how it is written, and the body of the `file` provider.
//!
//! A worked example, two lines of ASCII, each ended by a line feed, mode 0600:
//!
//! ```text
//! chancery-root-key/v1 file
//! AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=
//! ```
//!
//! First line: format and version, a space, the provider. Second line: the key, standard Base64 with padding.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::base::disk::{sync_parent, write_atomically};
use crate::base::{SecretBytes, UnknownFormat};

use super::super::sealing::KEY_BYTES;
use super::{Provider, RootError, RootKey};

/// Every version's first line begins so.
const FORMAT: &str = "chancery-root-key/";
/// The version that this build reads and writes.
const VERSION: u32 = 1;
/// Largest root-key file, bytes: many times what any provider writes.
const FILE_BYTES_MAX: u64 = 4_096;

/// Reads the file, after making sure that nobody but its owner, who is us, could read or write it.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, RootError> {
    let failed = |source| io_error("read", path, source);
    // Not blocking: a FIFO in the file's place must not hold the start.
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(failed)?;
    // The open file is asked, not the path: it can't be exchanged in between.
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() || meta.len() > FILE_BYTES_MAX {
        return Err(RootError::NotARootKey(path.into()));
    }
    let user = rustix::process::geteuid().as_raw();
    if meta.uid() != user {
        return Err(RootError::NotOurs {
            path: path.into(),
            owner: meta.uid(),
            user,
        });
    }
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(RootError::TooOpen {
            path: path.into(),
            mode,
        });
    }
    // Read into one allocation of the full size: growing would leave pieces of the key in freed memory.
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX as usize + 1));
    match (&mut file).take(FILE_BYTES_MAX).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(RootError::NotARootKey(path.into())),
        Err(error) => Err(failed(error)),
    }
}

/// The provider that the first line names, and what follows that line.
pub(super) fn split_header<'a>(path: &Path, text: &'a str) -> Result<(Provider, &'a str), RootError> {
    let not_ours = || RootError::NotARootKey(path.into());
    let (first, body) = text.split_once('\n').ok_or_else(not_ours)?;
    let versioned = first.strip_prefix(FORMAT).ok_or_else(not_ours)?;
    let (version, provider) = versioned.split_once(' ').ok_or_else(not_ours)?;
    let number = version.strip_prefix('v').and_then(|digits| digits.parse().ok());
    // One format has one spelling: `v01` is none.
    let found: u32 = number
        .filter(|number| format!("v{number}") == version)
        .ok_or_else(not_ours)?;
    if found != VERSION {
        return Err(UnknownFormat {
            what: format!("the root key file `{}`", path.display()).into(),
            ..UnknownFormat::new("", found, VERSION)
        }
        .into());
    }
    let provider = Provider::parse(provider).ok_or_else(|| RootError::Newer(path.into()))?;
    Ok((provider, body))
}

/// The first line of a file of `provider`.
pub(super) fn header(provider: Provider) -> String {
    format!("{FORMAT}v{VERSION} {provider}\n")
}

/// The file of the `file` provider.
pub(super) fn encode(key: &RootKey) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(256));
    text.push_str(&header(Provider::File));
    // EXPOSE: into the root-key file, which is this provider's purpose; the buffer is zeroized.
    STANDARD.encode_string(key.secret().expose(), &mut text);
    text.push('\n');
    text
}

/// The key in the body of the `file` provider.
pub(super) fn decode(path: &Path, body: &str) -> Result<RootKey, RootError> {
    decode_line::<KEY_BYTES>(body)
        .and_then(|key| RootKey::from_secret(SecretBytes::new(key.to_vec())))
        .ok_or_else(|| RootError::NotARootKey(path.into()))
}

/// Decodes one line, its end included, that holds exactly `N` bytes in Base64.
pub(super) fn decode_line<const N: usize>(line: &str) -> Option<Zeroizing<[u8; N]>> {
    // Room for the decoder's estimate, which rounds up to whole groups of three.
    let mut bytes = Zeroizing::new(vec![0; N + 3]);
    let length = STANDARD.decode_slice(line.strip_suffix('\n')?, &mut bytes).ok()?;
    let exact = bytes.get(..length)?.try_into().ok()?;
    Some(Zeroizing::new(exact))
}

/// Refuses when something is at `path`.
pub(super) fn refuse_existing(path: &Path) -> Result<(), RootError> {
    match path.symlink_metadata() {
        Ok(_) => Err(RootError::Exists(path.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(io_error("write", path, source)),
    }
}

/// Writes a new file whole or not at all, and never over another. Missing directories are made, mode 0700.
pub(super) fn write_new(path: &Path, text: &str) -> Result<(), RootError> {
    let failed = |source| io_error("write", path, source);
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)
            .map_err(failed)?;
    }
    let fresh = beside(path);
    write_atomically(&fresh, text.as_bytes()).map_err(failed)?;
    // A crash before the rename leaves a key that nothing was ever sealed with; the next attempt replaces it.
    let renamed = match renameat_with(CWD, &fresh, CWD, path, RenameFlags::NOREPLACE) {
        // A file system that can't promise it: the look before has to do.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            refuse_existing(path).and_then(|()| std::fs::rename(&fresh, path).map_err(failed))
        }
        Err(Errno::EXIST) => Err(RootError::Exists(path.into())),
        other => other.map_err(|errno| failed(errno.into())),
    };
    if renamed.is_err() {
        let _best_effort = std::fs::remove_file(&fresh);
    }
    renamed?;
    // Until the name is durable nothing may be sealed with the key: a crash would take the key and keep the data.
    sync_parent(path).map_err(failed)
}

/// `PATH.fresh`.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".fresh");
    name.into()
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> RootError {
    RootError::Io {
        action,
        path: path.into(),
        source,
    }
}
