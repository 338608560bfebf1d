//! The rules of roles, policies and attachments.

use super::attachment::{AttachPolicy, DetachPolicy};
use super::holder::{HolderKind, HolderName};
use super::policy::{
    CreatePolicy, CreatePolicyVersion, DeletePolicy, DeletePolicyVersion, SetDefaultPolicyVersion,
};
use super::role::{CreateRole, DeleteRole};
use super::tags::{TagIdentities, TaggedNames};
use crate::base::*;
use crate::domain::Refusal;
use crate::domain::given::{AT, When, given, policy_created, policy_name, role, role_created, scope};
use crate::event::{Change, Holder, PolicyRef, Tagged};

fn role_name(text: &str) -> RoleName {
    RoleName::parse(text).unwrap()
}

fn custom(name: &str) -> PolicyRef {
    PolicyRef::Custom(policy_name(name))
}

fn attach(policy: PolicyRef) -> AttachPolicy {
    let holder = HolderName::Role(role_name("r"));
    AttachPolicy { holder, policy }
}

fn detach(policy: PolicyRef) -> DetachPolicy {
    let holder = HolderName::Role(role_name("r"));
    DetachPolicy { holder, policy }
}

fn create_role(name: &str) -> CreateRole {
    CreateRole {
        name: role_name(name),
        trust: "{}".into(),
        description: String::new(),
        session_max: limits::SESSION_SECONDS_DEFAULT,
        console: true,
        tags: Vec::new(),
    }
}

fn create_policy(name: &str) -> CreatePolicy {
    CreatePolicy {
        name: policy_name(name),
        document: "{}".into(),
        description: String::new(),
        tags: Vec::new(),
    }
}

fn version(rotate: bool, default: bool) -> CreatePolicyVersion {
    CreatePolicyVersion {
        name: policy_name("p"),
        document: "{}".into(),
        default,
        rotate,
    }
}

fn delete(cascade: bool) -> DeletePolicy {
    let name = policy_name("p");
    DeletePolicy { name, cascade }
}

fn attached(policy: PolicyRef) -> Change {
    Change::PolicyAttached {
        at: AT,
        holder: Holder::Role(role(1)),
        policy,
    }
}

#[test]
fn names_are_taken_whatever_their_case() {
    let state = given([role_created(1, "Deploy"), policy_created("Readers")]);
    assert_eq!(state.when(&create_role("dEPLOY")), Err(Refusal::RoleTaken));
    assert_eq!(state.when(&create_policy("READERS")), Err(Refusal::PolicyTaken));
    // A system policy has its name in every account.
    assert_eq!(
        state.when(&create_policy("administratoraccess")),
        Err(Refusal::PolicyTaken)
    );
    assert!(state.when(&create_role("deploy2")).is_ok());
    assert!(state.when(&create_policy("readers-2")).is_ok());
}

#[test]
fn a_role_with_policies_is_not_deleted() {
    let remove = |name| DeleteRole {
        name: role_name(name),
    };
    let state = given([role_created(1, "r"), policy_created("p"), attached(custom("p"))]);
    assert_eq!(state.when(&remove("r")), Err(Refusal::RoleHasPolicies));
    // Names are looked up as they are written.
    assert_eq!(state.when(&remove("R")), Err(Refusal::RoleNotFound));
    let bare = given([role_created(1, "r")]);
    assert_eq!(
        bare.when(&remove("r")),
        Ok(vec![Change::RoleDeleted { role: role(1) }])
    );
}

#[test]
fn versions_are_numbered_for_good_and_the_oldest_idle_one_makes_room() {
    let mut facts = vec![policy_created("p")];
    for _ in 2..=limits::POLICY_VERSIONS_MAX {
        facts.extend(given(facts.clone()).when(&version(false, false)).unwrap());
    }
    let full = given(facts.clone());
    assert_eq!(
        full.when(&version(false, true)),
        Err(Refusal::PolicyVersionsReached)
    );
    // v1 is in force: v2 goes.
    facts.extend(full.when(&version(true, true)).unwrap());
    let rotated = given(facts.clone());
    let row = rotated.policy_named(scope().account, &policy_name("p")).unwrap();
    let shown: Vec<String> = row.versions.iter().map(|row| row.version.to_string()).collect();
    assert_eq!(shown, ["v1", "v3", "v4", "v5", "v6"]);
    assert_eq!(row.default.to_string(), "v6");

    let select = |text: &str| SetDefaultPolicyVersion {
        name: policy_name("p"),
        version: PolicyVersion::parse(text).unwrap(),
    };
    assert_eq!(rotated.when(&select("v2")), Err(Refusal::PolicyVersionNotFound));
    assert_eq!(rotated.when(&select("v6")), Ok(vec![]), "it is already");
    let remove = |text: &str| DeletePolicyVersion {
        name: policy_name("p"),
        version: PolicyVersion::parse(text).unwrap(),
    };
    assert_eq!(rotated.when(&remove("v6")), Err(Refusal::PolicyVersionInForce));
    facts.extend(rotated.when(&remove("v5")).unwrap());
    let after = given(facts.clone()).when(&version(false, false)).unwrap();
    assert!(matches!(&after[..], [Change::PolicyVersionCreated(new)] if new.version.to_string() == "v7"));
}

#[test]
fn a_policy_in_use_or_with_versions_is_not_deleted() {
    let mut facts = vec![role_created(1, "r"), policy_created("p"), attached(custom("p"))];
    let held = given(facts.clone());
    assert_eq!(
        held.when(&delete(true)),
        Err(Refusal::PolicyHeld(HolderKind::Role)),
        "it never detaches"
    );
    facts.extend(held.when(&detach(custom("p"))).unwrap());
    facts.extend(given(facts.clone()).when(&version(false, false)).unwrap());
    let versioned = given(facts);
    assert_eq!(versioned.when(&delete(false)), Err(Refusal::PolicyHasVersions));
    assert!(versioned.when(&delete(true)).is_ok());
}

#[test]
fn attaching_and_detaching_twice_are_errors() {
    let state = given([role_created(1, "r"), policy_created("p")]);
    assert_eq!(
        state.when(&detach(custom("p"))),
        Err(Refusal::NotAttached(HolderKind::Role))
    );
    assert_eq!(state.when(&attach(custom("q"))), Err(Refusal::PolicyNotFound));
    assert_eq!(
        state.when(&attach(PolicyRef::System(policy_name("p")))),
        Err(Refusal::PolicyNotFound)
    );
    let system = PolicyRef::System(policy_name("ReadOnlyAccess"));
    let mut facts = vec![role_created(1, "r"), policy_created("p")];
    for policy in [custom("p"), system] {
        facts.extend(given(facts.clone()).when(&attach(policy.clone())).unwrap());
        assert_eq!(
            given(facts.clone()).when(&attach(policy)),
            Err(Refusal::AttachedAlready(HolderKind::Role))
        );
    }
}

#[test]
fn system_and_custom_policies_are_counted_apart() {
    let mut facts = vec![role_created(1, "r"), policy_created("last")];
    for n in 0..limits::ATTACHED_MAX.1 {
        facts.extend([
            policy_created(&format!("p{n}")),
            attached(custom(&format!("p{n}"))),
        ]);
    }
    let full = given(facts);
    assert_eq!(
        full.when(&attach(custom("last"))),
        Err(Refusal::AttachmentsReached(HolderKind::Role))
    );
    assert!(
        full.when(&attach(PolicyRef::System(policy_name("ReadOnlyAccess"))))
            .is_ok()
    );
}

#[test]
fn tagging_several_is_all_or_nothing() {
    let state = given([role_created(1, "r"), role_created(2, "s")]);
    let tag = |names: &[&str], count: usize| TagIdentities {
        names: TaggedNames::Roles(names.iter().map(|name| role_name(name)).collect()),
        tags: (0..count)
            .map(|n| Tag {
                key: TagKey::parse(&format!("k{n}")).unwrap(),
                value: TagValue::parse("v").unwrap(),
            })
            .collect(),
    };
    assert_eq!(state.when(&tag(&["r", "t"], 1)), Err(Refusal::RoleNotFound));
    assert_eq!(state.when(&tag(&["r"], 21)), Err(Refusal::TagsReached));
    let changes = state.when(&tag(&["s", "r", "s"], 1)).unwrap();
    assert!(matches!(&changes[..], [Change::IdentitiesTagged { entities, .. }]
            if *entities == [Tagged::Role(role(1)), Tagged::Role(role(2))]));
}
