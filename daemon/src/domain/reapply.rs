//! What a restore takes over from newer evidence: whatever was taken away after the backup stays taken away (law 5). It adds
//! nothing: what was made or given after the backup is not there.
//!
//! A key is destroyed here without having been scheduled: the log that it was scheduled and destroyed in is the evidence, and
//! that is not part of this one.

use std::collections::BTreeSet;

use super::law;
use super::{Command, Decided, Facts, Reach, Refusal, Scope, Unresolved};
use crate::base::{Arn, SlotRef, Timestamp, limits};
use crate::event::{Change, Holder};
use crate::projection::{Key, Lifecycle, Reader, State};

/// Records what was taken away since. The daemon's own, while it is restored and nobody else is there.
#[derive(Debug)]
pub struct ReapplyEvidence {
    /// In order; each is lawful in the state that those before it leave.
    pub changes: Vec<Change>,
}

impl Command for ReapplyEvidence {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::log(&scope.region, scope.account)])
    }

    fn reach(&self, _: &Scope) -> Reach {
        Reach::Daemon
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let mut after = state.clone();
        for change in &self.changes {
            law::check(&after, scope.at, change).map_err(|_| Refusal::NotOwed)?;
            after = after.with_change(change, crate::base::Seq::new(state.size()));
        }
        Ok(Decided {
            changes: self.changes.clone(),
            ..Decided::default()
        })
    }
}

/// The changes that take from `state` what is gone or disabled in `later`, a state of the same log after more events. Each
/// is lawful after the ones before it. `at` is when they are made.
pub fn taken_away(state: &State, later: &State, at: Timestamp) -> Vec<Change> {
    let mut taken = Vec::new();
    for key in state.keys() {
        match later.key(key.id) {
            None => taken.push(Change::KeyDestructionReapplied { key: key.id }),
            Some(then) => lifecycle(key, then, at, &mut taken),
        }
    }
    for key in state.access_keys() {
        match later.access_key(&key.id) {
            None => taken.push(Change::AccessKeyDeleted { id: key.id.clone() }),
            Some(then) if key.active && !then.active => taken.push(Change::AccessKeyStatusSet {
                id: key.id.clone(),
                active: false,
            }),
            Some(_) => {}
        }
    }
    for account in state.accounts() {
        identities(state, later, account.id, &mut taken);
    }
    taken
}

/// Changes of a key's life. A deletion that was scheduled waits for a day at least: whoever restores must have the time to look.
fn lifecycle(now: &Key, then: &Key, at: Timestamp, taken: &mut Vec<Change>) {
    let key = now.id;
    match (now.state, then.state) {
        (Lifecycle::Enabled, Lifecycle::Disabled) => taken.push(Change::KeyDisabled { key }),
        (Lifecycle::PendingDeletion { .. }, Lifecycle::Enabled) => {
            taken.push(Change::KeyDeletionCancelled { key });
        }
        (Lifecycle::PendingDeletion { .. }, Lifecycle::Disabled) => {
            taken.push(Change::KeyDeletionCancelled { key });
            taken.push(Change::KeyDisabled { key });
        }
        (Lifecycle::Enabled | Lifecycle::Disabled, Lifecycle::PendingDeletion { delete_at }) => {
            if now.deletion_protection.is_some() {
                taken.push(Change::DeletionProtectionSet {
                    key,
                    enabled: false,
                    description: String::new(),
                });
            }
            taken.push(Change::KeyDeletionScheduled {
                key,
                delete_at: delete_at.max(at.plus_millis(limits::DAY_MILLIS)),
            });
        }
        (Lifecycle::PendingDeletion { .. }, Lifecycle::PendingDeletion { .. })
        | (Lifecycle::Enabled | Lifecycle::Disabled, Lifecycle::Enabled)
        | (Lifecycle::Disabled, Lifecycle::Disabled) => {}
    }
}

/// Policies taken off, then memberships, then who and what is gone: each rests on the ones before it.
fn identities(state: &State, later: &State, account: crate::base::AccountId, taken: &mut Vec<Change>) {
    let users: Vec<_> = state.users(account, None).collect();
    let groups: Vec<_> = state.groups(account, None).collect();
    let roles: Vec<_> = state.roles(account, None).collect();
    let holders = users.iter().map(|user| Holder::User(user.id));
    let holders = holders.chain(groups.iter().map(|group| Holder::Group(group.id)));
    for holder in holders.chain(roles.iter().map(|role| Holder::Role(role.id))) {
        for attached in state.attached_to(holder) {
            if !later
                .attached_to(holder)
                .iter()
                .any(|then| then.policy == attached.policy)
            {
                taken.push(Change::PolicyDetached {
                    holder,
                    policy: attached.policy.clone(),
                });
            }
        }
    }
    for user in &users {
        let then = later.user(user.id);
        for membership in &user.groups {
            if !then.is_some_and(|then| then.is_member_of(membership.group)) {
                taken.push(Change::UserLeftGroup {
                    user: user.id,
                    group: membership.group,
                });
            }
        }
        if then.is_none() {
            taken.push(Change::UserDeleted { user: user.id });
        }
    }
    let gone = groups.iter().filter(|group| later.group(group.id).is_none());
    taken.extend(gone.map(|group| Change::GroupDeleted { group: group.id }));
    let gone = roles.iter().filter(|role| later.role(role.id).is_none());
    taken.extend(gone.map(|role| Change::RoleDeleted { role: role.id }));
    for policy in state.policies(account, None) {
        // One that was deleted and made again under its name is another; what it says now nobody here has seen.
        let same = later
            .policy_named(account, &policy.name)
            .filter(|then| then.at == policy.at);
        if same.is_none() {
            let reference = crate::event::PolicyRef::Custom(policy.name.clone());
            // Whoever has one of that name again, in the evidence, has the other one.
            let held: Vec<_> = state.holders_of(account, &reference).collect();
            for holder in held {
                let detached = Change::PolicyDetached {
                    holder,
                    policy: reference.clone(),
                };
                if !taken.contains(&detached) {
                    taken.push(detached);
                }
            }
            taken.push(Change::PolicyDeleted {
                name: policy.name.clone(),
                account,
            });
        }
    }
}

/// The changes that take from `state` what was sealed under slots that are erased in the copy of the vault: it was destroyed
/// after the last event of the backup, and can't be used whatever the log says.
pub fn erased(state: &State, slots: &BTreeSet<SlotRef>) -> Vec<Change> {
    let keys = state
        .keys()
        .filter(|key| key.versions.iter().any(|version| slots.contains(&version.slot)))
        .map(|key| Change::KeyDestructionReapplied { key: key.id });
    let access_keys = state
        .access_keys()
        .filter(|key| slots.contains(&key.slot))
        .map(|key| Change::AccessKeyDeleted { id: key.id.clone() });
    keys.chain(access_keys).collect()
}

/// The changes that leave no deletion pending: nobody here knows whether it was carried out or cancelled since, so the keys
/// are disabled, and their owners decide.
pub fn undecided(state: &State) -> Vec<Change> {
    let pending = state
        .keys()
        .filter(|key| matches!(key.state, Lifecycle::PendingDeletion { .. }));
    pending
        .flat_map(|key| {
            [
                Change::KeyDeletionCancelled { key: key.id },
                Change::KeyDisabled { key: key.id },
            ]
        })
        .collect()
}

/// What is another in `later` without being gone: documents that say what others may do. Whether they give more or less no
/// restore can tell, so they stay as they were, and their owners are told to look.
pub fn altered(state: &State, later: &State) -> Vec<Arn> {
    let keys = state.keys().filter(|key| {
        let then = later.key(key.id);
        then.is_some_and(|then| then.policy != key.policy)
    });
    let mut arns: Vec<Arn> = keys
        .map(|key| Arn::key(&key.region, key.account, key.id))
        .collect();
    for account in state.accounts().map(|account| account.id) {
        for role in state.roles(account, None) {
            if later.role(role.id).is_some_and(|then| then.trust != role.trust) {
                arns.push(Arn::role(account, &role.name));
            }
        }
        for policy in state.policies(account, None) {
            let then = later.policy_named(account, &policy.name);
            let document = |policy: &crate::projection::Policy| {
                policy.in_force().map(|version| version.document.clone())
            };
            if then.is_some_and(|then| then.at == policy.at && document(then) != document(policy)) {
                arns.push(Arn::policy(account, &policy.name));
            }
        }
    }
    arns
}
