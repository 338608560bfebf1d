//! Access keys: made and sealed, and unsealed for those who verify signatures.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::tools::Tools;
use crate::base::answer::SecretText;
use crate::base::entropy::Entropy;
use crate::base::{AccessKeyId, AccountId, SecretBytes, SlotRef};
use crate::custody::vault::VaultError;
use crate::custody::{Owner, Vault};
use crate::domain::MadeAccessKey;

/// An access key whose secret is at hand.
#[derive(Debug, Clone)]
pub struct KnownAccessKey {
    /// Whose root it speaks for.
    pub account: AccountId,
    /// Its secret.
    pub secret: Arc<SecretBytes>,
}

/// The unsealed secrets of access keys in use. What is deleted is dropped with the step that deletes it.
#[derive(Debug, Default)]
pub(super) struct AccessKeys(RwLock<HashMap<AccessKeyId, KnownAccessKey>>);

impl AccessKeys {
    /// An access key by id. None when there is no such key, or its secret can't be unsealed.
    pub(super) fn find(&self, id: &AccessKeyId, tools: &Tools) -> Option<KnownAccessKey> {
        // The state is asked each time: a key that is deleted there is not known, whatever is kept here.
        let state = tools.published.applied();
        let row = state.access_key(id)?;
        if let Some(known) = self.0.read().get(id) {
            return Some(known.clone());
        }
        let owner = Owner::AccessKey(id.clone());
        let opened = tools
            .vault
            .key(row.slot)
            .map_err(|error| tracing::warn!(%error, %id, "an access key can't be unsealed"));
        let secret = opened.ok()?.open(&owner, row.sealed.as_slice()).ok()?;
        let known = KnownAccessKey {
            account: row.account,
            secret: Arc::new(secret),
        };
        self.0.write().insert(id.clone(), known.clone());
        // Deleted meanwhile, and forgotten before it was kept: it is forgotten again.
        if tools.published.applied().access_key(id).is_none() {
            self.forget(std::slice::from_ref(id));
            return None;
        }
        Some(known)
    }

    /// Drops the secrets of deleted access keys; each is zeroized when the last request that it signed is verified.
    pub(super) fn forget(&self, ids: &[AccessKeyId]) {
        if !ids.is_empty() {
            let mut known = self.0.write();
            ids.iter().for_each(|id| drop(known.remove(id)));
        }
    }
}

/// Makes an access key whose secret is sealed under `slot`.
pub(super) fn make(vault: &Vault, slot: SlotRef, entropy: &dyn Entropy) -> Result<MadeAccessKey, VaultError> {
    let id = AccessKeyId::make(entropy);
    let secret = make_secret(entropy);
    // EXPOSE: sealed, and handed to its owner as text; every copy is zeroized on drop.
    let bytes = secret.expose();
    let sealed = vault
        .key(slot)?
        .seal(&Owner::AccessKey(id.clone()), bytes, entropy);
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    Ok(MadeAccessKey {
        id,
        slot,
        sealed,
        secret: SecretText::new(text),
    })
}

/// 30 letters (150 random bits), in the form the SDKs expect of a secret.
pub(super) fn make_secret(entropy: &dyn Entropy) -> SecretBytes {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHJKMNPQRSTUVWXYZabcdefghk";
    let random = SecretBytes::random(30, entropy);
    let mut letters = Vec::with_capacity(random.len());
    // EXPOSE: turned into letters, one random byte each; the result is secret again.
    letters.extend(
        random
            .expose()
            .iter()
            .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)).copied()),
    );
    SecretBytes::new(letters)
}
