//! The `passphrase` provider: the root key sealed under a key that Argon2id (RFC 9106) makes from a passphrase.
//!
//! A worked example, four lines of ASCII, each ended by a line feed, mode 0600:
//!
//! ```text
//! chancery-root-key/v1 passphrase
//! argon2id m=65536 t=3 p=4
//! salt AgICAgICAgICAgICAgICAg==
//! sealed <Base64 of nonce (24) || sealed root key (32) || tag (16)>
//! ```
//!
//! `m` is in KiB. The associated data of the seal are the bytes of the first three lines, line feeds included:
//! nobody can lower the cost or change the salt of a file and have it open.

use std::path::Path;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::base::SecretBytes;
use crate::base::entropy::{Entropy, make_array};

use super::super::sealing::{KEY_BYTES, NONCE_BYTES, SealingKey, TAG_BYTES};
use super::{Provider, RootError, RootKey, file};

/// Length of the salt, bytes (RFC 9106, section 3.1: 16 is recommended).
const SALT_BYTES: usize = 16;
/// Length of the sealed root key, bytes.
const SEALED_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/// The cost of one guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// What new files get: RFC 9106, section 4, second recommended option.
    pub(super) const NEW: Self = Self {
        memory_kib: 64 << 10,
        passes: 3,
        lanes: 4,
    };

    /// The least that Argon2 allows, so that tests of everything else are quick.
    #[cfg(test)]
    pub(super) const LEAST: Self = Self {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };

    /// Largest cost that is read, so that a changed file can't hold the start for hours or take all memory.
    const MOST: Self = Self {
        memory_kib: 2 << 20,
        passes: 64,
        lanes: 64,
    };

    fn line(self) -> String {
        format!(
            "argon2id m={} t={} p={}\n",
            self.memory_kib, self.passes, self.lanes
        )
    }

    /// Parses what `line` writes, and nothing else.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.strip_prefix("argon2id ")?.strip_suffix('\n')?.split(' ');
        let mut field = |name: &str| fields.next()?.strip_prefix(name)?.parse().ok();
        let cost = Self {
            memory_kib: field("m=")?,
            passes: field("t=")?,
            lanes: field("p=")?,
        };
        (cost.line() == line).then_some(cost)
    }

    const fn is_reasonable(self) -> bool {
        self.memory_kib <= Self::MOST.memory_kib
            && self.passes <= Self::MOST.passes
            && self.lanes <= Self::MOST.lanes
    }
}

/// The file of the `passphrase` provider.
pub(super) fn encode(
    path: &Path,
    key: &RootKey,
    passphrase: &SecretBytes,
    cost: Cost,
    entropy: &dyn Entropy,
) -> Result<Zeroizing<String>, RootError> {
    if passphrase.is_empty() {
        return Err(RootError::EmptyPassphrase);
    }
    let salt: [u8; SALT_BYTES] = make_array(entropy);
    let mut text = Zeroizing::new(file::header(Provider::Passphrase));
    text.push_str(&cost.line());
    text.push_str(&format!("salt {}\n", STANDARD.encode(salt)));
    let wrapping = derive_wrapping(path, passphrase, &salt, cost)?;
    // EXPOSE: the cipher takes a slice; only the sealed form is written.
    let sealed = wrapping.seal(text.as_bytes(), key.secret().expose(), entropy);
    text.push_str(&format!("sealed {}\n", STANDARD.encode(sealed.as_slice())));
    Ok(text)
}

/// Opens the key in a whole file of the `passphrase` provider.
pub(super) fn decode(path: &Path, text: &str, passphrase: &SecretBytes) -> Result<RootKey, RootError> {
    let parsed = Parsed::parse(text).ok_or_else(|| RootError::NotARootKey(path.into()))?;
    let wrapping = derive_wrapping(path, passphrase, &parsed.salt, parsed.cost)?;
    let key = wrapping
        .open(parsed.bound.as_bytes(), &parsed.sealed)
        .map_err(|_| RootError::WrongPassphrase(path.into()))?;
    RootKey::from_secret(key).ok_or_else(|| RootError::NotARootKey(path.into()))
}

struct Parsed<'a> {
    /// The first three lines.
    bound: &'a str,
    cost: Cost,
    salt: [u8; SALT_BYTES],
    sealed: [u8; SEALED_BYTES],
}

impl<'a> Parsed<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut lines = text.split_inclusive('\n');
        let (_header, cost, salt, sealed) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
        if lines.next().is_some() {
            return None;
        }
        Some(Self {
            bound: text.strip_suffix(sealed)?,
            cost: Cost::parse(cost)?,
            salt: *file::decode_line(salt.strip_prefix("salt ")?)?,
            sealed: *file::decode_line(sealed.strip_prefix("sealed ")?)?,
        })
    }
}

/// Argon2id, version 0x13, 32 bytes out. Deterministic.
fn derive_wrapping(
    path: &Path,
    passphrase: &SecretBytes,
    salt: &[u8],
    cost: Cost,
) -> Result<SealingKey, RootError> {
    let unreasonable = || RootError::Parameters(path.into());
    if !cost.is_reasonable() {
        return Err(unreasonable());
    }
    let params =
        Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(KEY_BYTES)).map_err(|_| unreasonable())?;
    let no_memory = || RootError::Memory {
        path: path.into(),
        kib: cost.memory_kib,
    };
    // Our own memory, not the crate's: it is zeroized afterwards, and too little of it is an error, not an abort.
    let count = params.block_count();
    let mut blocks = Vec::<Block>::new();
    blocks.try_reserve_exact(count).map_err(|_| no_memory())?;
    blocks.resize(count, Block::default());
    let mut blocks = Zeroizing::new(blocks);

    let mut key = Zeroizing::new(vec![0; KEY_BYTES]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        // EXPOSE: hashed into the wrapping key; the hash state is zeroized.
        .hash_password_into_with_memory(passphrase.expose(), salt, &mut key, blocks.as_mut_slice())
        .map_err(|_| unreasonable())?;
    SealingKey::new(&SecretBytes::new(std::mem::take(&mut *key))).map_err(|_| unreasonable())
}

#[cfg(test)]
mod kat {
    use argon2::{AssociatedData, ParamsBuilder};

    use super::*;

    /// RFC 9106, section 5.3. Our own call has neither secret nor associated data; this shows that the crate's
    /// Argon2id is the RFC's, with memory handed in as we do it.
    #[test]
    fn argon2id_is_that_of_rfc_9106() {
        let params = ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(AssociatedData::new(&[0x04; 12]).unwrap())
            .build()
            .unwrap();
        let mut blocks = vec![Block::default(); params.block_count()];
        let secret = [0x03; 8];
        let argon2 = Argon2::new_with_secret(&secret, Algorithm::Argon2id, Version::V0x13, params).unwrap();
        let mut tag = [0; 32];
        argon2
            .hash_password_into_with_memory(&[0x01; 32], &[0x02; 16], &mut tag, blocks.as_mut_slice())
            .unwrap();
        let expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659";
        assert_eq!(
            tag.iter().map(|b| format!("{b:02x}")).collect::<String>(),
            expected
        );
    }
}
