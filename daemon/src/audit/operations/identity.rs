//! What a replay knows of the operations on roles, policies, and sessions, and of the policies of keys.

use super::{Kind, Reach, Rule, always, perhaps, plain, reaching, system};

/// Every one of them.
pub(super) static RULES: &[Rule] = &[
    perhaps("kms/SetKeyPolicy", &["KeyPolicySet"]),
    plain("kms/GetKeyPolicy", Kind::Query),
    always("ram/CreateRole", &["RoleCreated"]),
    always("ram/UpdateRole", &["RoleUpdated"]),
    always("ram/DeleteRole", &["RoleDeleted"]),
    plain("ram/GetRole", Kind::Query),
    plain("ram/ListRoles", Kind::Query),
    always("ram/CreatePolicy", &["PolicyCreated"]),
    always("ram/UpdatePolicyDescription", &["PolicyDescribed"]),
    always("ram/DeletePolicy", &["PolicyDeleted"]),
    always("ram/CreatePolicyVersion", &["PolicyVersionCreated"]),
    always("ram/DeletePolicyVersion", &["PolicyVersionDeleted"]),
    perhaps("ram/SetDefaultPolicyVersion", &["PolicyDefaultSet"]),
    plain("ram/GetPolicy", Kind::Query),
    plain("ram/GetPolicyVersion", Kind::Query),
    plain("ram/ListPolicies", Kind::Query),
    plain("ram/ListPolicyVersions", Kind::Query),
    always("ram/AttachPolicyToUser", &["PolicyAttached"]),
    always("ram/AttachPolicyToGroup", &["PolicyAttached"]),
    always("ram/AttachPolicyToRole", &["PolicyAttached"]),
    always("ram/DetachPolicyFromUser", &["PolicyDetached"]),
    always("ram/DetachPolicyFromGroup", &["PolicyDetached"]),
    always("ram/DetachPolicyFromRole", &["PolicyDetached"]),
    plain("ram/ListPoliciesForUser", Kind::Query),
    plain("ram/ListPoliciesForGroup", Kind::Query),
    plain("ram/ListPoliciesForRole", Kind::Query),
    plain("ram/ListEntitiesForPolicy", Kind::Query),
    perhaps("ram/TagResources", &["IdentitiesTagged"]),
    perhaps("ram/UntagResources", &["IdentitiesUntagged"]),
    plain("ram/ListTagResources", Kind::Query),
    plain("ram/ListVirtualMFADevices", Kind::Query),
    plain("ram/GetPasswordPolicy", Kind::Query),
    plain("ram/GetSecurityPreference", Kind::Query),
    reaching(Reach::Role, always("sts/AssumeRole", &["SessionOpened"])),
    Rule {
        open: true,
        ..plain("sts/GetCallerIdentity", Kind::Query)
    },
    Rule {
        always: false,
        ..system("chancery/ForgetSessions", &["SessionsExpired"])
    },
];
