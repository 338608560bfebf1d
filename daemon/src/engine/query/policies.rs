//! GetPolicy, ListPolicies, GetPolicyVersion and ListPolicyVersions: custom policies and those that come with the daemon.

use crate::base::{Answer, ApiError, Arn, PolicyName, PolicyVersion, Timestamp};
use crate::domain::ram::attachment::exists;
use crate::domain::ram::policy::{arn, version_of};
use crate::domain::{Refusal, Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::event::PolicyRef;
use crate::policy::system;
use crate::projection::identity::VersionOfPolicy;
use crate::projection::{Reader, State};

use super::counted;
use super::marked::{Marked, TagFilters};
use super::roles::tag_items;

/// The system policies are as old as the API that they are for.
const SYSTEM_SINCE: Timestamp = Timestamp::from_millis(1_430_438_400_000);

/// What is the same of policies of both types.
pub(super) struct Known<'a> {
    pub at: Timestamp,
    pub updated: Timestamp,
    pub default: PolicyVersion,
    pub description: &'a str,
}

/// A policy of either type, if there is one.
pub(super) fn known<'a>(policy: &PolicyRef, scope: &Scope, state: &'a State) -> Option<Known<'a>> {
    match policy {
        PolicyRef::System(name) => system::find(name.as_str()).map(|policy| Known {
            at: SYSTEM_SINCE,
            updated: SYSTEM_SINCE,
            default: PolicyVersion::FIRST,
            description: policy.description,
        }),
        PolicyRef::Custom(name) => state.policy_named(scope.account, name).map(|row| Known {
            at: row.at,
            updated: row.updated,
            default: row.default,
            description: &row.description,
        }),
    }
}

/// Its versions, oldest first.
fn versions(policy: &PolicyRef, scope: &Scope, state: &State) -> Vec<VersionOfPolicy> {
    match policy {
        PolicyRef::System(name) => system::find(name.as_str())
            .map(|policy| VersionOfPolicy {
                at: SYSTEM_SINCE,
                version: PolicyVersion::FIRST,
                document: policy.document.to_owned(),
            })
            .into_iter()
            .collect(),
        PolicyRef::Custom(name) => state
            .policy_named(scope.account, name)
            .map(|row| row.versions.clone())
            .unwrap_or_default(),
    }
}

fn described(policy: &PolicyRef, about: &Known<'_>, scope: &Scope, state: &State) -> Answer {
    let attached = state.holders_of(scope.account, policy).count();
    Answer::new()
        .number("AttachmentCount", attached as u64)
        .text("CreateDate", about.at.to_string())
        .text("DefaultVersion", about.default.to_string())
        .text("Description", about.description.to_owned())
        .text("PolicyName", policy.name().to_string())
        .text("PolicyType", policy.kind())
        .text("UpdateDate", about.updated.to_string())
}

fn resource(policy: &PolicyRef, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
    let ask = vec![arn(policy, scope)];
    if exists(policy, scope, reader) {
        return Ok(ask);
    }
    Err(Unresolved {
        refusal: Refusal::PolicyNotFound,
        ask,
    })
}

/// A policy, and its version in force.
#[derive(Debug)]
pub struct GetPolicy {
    /// Which.
    pub policy: PolicyRef,
}

impl Query for GetPolicy {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        resource(&self.policy, scope, reader)
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let about = known(&self.policy, scope, state).ok_or(Refusal::PolicyNotFound)?;
        let versions = versions(&self.policy, scope, state);
        let default = versions
            .iter()
            .find(|version| version.version == about.default)
            .ok_or(Refusal::PolicyVersionNotFound)?;
        let answer = Answer::new()
            .with("DefaultPolicyVersion", version_of(default, true))
            .with("Policy", described(&self.policy, &about, scope, state));
        Ok(Done::unrecorded(answer))
    }
}

/// One version of a policy.
#[derive(Debug)]
pub struct GetPolicyVersion {
    /// Of which policy.
    pub policy: PolicyRef,
    /// Which.
    pub version: PolicyVersion,
}

impl Query for GetPolicyVersion {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        resource(&self.policy, scope, reader)
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let about = known(&self.policy, scope, state).ok_or(Refusal::PolicyNotFound)?;
        let versions = versions(&self.policy, scope, state);
        let version = versions
            .iter()
            .find(|version| version.version == self.version)
            .ok_or(Refusal::PolicyVersionNotFound)?;
        let default = version.version == about.default;
        let answer = Answer::new().with("PolicyVersion", version_of(version, default));
        Ok(Done::unrecorded(answer))
    }
}

/// All versions of a policy, newest first.
#[derive(Debug)]
pub struct ListPolicyVersions {
    /// Of which policy.
    pub policy: PolicyRef,
}

impl Query for ListPolicyVersions {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        resource(&self.policy, scope, reader)
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let about = known(&self.policy, scope, state).ok_or(Refusal::PolicyNotFound)?;
        let versions = versions(&self.policy, scope, state);
        let recorded = counted(versions.len());
        let items = versions
            .iter()
            .rev()
            .map(|version| version_of(version, version.version == about.default));
        Ok(Done {
            answer: Answer::new().list("PolicyVersions", "PolicyVersion", items),
            recorded,
            blob: None,
        })
    }
}

/// The types of policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyType {
    /// Those that come with the daemon.
    System,
    /// The account's own.
    Custom,
}

/// Policies: system ones first, then custom ones, each by name.
#[derive(Debug)]
pub struct ListPolicies {
    /// Of which type; of both when none is named.
    pub kind: Option<PolicyType>,
    /// Which page.
    pub page: Marked<PolicyRef>,
    /// Only those that wear all of these; system ones wear none.
    pub tags: TagFilters,
}

impl ListPolicies {
    fn systems(&self) -> impl Iterator<Item = PolicyRef> {
        let wanted = self.kind != Some(PolicyType::Custom) && self.tags.is_empty();
        let after = match &self.page.after {
            None => Some(""),
            Some(PolicyRef::System(name)) => Some(name.as_str()),
            Some(PolicyRef::Custom(_)) => None,
        };
        let behind = move |name: &str| wanted && after.is_some_and(|after| name > after);
        let all = system::SYSTEM_POLICIES
            .iter()
            .filter(move |policy| behind(policy.name));
        all.filter_map(|policy| PolicyName::parse(policy.name).ok().map(PolicyRef::System))
    }

    fn customs(&self, scope: &Scope, state: &State) -> impl Iterator<Item = PolicyRef> {
        let after = match &self.page.after {
            Some(PolicyRef::Custom(name)) => Some(name.clone()),
            Some(PolicyRef::System(_)) | None => None,
        };
        let wanted = self.kind != Some(PolicyType::System);
        state
            .policies(scope.account, after)
            .filter(move |row| wanted && self.tags.fit(&row.tags))
            .map(|row| PolicyRef::Custom(row.name.clone()))
    }
}

impl Query for ListPolicies {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::policies(scope.account)])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let all = self.systems().chain(self.customs(scope, state));
        let (policies, last) = self.page.cut(all);
        let items = policies.iter().filter_map(|policy| {
            let about = known(policy, scope, state)?;
            let tags = match policy {
                PolicyRef::System(_) => None,
                PolicyRef::Custom(name) => state.policy_named(scope.account, name),
            };
            let tags = tags.map(|row| row.tags.as_slice()).unwrap_or_default();
            Some(described(policy, &about, scope, state).list("Tags", "Tag", tag_items(tags)))
        });
        let answer = Answer::new().list("Policies", "Policy", items);
        let last = last.map(|policy| format!("{}/{}", policy.kind(), policy.name()));
        Ok(self.page.end(answer, policies.len(), last.as_deref()))
    }
}
