//! Which change of an identity is lawful in which state.

use super::{Unlawful, absent, present};
use crate::base::{AccountId, Timestamp, limits};
use crate::event::{Change, Holder, PolicyRef, PolicyVersionCreated, SessionOpened, Tagged, UserUpdated};
use crate::projection::{Account, Policy, PolicyKey, State};

/// Checks one change of an identity; every other change fits.
pub(super) fn fits(state: &State, at: Timestamp, change: &Change) -> Result<(), Unlawful> {
    match change {
        Change::AccountAliasSet { alias, account } => {
            present(state.account(*account))?;
            let taken = |other: &&Account| other.id != *account && other.alias == *alias;
            absent(
                alias.as_ref().and_then(|_| state.accounts().find(taken)),
                Unlawful::Exists,
            )
        }
        Change::AccessKeyStatusSet { id, active } => differs(present(state.access_key(id))?.active, *active),
        Change::UserCreated(created) => {
            present(state.account(created.account))?;
            absent(state.user(created.user), Unlawful::Exists)?;
            free(state.user_bearing(created.account, &created.name.folded()))
        }
        Change::UserUpdated(updated) => user_updated(state, updated),
        Change::UserDeleted { user } => {
            let row = present(state.user(*user))?;
            let keys = state.access_keys_of(row.account, Some(*user)).next();
            idle(row.groups.is_empty() && row.attached.is_empty() && keys.is_none())
        }
        Change::GroupCreated(created) => {
            present(state.account(created.account))?;
            absent(state.group(created.group), Unlawful::Exists)?;
            free(state.group_bearing(created.account, &created.name.folded()))
        }
        Change::GroupUpdated(updated) => {
            let row = present(state.group(updated.group))?;
            let Some(name) = &updated.name else { return Ok(()) };
            let bearer = state.group_bearing(row.account, &name.folded());
            free(bearer.filter(|other| other.id != row.id))
        }
        Change::GroupDeleted { group } => {
            let row = present(state.group(*group))?;
            idle(row.attached.is_empty() && state.members_of(*group).next().is_none())
        }
        Change::UserJoinedGroup { user, group, .. } => {
            let (user, group) = (present(state.user(*user))?, present(state.group(*group))?);
            same(user.account, group.account)?;
            differs(user.is_member_of(group.id), true)
        }
        Change::UserLeftGroup { user, group } => {
            if present(state.user(*user))?.is_member_of(*group) {
                Ok(())
            } else {
                Err(Unlawful::Missing)
            }
        }
        Change::RoleCreated(created) => {
            present(state.account(created.account))?;
            absent(state.role(created.role), Unlawful::Exists)?;
            free(state.role_bearing(created.account, &created.name.folded()))
        }
        Change::RoleUpdated(updated) => present(state.role(updated.role)).map(drop),
        Change::RoleDeleted { role } => idle(present(state.role(*role))?.attached.is_empty()),
        Change::SessionOpened(opened) => session_opened(state, opened),
        Change::SessionsExpired { ids } => ids.iter().try_for_each(|id| {
            if present(state.session(id))?.expires <= at {
                Ok(())
            } else {
                Err(Unlawful::NotDue)
            }
        }),
        Change::IdentitiesTagged {
            account, entities, ..
        }
        | Change::IdentitiesUntagged {
            account, entities, ..
        } => entities
            .iter()
            .try_for_each(|entity| tagged(state, *account, entity)),
        other => policy_fits(state, other),
    }
}

fn policy_fits(state: &State, change: &Change) -> Result<(), Unlawful> {
    match change {
        Change::PolicyCreated(created) => {
            present(state.account(created.account))?;
            free(state.policy_at(&PolicyKey::new(created.account, &created.name)))
        }
        Change::PolicyDescribed { name, account, .. } => {
            present(state.policy_named(*account, name)).map(drop)
        }
        Change::PolicyDeleted { name, account } => {
            let row = present(state.policy_named(*account, name))?;
            let policy = PolicyRef::Custom(row.name.clone());
            idle(state.holders_of(*account, &policy).next().is_none())
        }
        Change::PolicyVersionCreated(created) => version_created(state, created),
        Change::PolicyVersionDeleted {
            name,
            account,
            version,
            ..
        } => {
            let row = present(state.policy_named(*account, name))?;
            present(row.version(*version))?;
            idle(row.default != *version)
        }
        Change::PolicyDefaultSet {
            name,
            account,
            version,
            ..
        } => {
            let row = present(state.policy_named(*account, name))?;
            present(row.version(*version))?;
            differs(row.default == *version, true)
        }
        Change::PolicyAttached { holder, policy, .. } => {
            let account = present(state.account_of(*holder))?;
            if let PolicyRef::Custom(name) = policy {
                present(state.policy_named(account, name))?;
            }
            differs(has(state, *holder, policy), true)
        }
        Change::PolicyDetached { holder, policy } => {
            present(state.account_of(*holder))?;
            if has(state, *holder, policy) {
                Ok(())
            } else {
                Err(Unlawful::Missing)
            }
        }
        _ => Ok(()),
    }
}

fn user_updated(state: &State, updated: &UserUpdated) -> Result<(), Unlawful> {
    let row = present(state.user(updated.user))?;
    let Some(name) = &updated.name else { return Ok(()) };
    let bearer = state.user_bearing(row.account, &name.folded());
    free(bearer.filter(|other| other.id != row.id))
}

fn version_created(state: &State, created: &PolicyVersionCreated) -> Result<(), Unlawful> {
    let row: &Policy = present(state.policy_named(created.account, &created.name))?;
    if created.version != row.next {
        return Err(Unlawful::Exists);
    }
    if let Some(dropped) = created.dropped {
        present(row.version(dropped))?;
        idle(row.default != dropped)?;
    }
    let left = row.versions.len() - usize::from(created.dropped.is_some());
    if left < limits::POLICY_VERSIONS_MAX {
        Ok(())
    } else {
        Err(Unlawful::TooMany)
    }
}

fn session_opened(state: &State, opened: &SessionOpened) -> Result<(), Unlawful> {
    let role = present(state.role(opened.role))?;
    same(role.account, opened.account)?;
    absent(state.session(&opened.id), Unlawful::Exists)?;
    absent(state.access_key(&opened.id), Unlawful::Exists)?;
    let longest = opened.at.plus_millis(role.session_max.saturating_mul(1_000));
    if opened.at < opened.expires && opened.expires <= longest && opened.id.is_temporary() {
        Ok(())
    } else {
        Err(Unlawful::NotDue)
    }
}

fn tagged(state: &State, account: AccountId, entity: &Tagged) -> Result<(), Unlawful> {
    match entity {
        Tagged::Role(role) => same(present(state.role(*role))?.account, account),
        Tagged::Policy(name) => present(state.policy_named(account, name)).map(drop),
    }
}

fn has(state: &State, holder: Holder, policy: &PolicyRef) -> bool {
    state.attached_to(holder).iter().any(|row| row.policy == *policy)
}

/// A name that nobody bears.
fn free<T>(bearer: Option<T>) -> Result<(), Unlawful> {
    absent(bearer, Unlawful::Exists)
}

fn idle(is_idle: bool) -> Result<(), Unlawful> {
    if is_idle { Ok(()) } else { Err(Unlawful::InUse) }
}

fn differs(is: bool, wanted: bool) -> Result<(), Unlawful> {
    if is == wanted {
        Err(Unlawful::Exists)
    } else {
        Ok(())
    }
}

fn same(one: AccountId, other: AccountId) -> Result<(), Unlawful> {
    if one == other {
        Ok(())
    } else {
        Err(Unlawful::Foreign)
    }
}
