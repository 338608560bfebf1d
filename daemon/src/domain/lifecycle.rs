//! The life of a key: enabled, disabled, scheduled for deletion, kept after all, destroyed (wire contract, section 4).

use super::key_ref::find;
use super::{Command, Decided, Facts, KeyRef, Refusal, Scope, Unresolved};
use crate::base::{Arn, KeyId, limits};
use crate::event::Change;
use crate::projection::{Key, Lifecycle, Reader, State};

/// What can be asked of an existing key's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Make it usable.
    Enable,
    /// Make it unusable.
    Disable,
    /// Destroy it in so many days.
    ScheduleDeletion {
        /// From now.
        days: u64,
    },
    /// Keep it after all.
    CancelDeletion,
}

/// Moves a key along its life.
#[derive(Debug)]
pub struct ChangeLifecycle {
    /// Which key; only ids reach here.
    pub key: KeyRef,
    /// Where to.
    pub transition: Transition,
}

impl ChangeLifecycle {
    fn changes(&self, scope: &Scope, key: &Key) -> Result<Decided, Refusal> {
        use Lifecycle::{Disabled, Enabled, PendingDeletion};

        let (id, state) = (key.id, key.state);
        if let (Transition::ScheduleDeletion { .. }, Some(_), Enabled | Disabled) =
            (self.transition, &key.deletion_protection, state)
        {
            return Err(Refusal::Protected);
        }

        let change = match (self.transition, state) {
            (Transition::Enable, Enabled) | (Transition::Disable, Disabled) => return Ok(Decided::nothing()),
            (Transition::Enable, Disabled) => Change::KeyEnabled { key: id },
            (Transition::Disable, Enabled) => Change::KeyDisabled { key: id },
            (Transition::ScheduleDeletion { days }, Enabled | Disabled) => Change::KeyDeletionScheduled {
                key: id,
                delete_at: scope.at.plus_millis(days * limits::DAY_MILLIS),
            },
            (Transition::CancelDeletion, PendingDeletion { .. }) => Change::KeyDeletionCancelled { key: id },
            (_, PendingDeletion { .. }) | (Transition::CancelDeletion, Enabled | Disabled) => {
                return Err(Refusal::StateForbidsChange);
            }
        };
        Ok(Decided::change(change))
    }
}

impl Command for ChangeLifecycle {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let key = self.key.resolve(scope, reader)?;
        Ok(vec![scope.key_arn(key.id)])
    }

    fn lessens(&self) -> bool {
        matches!(
            self.transition,
            Transition::Disable | Transition::ScheduleDeletion { .. }
        )
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let key = self
            .key
            .resolve(scope, &Reader::new(state))
            .map_err(|unresolved| unresolved.refusal)?;
        self.changes(scope, &key)
    }
}

/// Destroys a key whose time has come; asked for by the daemon alone.
#[derive(Debug)]
pub struct DestroyKey {
    /// Which.
    pub key: KeyId,
}

impl Command for DestroyKey {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let key = find(self.key, scope, reader)?;
        Ok(vec![scope.key_arn(key.id)])
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let key = find(self.key, scope, &Reader::new(state))?;
        match key.state {
            // A wall clock that is not believed makes nothing due.
            Lifecycle::PendingDeletion { delete_at } if delete_at <= scope.at && state.hold().is_none() => {
                Ok(Decided::change(Change::KeyDestroyed { key: key.id }))
            }
            _ => Err(Refusal::NotDue),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::given::{AT, When, bound, created, given, key};
    use super::*;

    const ALL: [Transition; 4] = [
        Transition::Enable,
        Transition::Disable,
        Transition::ScheduleDeletion { days: 7 },
        Transition::CancelDeletion,
    ];

    fn changed(state: &State, transition: Transition) -> Result<Vec<Change>, Refusal> {
        let key = KeyRef::Id(key(1));
        state.when(&ChangeLifecycle { key, transition })
    }

    fn due() -> crate::base::Timestamp {
        AT.plus_millis(7 * limits::DAY_MILLIS)
    }

    /// The table of wire contract section 4.2, row by row: what each transition does in each state.
    #[test]
    fn transitions_follow_the_state_table() {
        let key = key(1);
        let scheduled = Change::KeyDeletionScheduled {
            key,
            delete_at: due(),
        };
        let forbidden = || Err(Refusal::StateForbidsChange);
        let table = [
            (
                given([created(1)]),
                [
                    Ok(vec![]),
                    Ok(vec![Change::KeyDisabled { key }]),
                    Ok(vec![scheduled.clone()]),
                    forbidden(),
                ],
            ),
            (
                given([created(1), Change::KeyDisabled { key }]),
                [
                    Ok(vec![Change::KeyEnabled { key }]),
                    Ok(vec![]),
                    Ok(vec![scheduled.clone()]),
                    forbidden(),
                ],
            ),
            (
                given([created(1), scheduled]),
                [
                    forbidden(),
                    forbidden(),
                    forbidden(),
                    Ok(vec![Change::KeyDeletionCancelled { key }]),
                ],
            ),
            (given([]), std::array::from_fn(|_| Err(Refusal::KeyNotFound))),
        ];
        for (state, expected) in table {
            for (transition, expected) in ALL.into_iter().zip(expected) {
                assert_eq!(changed(&state, transition), expected, "{transition:?}");
            }
        }
    }

    #[test]
    fn a_cancelled_deletion_enables_a_key_that_was_disabled() {
        let key = key(1);
        let scheduled = Change::KeyDeletionScheduled {
            key,
            delete_at: due(),
        };
        let facts = [
            created(1),
            Change::KeyDisabled { key },
            scheduled,
            Change::KeyDeletionCancelled { key },
        ];
        assert_eq!(given(facts).key(key).unwrap().state, Lifecycle::Enabled);
    }

    #[test]
    fn a_protected_key_is_not_scheduled_for_deletion_until_the_protection_is_off() {
        let protected = |enabled| Change::DeletionProtectionSet {
            key: key(1),
            enabled,
            description: "payroll".into(),
        };
        let schedule = Transition::ScheduleDeletion { days: 7 };
        let state = given([created(1), protected(true)]);
        assert_eq!(changed(&state, schedule), Err(Refusal::Protected));
        assert!(changed(&state, Transition::Disable).is_ok());
        let state = given([created(1), protected(true), protected(false)]);
        assert!(changed(&state, schedule).is_ok());
    }

    #[test]
    fn a_key_of_another_account_or_region_is_not_found() {
        for other in ["account", "region"] {
            let Change::KeyCreated(mut elsewhere) = created(1) else {
                unreachable!()
            };
            match other {
                "account" => elsewhere.account = "1000000000000002".parse().unwrap(),
                _ => elsewhere.region = crate::base::Region::parse("eu-central-1").unwrap(),
            }
            let account = Change::AccountCreated {
                name: String::new(),
                account: "1000000000000002".parse().unwrap(),
            };
            let state = given([account, Change::KeyCreated(elsewhere)]);
            assert_eq!(
                changed(&state, Transition::Disable),
                Err(Refusal::KeyNotFound),
                "{other}"
            );
        }
    }

    #[test]
    fn a_key_is_destroyed_when_it_is_due_and_not_before() {
        let key = key(1);
        let pending = |delete_at| given([created(1), Change::KeyDeletionScheduled { key, delete_at }]);
        let destroy = DestroyKey { key };
        assert_eq!(pending(AT).when(&destroy), Ok(vec![Change::KeyDestroyed { key }]));
        assert_eq!(pending(AT.plus_millis(1)).when(&destroy), Err(Refusal::NotDue));
        assert_eq!(given([created(1)]).when(&destroy), Err(Refusal::NotDue));
    }

    #[test]
    fn a_destroyed_key_leaves_no_alias_and_owes_its_slots() {
        let id = key(1);
        let facts = [
            created(1),
            created(2),
            bound("alias/one", 1),
            bound("alias/two", 2),
            Change::KeyDeletionScheduled {
                key: id,
                delete_at: due(),
            },
            Change::KeyDestroyed { key: id },
        ];
        let state = given(facts);
        let scope = super::super::given::scope();
        assert!(state.key(id).is_none());
        assert_eq!(state.aliases_of(id).count(), 0);
        let left: Vec<_> = state
            .aliases(scope.account, &scope.region)
            .map(|alias| alias.name.as_str())
            .collect();
        assert_eq!(left, ["alias/two"]);
        assert_eq!(
            state.erasures().collect::<Vec<_>>(),
            [super::super::given::version(1).slot]
        );
        assert_eq!(state.deletions_due(due()).count(), 0);
    }

    #[test]
    fn keys_are_listed_newest_first() {
        let mut facts = Vec::new();
        for n in 1..=3u8 {
            let Change::KeyCreated(mut later) = created(n) else {
                unreachable!()
            };
            later.at = AT.plus_millis(u64::from(n));
            facts.push(Change::KeyCreated(later));
        }
        let scope = super::super::given::scope();
        let listed: Vec<_> = given(facts)
            .keys_newest_first(scope.account, &scope.region)
            .collect();
        assert_eq!(listed, [key(3), key(2), key(1)]);
    }
}
