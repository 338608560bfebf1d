//! Access keys: made and sealed, and unsealed for those who verify signatures.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::tools::Tools;
use crate::base::answer::SecretText;
use crate::base::entropy::{Entropy, letter};
use crate::base::{AccessKeyId, SecretBytes, SlotRef};
use crate::custody::vault::VaultError;
use crate::custody::{Owner, Vault};
use crate::domain::MadeAccessKey;
use crate::event::Actor;
use crate::projection::{AccessKey, State};

/// An access key whose secret is at hand.
#[derive(Debug, Clone)]
pub struct KnownAccessKey {
    /// Who signs with it, as that is called now.
    pub actor: Actor,
    /// Whether it is good; if not, its signatures are worth nothing.
    pub active: bool,
    /// Its secret.
    pub secret: Arc<SecretBytes>,
}

/// The unsealed secrets of access keys in use. What is deleted is dropped with the step that deletes it.
#[derive(Debug, Default)]
pub(super) struct AccessKeys(RwLock<HashMap<AccessKeyId, Arc<SecretBytes>>>);

impl AccessKeys {
    /// An access key by id. None when there is no such key, or its secret can't be unsealed.
    pub(super) fn find(&self, id: &AccessKeyId, tools: &Tools) -> Option<KnownAccessKey> {
        // The state is asked each time: a key that is deleted or switched off there is so, whatever is kept here.
        let state = tools.published.applied();
        let row = state.access_key(id)?;
        Some(KnownAccessKey {
            actor: actor(&state, row)?,
            active: row.active,
            secret: self.secret(row, tools)?,
        })
    }

    fn secret(&self, row: &AccessKey, tools: &Tools) -> Option<Arc<SecretBytes>> {
        let id = &row.id;
        if let Some(secret) = self.0.read().get(id) {
            return Some(Arc::clone(secret));
        }
        let owner = Owner::AccessKey(id.clone());
        let opened = tools
            .vault
            .key(row.slot)
            .map_err(|error| tracing::warn!(%error, %id, "an access key can't be unsealed"));
        let secret = Arc::new(opened.ok()?.open(&owner, row.sealed.as_slice()).ok()?);
        self.0.write().insert(id.clone(), Arc::clone(&secret));
        // Deleted meanwhile, and forgotten before it was kept: it is forgotten again.
        if tools.published.applied().access_key(id).is_none() {
            self.forget(std::slice::from_ref(id));
            return None;
        }
        Some(secret)
    }

    /// Drops the secrets of deleted access keys; each is zeroized when the last request that it signed is verified.
    pub(super) fn forget(&self, ids: &[AccessKeyId]) {
        if !ids.is_empty() {
            let mut known = self.0.write();
            ids.iter().for_each(|id| drop(known.remove(id)));
        }
    }
}

/// Who an access key speaks for.
fn actor(state: &State, row: &AccessKey) -> Option<Actor> {
    let ak = Some(row.id.clone());
    Some(match row.user {
        None => Actor::root(row.account, ak),
        Some(user) => Actor::user(row.account, user, state.user(user)?.name.clone(), ak),
    })
}

/// Makes an access key, of the root's kind or of a user's, whose secret is sealed under `slot`.
pub(super) fn make(
    vault: &Vault,
    slot: SlotRef,
    of_user: bool,
    entropy: &dyn Entropy,
) -> Result<MadeAccessKey, VaultError> {
    let (id, secret) = if of_user {
        (
            AccessKeyId::make_of_user(entropy),
            make_letters(USER_SECRET_LETTERS, entropy),
        )
    } else {
        (AccessKeyId::make(entropy), make_secret(entropy))
    };
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

/// Letters and digits of a user's secret: 178 random bits.
const USER_SECRET_LETTERS: usize = 30;

/// Secret letters and digits, each as likely as any other.
pub(super) fn make_letters(count: usize, entropy: &dyn Entropy) -> SecretBytes {
    let mut letters = Vec::with_capacity(count);
    while letters.len() < count {
        let random = SecretBytes::random(64, entropy);
        let left = count - letters.len();
        // EXPOSE: turned into letters; the buffer never grows, and the result is secret again.
        let drawn = random.expose().iter().filter_map(|byte| letter(*byte));
        letters.extend(drawn.take(left));
    }
    SecretBytes::new(letters)
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
