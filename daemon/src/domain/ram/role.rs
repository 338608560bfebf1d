//! Roles: made, changed, deleted. A role's trust policy is part of it; its name is for good.

use std::sync::Arc;

use crate::base::{Answer, Arn, RoleName, Tag, limits};
use crate::domain::{Command, Decided, Facts, Needs, Refusal, Scope, Unresolved};
use crate::event::{Change, Element, Recorded, RoleCreated, RoleUpdated};
use crate::projection::{Reader, Role, State};

/// Makes a role. Whoever its trust policy names need not exist: it is asked when the role is assumed.
#[derive(Debug)]
pub struct CreateRole {
    /// Its name.
    pub name: RoleName,
    /// Its trust policy, as sent.
    pub trust: String,
    /// Free text.
    pub description: String,
    /// The longest session, seconds.
    pub session_max: u64,
    /// Whether a console may offer it.
    pub console: bool,
    /// Its tags; names are distinct.
    pub tags: Vec<Tag>,
}

impl Command for CreateRole {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        // That the name is free is part of what it rests on.
        reader.role_bearing(scope.account, &self.name.folded());
        Ok(vec![Arn::roles(scope.account)])
    }

    fn needs(&self) -> Needs {
        Needs::NewRole
    }

    fn decide(&self, scope: &Scope, state: &State, facts: &Facts) -> Result<Decided, Refusal> {
        if state.role_bearing(scope.account, &self.name.folded()).is_some() {
            return Err(Refusal::RoleTaken);
        }
        if state.role_count(scope.account) >= limits::ROLES_MAX {
            return Err(Refusal::RolesReached);
        }
        // An id drawn twice: another try draws another one.
        let role = match facts {
            Facts::NewRole(role) if state.role(*role).is_none() => *role,
            _ => return Err(Refusal::NoSlot),
        };
        let created = RoleCreated {
            at: scope.at,
            name: self.name.clone(),
            role,
            tags: self.tags.clone(),
            trust: self.trust.clone(),
            account: scope.account,
            console: self.console,
            description: self.description.clone(),
            session_max: self.session_max,
        };
        let row = Role::created(&created, crate::base::Seq::GENESIS);
        Ok(Decided {
            changes: vec![Change::RoleCreated(created)],
            answer: Answer::new().with("Role", described(&row)),
            recorded: identified(&row),
        })
    }
}

/// Changes a role; what is absent stays. Sessions that were issued keep their end.
#[derive(Debug)]
pub struct UpdateRole {
    /// Which.
    pub name: RoleName,
    /// Its trust policy.
    pub trust: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// The longest session, seconds.
    pub session_max: Option<u64>,
    /// Whether a console may offer it.
    pub console: Option<bool>,
}

impl Command for UpdateRole {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        named(&self.name, scope, reader).map(|_| vec![Arn::role(scope.account, &self.name)])
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let role = existing(&self.name, scope, state)?;
        let updated = RoleUpdated {
            at: scope.at,
            role: role.id,
            trust: self.trust.clone(),
            console: self.console,
            description: self.description.clone(),
            session_max: self.session_max,
        };
        let row = with(role, &updated);
        Ok(Decided {
            changes: vec![Change::RoleUpdated(updated)],
            answer: Answer::new().with(
                "Role",
                described(&row).text("UpdateDate", row.updated.to_string()),
            ),
            recorded: identified(&row),
        })
    }
}

/// Deletes a role that has no policies; its sessions end with it.
#[derive(Debug)]
pub struct DeleteRole {
    /// Which.
    pub name: RoleName,
}

impl Command for DeleteRole {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        named(&self.name, scope, reader).map(|_| vec![Arn::role(scope.account, &self.name)])
    }

    fn lessens(&self) -> bool {
        true
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let role = existing(&self.name, scope, state)?;
        if !role.attached.is_empty() {
            return Err(Refusal::RoleHasPolicies);
        }
        Ok(Decided {
            changes: vec![Change::RoleDeleted { role: role.id }],
            recorded: identified(role),
            ..Decided::default()
        })
    }
}

/// The role as it is after an update, for the answer.
fn with(role: &Role, updated: &RoleUpdated) -> Role {
    let mut row = role.clone();
    row.updated = updated.at;
    row.trust = updated.trust.clone().unwrap_or(row.trust);
    row.console = updated.console.unwrap_or(row.console);
    row.description = updated.description.clone().unwrap_or(row.description);
    row.session_max = updated.session_max.unwrap_or(row.session_max);
    row
}

/// The role of this name; that there is none is told to those alone who may act on it.
pub fn named<'a>(name: &RoleName, scope: &Scope, reader: &Reader<'a>) -> Result<&'a Arc<Role>, Unresolved> {
    reader.role_named(scope.account, name).ok_or_else(|| Unresolved {
        refusal: Refusal::RoleNotFound,
        ask: vec![Arn::role(scope.account, name)],
    })
}

/// The role of this name in the state that a command is decided in.
pub(super) fn existing<'a>(
    name: &RoleName,
    scope: &Scope,
    state: &'a State,
) -> Result<&'a Arc<Role>, Refusal> {
    state.role_named(scope.account, name).ok_or(Refusal::RoleNotFound)
}

/// What answers say of a role, trust policy included.
pub fn described(role: &Role) -> Answer {
    summary(role).text("AssumeRolePolicyDocument", role.trust.clone())
}

/// What lists say of a role.
pub fn summary(role: &Role) -> Answer {
    Answer::new()
        .boolean("AllowConsoleLogin", role.console)
        .text("Arn", Arn::role(role.account, &role.name).to_string())
        .text("CreateDate", role.at.to_string())
        .text("Description", role.description.clone())
        .number("MaxSessionDuration", role.session_max)
        .text("RoleId", role.id.to_string())
        .text("RoleName", role.name.to_string())
}

fn identified(role: &Role) -> Recorded {
    let mut recorded = Recorded::default();
    recorded.insert("RoleId", Element::text(&role.id.to_string()));
    recorded.insert("RoleName", Element::text(role.name.as_str()));
    recorded
}
