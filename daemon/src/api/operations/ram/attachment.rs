//! Which policies are attached to whom.

use super::read::{POLICY_HELP, POLICY_TYPE_HELP, ROLE_HELP, policy_ref, role};
use crate::api::params::Params;
use crate::api::table::{Param, RAM, Request, Row};
use crate::base::{ApiError, Code};
use crate::engine::query::attachments::{ListEntitiesForPolicy, ListPoliciesFor};
use crate::engine::{AttachPolicy, Class, DetachPolicy, HolderName, Work};

const GROUP_RESOURCE_HELP: &str = "not supported: policies are attached for the whole account";

/// Reads who is meant.
type Holder = fn(&Params) -> Result<HolderName, ApiError>;

const USER: Param = Param::required("UserName", super::read::USER_HELP);
const GROUP: Param = Param::required("GroupName", super::read::GROUP_HELP);
const ROLE: Param = Param::required("RoleName", ROLE_HELP);
const KIND: Param = Param::required("PolicyType", POLICY_TYPE_HELP);
const POLICY: Param = Param::required("PolicyName", POLICY_HELP);
const RESOURCE_GROUP: Param = Param::optional("ResourceGroupId", GROUP_RESOURCE_HELP);

/// The family's rows.
pub static ROWS: [Row; 10] = [
    Row::new(
        Class::Command,
        (&RAM, "AttachPolicyToUser", "ram/AttachPolicyToUser"),
        "Gives a user what a policy allows.",
        &[KIND, POLICY, USER, RESOURCE_GROUP],
        |request| attach(request, user),
    ),
    Row::new(
        Class::Command,
        (&RAM, "AttachPolicyToGroup", "ram/AttachPolicyToGroup"),
        "Gives the members of a group what a policy allows.",
        &[KIND, POLICY, GROUP, RESOURCE_GROUP],
        |request| attach(request, group),
    ),
    Row::new(
        Class::Command,
        (&RAM, "AttachPolicyToRole", "ram/AttachPolicyToRole"),
        "Gives the sessions of a role what a policy allows.",
        &[KIND, POLICY, ROLE, RESOURCE_GROUP],
        |request| attach(request, holder_role),
    ),
    Row::new(
        Class::Command,
        (&RAM, "DetachPolicyFromUser", "ram/DetachPolicyFromUser"),
        "Takes a policy off a user.",
        &[KIND, POLICY, USER, RESOURCE_GROUP],
        |request| detach(request, user),
    ),
    Row::new(
        Class::Command,
        (&RAM, "DetachPolicyFromGroup", "ram/DetachPolicyFromGroup"),
        "Takes a policy off a group.",
        &[KIND, POLICY, GROUP, RESOURCE_GROUP],
        |request| detach(request, group),
    ),
    Row::new(
        Class::Command,
        (&RAM, "DetachPolicyFromRole", "ram/DetachPolicyFromRole"),
        "Takes a policy off a role.",
        &[KIND, POLICY, ROLE, RESOURCE_GROUP],
        |request| detach(request, holder_role),
    ),
    Row::new(
        Class::Query,
        (&RAM, "ListPoliciesForUser", "ram/ListPoliciesForUser"),
        "Lists what is attached to a user itself, not to its groups.",
        &[USER],
        |request| list(request, user),
    ),
    Row::new(
        Class::Query,
        (&RAM, "ListPoliciesForGroup", "ram/ListPoliciesForGroup"),
        "Lists what is attached to a group.",
        &[GROUP],
        |request| list(request, group),
    ),
    Row::new(
        Class::Query,
        (&RAM, "ListPoliciesForRole", "ram/ListPoliciesForRole"),
        "Lists what is attached to a role.",
        &[ROLE],
        |request| list(request, holder_role),
    ),
    Row::new(
        Class::Query,
        (&RAM, "ListEntitiesForPolicy", "ram/ListEntitiesForPolicy"),
        "Lists the users, groups and roles that a policy is attached to.",
        &[KIND, POLICY],
        |request| {
            let policy = policy_ref(request.params)?;
            Ok(Work::Query(Box::new(ListEntitiesForPolicy { policy })))
        },
    ),
];

fn user(params: &Params) -> Result<HolderName, ApiError> {
    super::read::user(params).map(HolderName::User)
}

fn group(params: &Params) -> Result<HolderName, ApiError> {
    super::read::group(params).map(HolderName::Group)
}

fn holder_role(params: &Params) -> Result<HolderName, ApiError> {
    role(params).map(HolderName::Role)
}

fn attach(request: &Request<'_>, holder: Holder) -> Result<Work, ApiError> {
    let params = request.params;
    let (policy, holder) = (policy_ref(params)?, holder(params)?);
    account_wide(params)?;
    Ok(Work::Command(Box::new(AttachPolicy { holder, policy })))
}

fn detach(request: &Request<'_>, holder: Holder) -> Result<Work, ApiError> {
    let params = request.params;
    let (policy, holder) = (policy_ref(params)?, holder(params)?);
    account_wide(params)?;
    Ok(Work::Command(Box::new(DetachPolicy { holder, policy })))
}

/// A grant for a part of the account that became one for all of it would be more than was asked for.
fn account_wide(params: &Params) -> Result<(), ApiError> {
    match params.optional("ResourceGroupId") {
        None => Ok(()),
        Some(_) => Err(ApiError::with_message(
            Code::UnsupportedOperation,
            "ResourceGroupId is not supported.",
        )),
    }
}

fn list(request: &Request<'_>, holder: Holder) -> Result<Work, ApiError> {
    let holder = holder(request.params)?;
    Ok(Work::Query(Box::new(ListPoliciesFor { holder })))
}
