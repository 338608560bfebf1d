//! Decisions remembered: the same principal, asking for the same on the same resource, is answered without evaluating
//! again, until a row that the decision read has changed.
//!
//! I1  Only decisions that follow from their basis are kept: a `Lasting` is made from the answers of all layers that
//!     were asked, and only if each was static.
//! I2  What is recalled was kept for exactly this basis, compared in full; the hash only finds the place.
//! I3  Bounded: a fixed number of places, taken when the store is made. A newer decision displaces an older one.
//!
//! Nothing is ever invalidated: a changed row has a new revision, and so another basis. For that to be true the caller
//! puts into the basis all that the layers' sets and the condition values of principal and resource were made from.

use std::hash::{BuildHasher, RandomState};

use parking_lot::Mutex;

use super::cedar::Answer;

/// All that a lasting decision was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Basis<'a> {
    /// Who asks: the id of the user, or of the role and its session. Whatever a `Caller` is made from follows from it.
    pub principal: &'a str,
    /// The revision of the principal's row, which changes with its groups and with every document attached.
    pub principal_revision: u64,
    /// The action.
    pub action: &'a str,
    /// The resource's ARN.
    pub resource: &'a str,
    /// The revision of the resource's row, which changes with its tags.
    pub resource_revision: u64,
    /// The digest of the resource's own policy, if it has one.
    pub resource_policy: Option<[u8; 32]>,
}

/// Proof that a decision follows from its basis (I1).
#[derive(Debug)]
pub struct Lasting(());

impl Lasting {
    /// From the answers of all layers that were asked; `None` if one of them read what only this request brings.
    pub fn of<'a>(answers: impl IntoIterator<Item = &'a Answer>) -> Option<Self> {
        answers
            .into_iter()
            .all(|answer| answer.is_static)
            .then_some(Self(()))
    }
}

/// The store. Shared by all threads; a look-up holds the lock of one place for as long as two texts are compared.
#[derive(Debug)]
pub struct Remembered<D> {
    places: Box<[Mutex<Row<D>>]>,
    hasher: RandomState,
}

impl<D: Clone> Remembered<D> {
    /// A store for at least so many decisions.
    pub fn new(decisions: usize) -> Self {
        let rows = decisions.div_ceil(WAYS).max(1).next_power_of_two();
        Self {
            places: (0..rows).map(|_| Mutex::new(Row::default())).collect(),
            hasher: RandomState::new(),
        }
    }

    /// The decision kept for this basis, if it is still there.
    pub fn recall(&self, basis: &Basis<'_>) -> Option<D> {
        #[cfg(feature = "canary-bugs")]
        if crate::base::CanaryBug::DecisionOutlivesRights.is_planted() {
            let about = |row: &Mutex<Row<D>>| {
                let row = row.lock();
                let mut kept = row.kept.iter().flatten();
                kept.find(|kept| kept.is_about(basis))
                    .map(|kept| kept.decision.clone())
            };
            return self.places.iter().find_map(about);
        }
        let hash = self.hasher.hash_one(basis);
        let row = self.place(hash)?.lock();
        let kept = row
            .kept
            .iter()
            .flatten()
            .find(|kept| kept.hash == hash && kept.is_for(basis))?;
        Some(kept.decision.clone())
    }

    /// Keeps a decision.
    pub fn keep(&self, basis: &Basis<'_>, decision: D, _: Lasting) {
        let hash = self.hasher.hash_one(basis);
        let Some(place) = self.place(hash) else { return };
        let kept = Kept {
            hash,
            principal: basis.principal.into(),
            action: basis.action.into(),
            resource: basis.resource.into(),
            revisions: (basis.principal_revision, basis.resource_revision),
            resource_policy: basis.resource_policy,
            decision,
        };
        let mut row = place.lock();
        // An older decision about the same is of no use: its revisions are past.
        let same = row
            .kept
            .iter()
            .position(|old| old.as_ref().is_some_and(|old| old.is_about(basis)));
        let at = same.unwrap_or(row.next);
        if same.is_none() {
            row.next = (row.next + 1) % WAYS;
        }
        if let Some(slot) = row.kept.get_mut(at) {
            *slot = Some(kept);
        }
    }

    fn place(&self, hash: u64) -> Option<&Mutex<Row<D>>> {
        // The number of places is a power of two.
        let mask = self.places.len() as u64 - 1;
        self.places.get(usize::try_from(hash & mask).ok()?)
    }
}

/// Decisions that share a place.
#[derive(Debug)]
struct Row<D> {
    kept: [Option<Kept<D>>; WAYS],
    next: usize,
}

impl<D> Default for Row<D> {
    fn default() -> Self {
        Self {
            kept: [const { None }; WAYS],
            next: 0,
        }
    }
}

#[derive(Debug)]
struct Kept<D> {
    hash: u64,
    principal: Box<str>,
    action: Box<str>,
    resource: Box<str>,
    revisions: (u64, u64),
    resource_policy: Option<[u8; 32]>,
    decision: D,
}

impl<D> Kept<D> {
    fn is_for(&self, basis: &Basis<'_>) -> bool {
        self.is_about(basis)
            && self.revisions == (basis.principal_revision, basis.resource_revision)
            && self.resource_policy == basis.resource_policy
    }

    fn is_about(&self, basis: &Basis<'_>) -> bool {
        *self.principal == *basis.principal
            && *self.action == *basis.action
            && *self.resource == *basis.resource
    }
}

/// Decisions to a place: enough that four busy questions of one hash do not displace each other.
const WAYS: usize = 4;

#[cfg(test)]
mod tests;
