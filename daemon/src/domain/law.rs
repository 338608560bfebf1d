//! Which change is lawful in which state. `decide` makes only lawful ones; a replay checks every one again, without
//! knowing how it came about (law 3).

mod identity;
mod log;

use crate::base::{KeyId, Timestamp, limits};
use crate::event::Change;
use crate::projection::{AliasKey, Key, Lifecycle, State};

/// Why a change could not have happened in that state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unlawful {
    /// The log can begin once, first of all.
    #[error("the log begins a second time")]
    BegunTwice,
    /// It exists already.
    #[error("what it makes exists already")]
    Exists,
    /// It does not exist.
    #[error("what it changes does not exist")]
    Missing,
    /// The key's state does not allow it.
    #[error("the key's state does not allow it")]
    Lifecycle,
    /// A deletion before its time.
    #[error("the deletion is not due")]
    NotDue,
    /// A deletion while the wall clock is not believed.
    #[error("a key is destroyed while irreversible timers are held")]
    Held,
    /// Something depends on what is taken away.
    #[error("something depends on what it takes away")]
    InUse,
    /// More than there may be.
    #[error("there are as many as there may be already")]
    TooMany,
    /// Of another account.
    #[error("what it joins belongs to two accounts")]
    Foreign,
    /// Fresh material in a slot that something else refers to.
    #[error("its slot holds something else already")]
    SlotTaken,
    /// The digest is another.
    #[error("the sealed digest is not the state's")]
    Digest,
    /// A log key of another form, or one that the log had before.
    #[error("it is no key that this log can be signed with from here on")]
    LogKey,
    /// An epoch that does not follow the one before it, or names another end of it.
    #[error("the epoch does not follow from where the log ends")]
    Epoch,
}

/// Checks one change against the state just before it; `at` is the admission time of its operation.
pub fn check(state: &State, at: Timestamp, change: &Change) -> Result<(), Unlawful> {
    fits(state, at, change)?;
    // One slot, one thing: erasing the one would destroy the other.
    match change.slot() {
        Some(slot) if state.has_slot(slot) => Err(Unlawful::SlotTaken),
        _ => Ok(()),
    }
}

fn fits(state: &State, at: Timestamp, change: &Change) -> Result<(), Unlawful> {
    match change {
        Change::LogBegun(_) => absent(state.log(), Unlawful::BegunTwice),
        Change::LogKeyRotated(key) => log::key(state, key),
        Change::EpochBegun(begun) => log::epoch(state, begun),
        Change::AccountCreated { account, .. } => absent(state.account(*account), Unlawful::Exists),
        Change::AccessKeyCreated(created) => {
            absent(state.access_key(&created.id), Unlawful::Exists)?;
            present(state.account(created.account))?;
            match created.user {
                Some(user) if present(state.user(user))?.account != created.account => Err(Unlawful::Foreign),
                _ => Ok(()),
            }
        }
        Change::InternalKeyCreated { purpose, .. } => absent(state.internal_key(*purpose), Unlawful::Exists),
        Change::KeyCreated(created) => {
            absent(state.key(created.key), Unlawful::Exists)?;
            present(state.account(created.account)).map(drop)
        }
        Change::KeyEnabled { key } => in_state(state, *key, |s| s == Lifecycle::Disabled),
        Change::KeyDisabled { key } => in_state(state, *key, |s| s == Lifecycle::Enabled),
        Change::KeyDeletionScheduled { key, delete_at } => {
            in_state(state, *key, |s| {
                matches!(s, Lifecycle::Enabled | Lifecycle::Disabled)
            })?;
            absent(
                living(state, *key)?.deletion_protection.as_ref(),
                Unlawful::Lifecycle,
            )?;
            if *delete_at > at {
                Ok(())
            } else {
                Err(Unlawful::NotDue)
            }
        }
        Change::KeyDeletionCancelled { key } => {
            in_state(state, *key, |s| matches!(s, Lifecycle::PendingDeletion { .. }))
        }
        Change::KeyDestroyed { key } => match living(state, *key)?.state {
            Lifecycle::PendingDeletion { delete_at } if delete_at <= at => {
                absent(state.hold(), Unlawful::Held)
            }
            Lifecycle::PendingDeletion { .. } => Err(Unlawful::NotDue),
            Lifecycle::Enabled | Lifecycle::Disabled => Err(Unlawful::Lifecycle),
        },
        // Whatever its state here: it was scheduled and due in the log that is the evidence.
        Change::KeyDestructionReapplied { key } => living(state, *key).map(drop),
        Change::AliasBound {
            key,
            alias,
            region,
            account,
        } => {
            absent(alias_row(state, *account, region, alias), Unlawful::Exists)?;
            target(state, *key)
        }
        Change::AliasMoved {
            key,
            alias,
            region,
            account,
        } => {
            present(alias_row(state, *account, region, alias))?;
            target(state, *key)
        }
        Change::AliasUnbound {
            alias,
            region,
            account,
        } => present(alias_row(state, *account, region, alias)).map(drop),
        Change::KeyDescribed { key, .. }
        | Change::DeletionProtectionSet { key, .. }
        | Change::KeyPolicySet { key, .. } => target(state, *key),
        Change::RotationPolicySet { key, .. } | Change::KeyRotated { key, .. } => {
            in_state(state, *key, |s| s == Lifecycle::Enabled)?;
            if living(state, *key)?.is_rotatable() {
                Ok(())
            } else {
                Err(Unlawful::Lifecycle)
            }
        }
        Change::MessagesReserved { key, upto, version } => {
            let version = present(living(state, *key)?.version(*version))?;
            if version.reserved < *upto && *upto <= limits::MESSAGES_MAX {
                Ok(())
            } else {
                Err(Unlawful::Exists)
            }
        }
        Change::KeysTagged { keys, .. } | Change::KeysUntagged { keys, .. } => {
            keys.iter().try_for_each(|key| target(state, *key))
        }
        Change::ClientTokenUsed { token, .. } => absent(state.client_token(token), Unlawful::Exists),
        Change::ClientTokensExpired { tokens } => {
            tokens
                .iter()
                .try_for_each(|token| match state.client_token(token) {
                    Some(used) if used.at.plus_millis(limits::DAY_MILLIS) <= at => Ok(()),
                    Some(_) => Err(Unlawful::NotDue),
                    None => Err(Unlawful::Missing),
                })
        }
        Change::AccessKeyDeleted { id } => present(state.access_key(id)).map(drop),
        Change::MaterialErased { slots } => {
            let owed: std::collections::BTreeSet<_> = state.erasures().collect();
            if slots.iter().all(|slot| owed.contains(slot)) {
                Ok(())
            } else {
                Err(Unlawful::Missing)
            }
        }
        Change::StateSealed { digest } if *digest == state.digest().short() => Ok(()),
        Change::StateSealed { .. } => Err(Unlawful::Digest),
        Change::CatalogueAdopted { added, removed } => {
            let known = state.catalogue().map_or(&[][..], |catalogue| &catalogue.actions);
            if added.iter().any(|action| known.contains(action)) {
                Err(Unlawful::Exists)
            } else if removed.iter().any(|action| !known.contains(action)) {
                Err(Unlawful::Missing)
            } else {
                Ok(())
            }
        }
        Change::RowFormatAdopted { format } if *format > state.row_format() => Ok(()),
        Change::RowFormatAdopted { .. } => Err(Unlawful::Exists),
        Change::TimersHeld => absent(state.hold(), Unlawful::Exists),
        Change::TimersReleased => present(state.hold()).map(drop),
        other => identity::fits(state, at, other),
    }
}

fn absent<T>(row: Option<T>, otherwise: Unlawful) -> Result<(), Unlawful> {
    row.map_or(Ok(()), |_| Err(otherwise))
}

fn present<T>(row: Option<T>) -> Result<T, Unlawful> {
    row.ok_or(Unlawful::Missing)
}

fn living(state: &State, key: KeyId) -> Result<&Key, Unlawful> {
    present(state.key(key)).map(AsRef::as_ref)
}

fn in_state(state: &State, key: KeyId, allowed: impl Fn(Lifecycle) -> bool) -> Result<(), Unlawful> {
    if allowed(living(state, key)?.state) {
        Ok(())
    } else {
        Err(Unlawful::Lifecycle)
    }
}

/// An alias can't be pointed at a key that waits for its deletion.
fn target(state: &State, key: KeyId) -> Result<(), Unlawful> {
    in_state(state, key, |s| !matches!(s, Lifecycle::PendingDeletion { .. }))
}

fn alias_row<'a>(
    state: &'a State,
    account: crate::base::AccountId,
    region: &crate::base::Region,
    alias: &crate::base::AliasName,
) -> Option<&'a crate::projection::Alias> {
    state.alias(&AliasKey {
        account,
        region: region.clone(),
        name: alias.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::given::{AT, created, given, key, scope, version};
    use super::*;
    use crate::base::{AccessKeyId, SlotRef};
    use crate::event::{AccessKeyCreated, KeyVersionAdded};

    fn access_key(slot: SlotRef) -> Change {
        Change::AccessKeyCreated(AccessKeyCreated {
            at: AT,
            id: AccessKeyId::parse("A").unwrap(),
            slot,
            user: None,
            sealed: vec![1; 40].into(),
            account: scope().account,
        })
    }

    #[test]
    fn nothing_is_sealed_under_a_slot_that_holds_something_else() {
        let state = given([created(1)]);
        let taken = version(1).slot;
        let Change::KeyCreated(mut second) = created(2) else {
            unreachable!()
        };
        second.version.slot = taken;
        let rotated = Change::KeyRotated {
            at: AT,
            key: key(1),
            version: KeyVersionAdded {
                slot: taken,
                ..version(2)
            },
        };
        for change in [Change::KeyCreated(second), rotated, access_key(taken)] {
            assert_eq!(check(&state, AT, &change), Err(Unlawful::SlotTaken), "{change:?}");
        }
        assert_eq!(check(&state, AT, &access_key(version(2).slot)), Ok(()));
    }

    #[test]
    fn a_slot_that_is_owed_an_erasure_is_still_taken() {
        let id = AccessKeyId::parse("A").unwrap();
        let slot = version(1).slot;
        let state = given([access_key(slot), Change::AccessKeyDeleted { id }]);
        assert_eq!(check(&state, AT, &created(1)), Err(Unlawful::SlotTaken));
        let erased = given([]);
        assert_eq!(check(&erased, AT, &created(1)), Ok(()));
    }
}
