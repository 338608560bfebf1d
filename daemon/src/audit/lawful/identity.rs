//! Identities in law 3: who acted was there, and what a change of an identity rests on was read and authorized.

use super::Breach;
use crate::base::{AccountId, Arn, PrincipalName};
use crate::event::{Actor, ActorKind, Change, Effect, Event, Holder, PolicyRef, RowKey, Tagged};
use crate::projection::State;
use crate::projection::identity::{NameKind, PolicyKey, name_row, session_row};
use crate::projection::row::Address;

/// Whether the principal was there, as the event names it, in the state that it was decided on.
pub(super) fn principal(state: &State, event: &Event, found: &mut Vec<Breach>) {
    let is_decided = event.dec.effect != Effect::None;
    if is_decided && !is_there(state, event) {
        found.push(Breach::AccessKey);
    }
}

fn is_there(state: &State, event: &Event) -> bool {
    let actor = &event.actor;
    match actor.kind {
        ActorKind::Root => signed_by(state, actor) && actor.id.is_none(),
        ActorKind::RamUser => {
            let row = actor.user_id().and_then(|id| state.user(id));
            row.is_some_and(|row| row.account == actor.account && is_called(actor, &row.name.clone().into()))
                && signed_by(state, actor)
        }
        ActorKind::AssumedRole => {
            let row = actor.role_id().and_then(|id| state.role(id));
            row.is_some_and(|row| row.account == actor.account && is_called(actor, &row.name.clone().into()))
                && has_session(state, event)
        }
        ActorKind::System | ActorKind::Unmapped => actor.ak.is_none() && actor.id.is_none(),
    }
}

fn is_called(actor: &Actor, name: &PrincipalName) -> bool {
    actor.name.as_ref() == Some(name)
}

/// The access key, if one signed: one of the actor's, and good.
fn signed_by(state: &State, actor: &Actor) -> bool {
    let Some(id) = &actor.ak else { return true };
    state
        .access_key(id)
        .is_some_and(|row| row.active && row.account == actor.account && row.user == actor.user_id())
}

/// The session of the temporary access key, if one signed: of that role, under that name, and not ended.
fn has_session(state: &State, event: &Event) -> bool {
    let actor = &event.actor;
    let Some(id) = &actor.ak else { return true };
    state.session(id).is_some_and(|row| {
        Some(row.role) == actor.role_id()
            && Some(&row.name) == actor.session.as_ref()
            && row.source == actor.source
            && event.dec.at < row.expires
    })
}

/// The rows that the decision on a principal rests on.
pub(super) fn principal_rows(actor: &Actor) -> Vec<RowKey> {
    let mut rows = Vec::new();
    if let Some(id) = &actor.ak {
        rows.push(match actor.kind {
            ActorKind::AssumedRole => session_row(id),
            _ => id.row_key(),
        });
    }
    rows.extend(actor.user_id().map(|user| user.row_key()));
    rows.extend(actor.role_id().map(|role| role.row_key()));
    rows
}

/// The rows whose existence a change of an identity rests on, by the commands that make it.
pub(super) fn decided_on(state: &State, change: &Change) -> Vec<RowKey> {
    match change {
        Change::AccountAliasSet { account, .. } => vec![account.row_key()],
        Change::AccessKeyStatusSet { id, .. } => {
            let mut rows = owner_rows(state, change);
            rows.push(id.row_key());
            rows
        }
        Change::AccessKeyCreated(_) | Change::AccessKeyDeleted { .. } => owner_rows(state, change),
        Change::UserCreated(new) => vec![name_row(NameKind::User, new.account, &new.name.folded())],
        Change::UserUpdated(updated) => vec![updated.user.row_key()],
        Change::UserDeleted { user } => vec![user.row_key()],
        Change::GroupCreated(new) => vec![name_row(NameKind::Group, new.account, &new.name.folded())],
        Change::GroupUpdated(updated) => vec![updated.group.row_key()],
        Change::GroupDeleted { group } => vec![group.row_key()],
        Change::UserJoinedGroup { user, group, .. } | Change::UserLeftGroup { user, group } => {
            vec![user.row_key(), group.row_key()]
        }
        Change::RoleCreated(new) => vec![name_row(NameKind::Role, new.account, &new.name.folded())],
        Change::RoleUpdated(updated) => vec![updated.role.row_key()],
        Change::RoleDeleted { role } => vec![role.row_key()],
        Change::PolicyCreated(new) => vec![PolicyKey::new(new.account, &new.name).row_key()],
        Change::PolicyVersionCreated(new) => vec![PolicyKey::new(new.account, &new.name).row_key()],
        Change::PolicyDescribed { name, account, .. }
        | Change::PolicyDeleted { name, account }
        | Change::PolicyVersionDeleted { name, account, .. }
        | Change::PolicyDefaultSet { name, account, .. } => vec![PolicyKey::new(*account, name).row_key()],
        Change::PolicyAttached { holder, policy, .. } | Change::PolicyDetached { holder, policy } => {
            let mut rows = vec![holder_row(*holder)];
            if let (PolicyRef::Custom(name), Some(account)) = (policy, state.account_of(*holder)) {
                rows.push(PolicyKey::new(account, name).row_key());
            }
            rows
        }
        Change::IdentitiesTagged {
            account, entities, ..
        }
        | Change::IdentitiesUntagged {
            account, entities, ..
        } => {
            let row = |entity: &Tagged| match entity {
                Tagged::Role(role) => role.row_key(),
                Tagged::Policy(name) => PolicyKey::new(*account, name).row_key(),
            };
            entities.iter().map(row).collect()
        }
        Change::SessionOpened(opened) => vec![opened.role.row_key()],
        _ => Vec::new(),
    }
}

/// Whose access key a change makes, switches or deletes: the user's row, or the account's for its root. None when the
/// event opens that account itself.
fn owner_rows(state: &State, change: &Change) -> Vec<RowKey> {
    let (account, user) = match change {
        Change::AccessKeyCreated(created) => (Some(created.account), created.user),
        Change::AccessKeyDeleted { id } | Change::AccessKeyStatusSet { id, .. } => {
            let row = state.access_key(id);
            (row.map(|row| row.account), row.and_then(|row| row.user))
        }
        _ => (None, None),
    };
    match (user, account.and_then(|account| state.account(account))) {
        (Some(user), _) => vec![user.row_key()],
        (None, Some(account)) => vec![account.id.row_key()],
        (None, None) => Vec::new(),
    }
}

/// The resources that a change of an identity needs to be authorized for.
pub(super) fn touched(state: &State, change: &Change) -> Vec<Arn> {
    match change {
        Change::AccountAliasSet { account, .. } => vec![Arn::identities(*account)],
        Change::AccessKeyCreated(created) => match created.user {
            Some(user) => of_holder(state, Holder::User(user)),
            None => root_keys(state, created.account),
        },
        Change::AccessKeyDeleted { id } | Change::AccessKeyStatusSet { id, .. } => {
            match state.access_key(id).map(|row| (row.account, row.user)) {
                Some((_, Some(user))) => of_holder(state, Holder::User(user)),
                Some((account, None)) => root_keys(state, account),
                None => Vec::new(),
            }
        }
        Change::UserCreated(new) => vec![Arn::users(new.account)],
        Change::UserUpdated(updated) => {
            let mut arns = of_holder(state, Holder::User(updated.user));
            let account = state.user(updated.user).map(|user| user.account);
            arns.extend(
                account
                    .zip(updated.name.as_ref())
                    .map(|(account, name)| Arn::user(account, name)),
            );
            arns
        }
        Change::UserDeleted { user } => of_holder(state, Holder::User(*user)),
        Change::GroupCreated(new) => vec![Arn::groups(new.account)],
        Change::GroupUpdated(updated) => {
            let mut arns = of_holder(state, Holder::Group(updated.group));
            let account = state.group(updated.group).map(|group| group.account);
            arns.extend(
                account
                    .zip(updated.name.as_ref())
                    .map(|(account, name)| Arn::group(account, name)),
            );
            arns
        }
        Change::GroupDeleted { group } => of_holder(state, Holder::Group(*group)),
        Change::UserJoinedGroup { user, group, .. } | Change::UserLeftGroup { user, group } => {
            let mut arns = of_holder(state, Holder::User(*user));
            arns.extend(of_holder(state, Holder::Group(*group)));
            arns
        }
        Change::RoleCreated(new) => vec![Arn::roles(new.account)],
        Change::RoleUpdated(updated) => of_holder(state, Holder::Role(updated.role)),
        Change::RoleDeleted { role } => of_holder(state, Holder::Role(*role)),
        Change::SessionOpened(opened) => of_holder(state, Holder::Role(opened.role)),
        Change::PolicyCreated(new) => vec![Arn::policies(new.account)],
        Change::PolicyVersionCreated(new) => vec![Arn::policy(new.account, &new.name)],
        Change::PolicyDescribed { name, account, .. }
        | Change::PolicyDeleted { name, account }
        | Change::PolicyVersionDeleted { name, account, .. }
        | Change::PolicyDefaultSet { name, account, .. } => vec![Arn::policy(*account, name)],
        Change::PolicyAttached { holder, policy, .. } | Change::PolicyDetached { holder, policy } => {
            let mut arns = of_holder(state, *holder);
            arns.extend(match policy {
                PolicyRef::System(name) => Some(Arn::system_policy(name)),
                PolicyRef::Custom(name) => state
                    .account_of(*holder)
                    .map(|account| Arn::policy(account, name)),
            });
            arns
        }
        Change::IdentitiesTagged {
            account, entities, ..
        }
        | Change::IdentitiesUntagged {
            account, entities, ..
        } => entities
            .iter()
            .flat_map(|entity| match entity {
                Tagged::Role(role) => of_holder(state, Holder::Role(*role)),
                Tagged::Policy(name) => vec![Arn::policy(*account, name)],
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The ARN of a holder, as it is called in this state.
fn of_holder(state: &State, holder: Holder) -> Vec<Arn> {
    let arn = match holder {
        Holder::User(user) => state.user(user).map(|row| Arn::user(row.account, &row.name)),
        Holder::Group(group) => state.group(group).map(|row| Arn::group(row.account, &row.name)),
        Holder::Role(role) => state.role(role).map(|row| Arn::role(row.account, &row.name)),
    };
    arn.into_iter().collect()
}

/// None while the account is only being opened.
fn root_keys(state: &State, account: AccountId) -> Vec<Arn> {
    state
        .account(account)
        .map(|_| Arn::root_keys(account))
        .into_iter()
        .collect()
}

fn holder_row(holder: Holder) -> RowKey {
    match holder {
        Holder::User(user) => user.row_key(),
        Holder::Group(group) => group.row_key(),
        Holder::Role(role) => role.row_key(),
    }
}
