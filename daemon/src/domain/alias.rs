//! Aliases: names that can be pointed at one key and then at another (wire contract, section 10.2).

use super::key_ref::address;
use super::{Command, Decided, Facts, KeyRef, Refusal, Scope, Unresolved};
use crate::base::{AliasName, Arn};
use crate::event::Change;
use crate::projection::{Alias, Lifecycle, Reader, State};

/// Binds a new alias.
#[derive(Debug)]
pub struct CreateAlias {
    /// Its name.
    pub alias: AliasName,
    /// Its target; only ids reach here.
    pub key: KeyRef,
    /// How many aliases the account may have in the region, if that is limited.
    pub quota: Option<u64>,
}

impl Command for CreateAlias {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let key = self.key.resolve(scope, reader)?;
        let _bound = reader.alias(&address(&self.alias, scope));
        Ok(vec![arn(&self.alias, scope), scope.key_arn(key.id)])
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let key = self
            .key
            .resolve(scope, &Reader::new(state))
            .map_err(|unresolved| unresolved.refusal)?;
        if state.alias(&address(&self.alias, scope)).is_some() {
            return Err(Refusal::AliasTaken);
        }
        if matches!(key.state, Lifecycle::PendingDeletion { .. }) {
            return Err(Refusal::StateForbidsChange);
        }
        let having = || state.aliases(scope.account, &scope.region).count() as u64;
        if self.quota.is_some_and(|quota| having() >= quota) {
            return Err(Refusal::QuotaReached);
        }
        Ok(Decided::change(Change::AliasBound {
            key: key.id,
            alias: self.alias.clone(),
            region: scope.region.clone(),
            account: scope.account,
        }))
    }
}

/// Points an alias at another key.
#[derive(Debug)]
pub struct UpdateAlias {
    /// Its name.
    pub alias: AliasName,
    /// Its new target; only ids reach here.
    pub key: KeyRef,
}

impl Command for UpdateAlias {
    // The alias, the key it points at now and the key it will point at: whoever may move an alias decides for both keys.
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let alias = bound(&self.alias, scope, reader)?;
        let key = self.key.resolve(scope, reader)?;
        let mut resources = vec![arn(&self.alias, scope), scope.key_arn(alias.key)];
        if key.id != alias.key {
            resources.push(scope.key_arn(key.id));
        }
        Ok(resources)
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let reader = Reader::new(state);
        let alias = bound(&self.alias, scope, &reader).map_err(|unresolved| unresolved.refusal)?;
        let key = self
            .key
            .resolve(scope, &reader)
            .map_err(|unresolved| unresolved.refusal)?;
        if matches!(key.state, Lifecycle::PendingDeletion { .. }) {
            return Err(Refusal::PendingDeletion);
        }
        if key.id == alias.key {
            return Ok(Decided::nothing());
        }
        Ok(Decided::change(Change::AliasMoved {
            key: key.id,
            alias: self.alias.clone(),
            region: scope.region.clone(),
            account: scope.account,
        }))
    }
}

/// Deletes an alias; its key is untouched.
#[derive(Debug)]
pub struct DeleteAlias {
    /// Its name.
    pub alias: AliasName,
}

impl Command for DeleteAlias {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let alias = bound(&self.alias, scope, reader)?;
        Ok(vec![arn(&self.alias, scope), scope.key_arn(alias.key)])
    }

    fn lessens(&self) -> bool {
        true
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let reader = Reader::new(state);
        bound(&self.alias, scope, &reader).map_err(|unresolved| unresolved.refusal)?;
        Ok(Decided::change(Change::AliasUnbound {
            alias: self.alias.clone(),
            region: scope.region.clone(),
            account: scope.account,
        }))
    }
}

fn bound<'a>(alias: &AliasName, scope: &Scope, reader: &Reader<'a>) -> Result<&'a Alias, Unresolved> {
    reader.alias(&address(alias, scope)).ok_or_else(|| Unresolved {
        refusal: Refusal::AliasNotFound,
        ask: vec![arn(alias, scope)],
    })
}

fn arn(alias: &AliasName, scope: &Scope) -> Arn {
    Arn::alias(&scope.region, scope.account, alias)
}

#[cfg(test)]
mod tests {
    use super::super::given::{AT, When, bound, created, given, key, name, scope};
    use super::*;

    fn pending(n: u8) -> Change {
        Change::KeyDeletionScheduled {
            key: key(n),
            delete_at: AT.plus_millis(1),
        }
    }

    fn create(alias: &str, n: u8) -> CreateAlias {
        CreateAlias {
            alias: name(alias),
            key: KeyRef::Id(key(n)),
            quota: None,
        }
    }

    fn update(alias: &str, n: u8) -> UpdateAlias {
        UpdateAlias {
            alias: name(alias),
            key: KeyRef::Id(key(n)),
        }
    }

    #[test]
    fn an_alias_is_bound_once() {
        assert_eq!(
            given([created(1)]).when(&create("alias/a", 1)),
            Ok(vec![bound("alias/a", 1)])
        );
        let taken = given([created(1), created(2), bound("alias/a", 1)]);
        assert_eq!(taken.when(&create("alias/a", 2)), Err(Refusal::AliasTaken));
        assert_eq!(taken.when(&create("alias/A", 2)), Ok(vec![bound("alias/A", 2)]));
    }

    #[test]
    fn only_the_new_target_must_not_wait_for_deletion() {
        let facts = || [created(1), created(2), bound("alias/a", 1)];
        let old_pending = given(facts().into_iter().chain([pending(1)]));
        assert!(matches!(
            old_pending.when(&update("alias/a", 2)).as_deref(),
            Ok([Change::AliasMoved { .. }])
        ));
        let new_pending = given(facts().into_iter().chain([pending(2)]));
        assert_eq!(
            new_pending.when(&update("alias/a", 2)),
            Err(Refusal::PendingDeletion)
        );
        assert_eq!(
            new_pending.when(&create("alias/b", 2)),
            Err(Refusal::StateForbidsChange)
        );
    }

    #[test]
    fn moving_an_alias_touches_the_alias_and_both_keys() {
        let state = given([created(1), created(2), bound("alias/a", 1)]);
        let resources = update("alias/a", 2)
            .resources(&scope(), &Reader::new(&state))
            .unwrap();
        let alias = Arn::alias(&scope().region, scope().account, &name("alias/a"));
        assert_eq!(
            resources,
            [alias, scope().key_arn(key(1)), scope().key_arn(key(2))]
        );
        assert_eq!(
            state.when(&update("alias/a", 1)),
            Ok(vec![]),
            "it points there already"
        );
    }

    /// A name can be guessed: who may not act on it is told so, whether it exists or not.
    #[test]
    fn an_unbound_alias_is_asked_about_before_it_is_said_to_be_missing() {
        let state = given([created(1)]);
        let asked = Arn::alias(&scope().region, scope().account, &name("alias/a"));
        for command in [
            &update("alias/a", 1) as &dyn Command,
            &DeleteAlias {
                alias: name("alias/a"),
            },
        ] {
            let unresolved = command.resources(&scope(), &Reader::new(&state)).unwrap_err();
            assert_eq!(
                unresolved,
                Unresolved {
                    refusal: Refusal::AliasNotFound,
                    ask: vec![asked.clone()]
                }
            );
        }
        let unknown_key = create("alias/a", 7)
            .resources(&scope(), &Reader::new(&state))
            .unwrap_err();
        assert_eq!(
            unknown_key,
            Refusal::KeyNotFound.into(),
            "a key id can't be guessed"
        );
    }

    #[test]
    fn a_deleted_alias_is_gone_and_its_key_stays() {
        let state = given([created(1), bound("alias/a", 1)]);
        let deleted = state
            .when(&DeleteAlias {
                alias: name("alias/a"),
            })
            .unwrap();
        let after = given([created(1), bound("alias/a", 1)].into_iter().chain(deleted));
        assert!(after.alias(&address(&name("alias/a"), &scope())).is_none());
        assert!(after.key(key(1)).is_some());
    }
}
