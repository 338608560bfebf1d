//! Custom policies and their versions. One version is in force; a policy has five at the most.
//!
//! System policies come with the daemon and never change: commands see custom ones alone, and no custom one may take the
//! name of a system one.

use std::sync::Arc;

use crate::base::{Answer, Arn, PolicyName, PolicyVersion, Seq, Tag, limits};
use crate::domain::{Command, Decided, Facts, Refusal, Scope, Unresolved};
use crate::event::{Change, Element, PolicyCreated, PolicyRef, PolicyVersionCreated, Recorded};
use crate::policy::system;
use crate::projection::identity::VersionOfPolicy;
use crate::projection::{Policy, PolicyKey, Reader, State};

use super::holder::HolderKind;

/// Makes a policy, whose document is its first version, in force.
#[derive(Debug)]
pub struct CreatePolicy {
    /// Its name.
    pub name: PolicyName,
    /// The document, as sent.
    pub document: String,
    /// Free text.
    pub description: String,
    /// Its tags; names are distinct.
    pub tags: Vec<Tag>,
}

impl Command for CreatePolicy {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        // That the name is free is part of what it rests on.
        reader.policy_named(scope.account, &self.name);
        Ok(vec![Arn::policies(scope.account)])
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let address = PolicyKey::new(scope.account, &self.name);
        if state.policy_at(&address).is_some() || is_systems(&self.name) {
            return Err(Refusal::PolicyTaken);
        }
        if state.policy_count(scope.account) >= limits::POLICIES_MAX {
            return Err(Refusal::PoliciesReached);
        }
        let created = PolicyCreated {
            at: scope.at,
            name: self.name.clone(),
            tags: self.tags.clone(),
            account: scope.account,
            document: self.document.clone(),
            description: self.description.clone(),
        };
        let row = Policy::created(&created, Seq::GENESIS);
        Ok(Decided {
            changes: vec![Change::PolicyCreated(created)],
            answer: Answer::new().with("Policy", summary(&row)),
            recorded: identified(&row, Some(row.default)),
        })
    }
}

/// Replaces a policy's description.
#[derive(Debug)]
pub struct DescribePolicyAs {
    /// Which.
    pub name: PolicyName,
    /// What it says now.
    pub description: String,
}

impl Command for DescribePolicyAs {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        resource(&self.name, scope, reader)
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let mut row = Policy::clone(existing(&self.name, scope, state)?);
        row.description.clone_from(&self.description);
        row.updated = scope.at;
        let described = Change::PolicyDescribed {
            at: scope.at,
            name: row.name.clone(),
            account: scope.account,
            description: self.description.clone(),
        };
        Ok(Decided {
            changes: vec![described],
            answer: Answer::new().with(
                "Policy",
                summary(&row).text("UpdateDate", row.updated.to_string()),
            ),
            recorded: identified(&row, None),
        })
    }
}

/// Deletes a policy that is attached to nobody.
#[derive(Debug)]
pub struct DeletePolicy {
    /// Which.
    pub name: PolicyName,
    /// Whether its versions go too, if there are others than the one in force.
    pub cascade: bool,
}

impl Command for DeletePolicy {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        resource(&self.name, scope, reader)
    }

    fn lessens(&self) -> bool {
        true
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let row = existing(&self.name, scope, state)?;
        let policy = PolicyRef::Custom(row.name.clone());
        // Users come first, then groups, then roles.
        let holder = state.holders_of(scope.account, &policy).map(HolderKind::of).min();
        if let Some(kind) = holder {
            return Err(Refusal::PolicyHeld(kind));
        }
        if row.versions.len() > 1 && !self.cascade {
            return Err(Refusal::PolicyHasVersions);
        }
        Ok(Decided {
            changes: vec![Change::PolicyDeleted {
                name: row.name.clone(),
                account: scope.account,
            }],
            recorded: identified(row, None),
            ..Decided::default()
        })
    }
}

/// Adds a version to a policy.
#[derive(Debug)]
pub struct CreatePolicyVersion {
    /// Which policy.
    pub name: PolicyName,
    /// The document, as sent.
    pub document: String,
    /// Whether it is in force from now on.
    pub default: bool,
    /// Whether the oldest version that is not in force makes room when there are as many as there may be.
    pub rotate: bool,
}

impl Command for CreatePolicyVersion {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        resource(&self.name, scope, reader)
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let row = existing(&self.name, scope, state)?;
        let full = row.versions.len() >= limits::POLICY_VERSIONS_MAX;
        let dropped = match (full, self.rotate) {
            (false, _) => None,
            (true, false) => return Err(Refusal::PolicyVersionsReached),
            (true, true) => Some(oldest_idle(row).ok_or(Refusal::PolicyVersionsReached)?),
        };
        let created = PolicyVersionCreated {
            at: scope.at,
            name: row.name.clone(),
            account: scope.account,
            default: self.default,
            dropped,
            version: row.next,
            document: self.document.clone(),
        };
        let version = VersionOfPolicy {
            at: scope.at,
            version: row.next,
            document: self.document.clone(),
        };
        Ok(Decided {
            answer: Answer::new().with("PolicyVersion", version_of(&version, self.default)),
            recorded: identified(row, Some(created.version)),
            changes: vec![Change::PolicyVersionCreated(created)],
        })
    }
}

/// Whether a system policy has the name, ignoring case as among custom ones.
fn is_systems(name: &PolicyName) -> bool {
    let name = name.as_str();
    system::SYSTEM_POLICIES
        .iter()
        .any(|policy| policy.name.eq_ignore_ascii_case(name))
}

/// Versions stand oldest first.
fn oldest_idle(policy: &Policy) -> Option<PolicyVersion> {
    let mut idle = policy.versions.iter().map(|row| row.version);
    idle.find(|version| *version != policy.default)
}

/// Deletes a version that is not in force.
#[derive(Debug)]
pub struct DeletePolicyVersion {
    /// Which policy.
    pub name: PolicyName,
    /// Which version.
    pub version: PolicyVersion,
}

impl Command for DeletePolicyVersion {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        resource(&self.name, scope, reader)
    }

    fn lessens(&self) -> bool {
        true
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let row = existing(&self.name, scope, state)?;
        row.version(self.version).ok_or(Refusal::PolicyVersionNotFound)?;
        if row.default == self.version {
            return Err(Refusal::PolicyVersionInForce);
        }
        Ok(Decided {
            changes: vec![Change::PolicyVersionDeleted {
                at: scope.at,
                name: row.name.clone(),
                account: scope.account,
                version: self.version,
            }],
            recorded: identified(row, Some(self.version)),
            ..Decided::default()
        })
    }
}

/// Puts a version in force.
#[derive(Debug)]
pub struct SetDefaultPolicyVersion {
    /// Which policy.
    pub name: PolicyName,
    /// Which version.
    pub version: PolicyVersion,
}

impl Command for SetDefaultPolicyVersion {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        resource(&self.name, scope, reader)
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let row = existing(&self.name, scope, state)?;
        row.version(self.version).ok_or(Refusal::PolicyVersionNotFound)?;
        let set = Change::PolicyDefaultSet {
            at: scope.at,
            name: row.name.clone(),
            account: scope.account,
            version: self.version,
        };
        Ok(Decided {
            // The one in force again: nothing changes.
            changes: (row.default != self.version).then_some(set).into_iter().collect(),
            recorded: identified(row, Some(self.version)),
            ..Decided::default()
        })
    }
}

fn resource(name: &PolicyName, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
    named(name, scope, reader).map(|_| vec![Arn::policy(scope.account, name)])
}

/// The custom policy of this name; that there is none is told to those alone who may act on it.
pub fn named<'a>(
    name: &PolicyName,
    scope: &Scope,
    reader: &Reader<'a>,
) -> Result<&'a Arc<Policy>, Unresolved> {
    reader
        .policy_named(scope.account, name)
        .ok_or_else(|| Unresolved {
            refusal: Refusal::PolicyNotFound,
            ask: vec![Arn::policy(scope.account, name)],
        })
}

/// The custom policy of this name in the state that a command is decided in.
pub(super) fn existing<'a>(
    name: &PolicyName,
    scope: &Scope,
    state: &'a State,
) -> Result<&'a Arc<Policy>, Refusal> {
    state
        .policy_named(scope.account, name)
        .ok_or(Refusal::PolicyNotFound)
}

/// The ARN of a policy: a system one belongs to no account.
pub fn arn(policy: &PolicyRef, scope: &Scope) -> Arn {
    match policy {
        PolicyRef::System(name) => Arn::system_policy(name),
        PolicyRef::Custom(name) => Arn::policy(scope.account, name),
    }
}

/// What answers say of a custom policy.
pub fn summary(policy: &Policy) -> Answer {
    Answer::new()
        .text("CreateDate", policy.at.to_string())
        .text("DefaultVersion", policy.default.to_string())
        .text("Description", policy.description.clone())
        .text("PolicyName", policy.name.to_string())
        .text("PolicyType", "Custom")
}

/// What answers say of a version.
pub fn version_of(version: &VersionOfPolicy, default: bool) -> Answer {
    Answer::new()
        .text("CreateDate", version.at.to_string())
        .boolean("IsDefaultVersion", default)
        .text("PolicyDocument", version.document.clone())
        .text("VersionId", version.version.to_string())
}

fn identified(policy: &Policy, version: Option<PolicyVersion>) -> Recorded {
    let mut recorded = Recorded::default();
    recorded.insert("PolicyName", Element::text(policy.name.as_str()));
    if let Some(version) = version {
        recorded.insert("VersionId", Element::text(&version.to_string()));
    }
    recorded
}
