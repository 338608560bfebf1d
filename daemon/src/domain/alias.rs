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
