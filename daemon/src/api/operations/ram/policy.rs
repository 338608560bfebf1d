//! Custom policies and their versions, and the system policies, which are only looked at.

use super::read::{
    DESCRIPTION_HELP, DOCUMENT_HELP, MARKER_HELP, MAX_ITEMS_HELP, POLICY_HELP, POLICY_TYPE_HELP,
    TAG_FILTER_HELP, TAG_HELP, VERSION_HELP, description, marked, policy, policy_document, policy_ref,
    tag_filters, tags, version,
};
use crate::api::params::Params;
use crate::api::table::{Param, RAM, Request, Row};
use crate::base::{ApiError, PolicyName};
use crate::engine::query::policies::{
    GetPolicy, GetPolicyVersion, ListPolicies, ListPolicyVersions, PolicyType,
};
use crate::engine::{
    Class, CreatePolicy, CreatePolicyVersion, DeletePolicy, DeletePolicyVersion, DescribePolicyAs,
    DocumentKind, PolicyRef, SetDefaultPolicyVersion, Work,
};

/// The family's rows.
pub static ROWS: [Row; 10] = [
    Row::new(
        Class::Command,
        (&RAM, "CreatePolicy", "ram/CreatePolicy"),
        "Makes a custom policy; its document becomes version v1, in force.",
        &[
            Param::required("PolicyName", POLICY_HELP),
            Param::required("PolicyDocument", DOCUMENT_HELP),
            Param::optional("Description", DESCRIPTION_HELP),
            Param::optional("Tag", TAG_HELP),
        ],
        create,
    ),
    Row::new(
        Class::Query,
        (&RAM, "GetPolicy", "ram/GetPolicy"),
        "Describes a policy, with the version in force.",
        &[
            Param::required("PolicyType", POLICY_TYPE_HELP),
            Param::required("PolicyName", POLICY_HELP),
        ],
        |request| {
            let policy = policy_ref(request.params)?;
            Ok(Work::Query(Box::new(GetPolicy { policy })))
        },
    ),
    Row::new(
        Class::Command,
        (&RAM, "UpdatePolicyDescription", "ram/UpdatePolicyDescription"),
        "Replaces the description of a custom policy.",
        &[
            Param::required("PolicyName", POLICY_HELP),
            Param::required(
                "NewDescription",
                "free text, at most 1024 characters; may be empty",
            ),
        ],
        describe,
    ),
    Row::new(
        Class::Command,
        (&RAM, "DeletePolicy", "ram/DeletePolicy"),
        "Deletes a custom policy that is attached to nobody.",
        &[
            Param::required("PolicyName", POLICY_HELP),
            Param::optional(
                "CascadingDelete",
                "true: its other versions go too; default false",
            ),
        ],
        |request| {
            let name = policy(request.params)?;
            let cascade = request.params.optional_bool("CascadingDelete")?.unwrap_or(false);
            Ok(Work::Command(Box::new(DeletePolicy { name, cascade })))
        },
    ),
    Row::new(
        Class::Query,
        (&RAM, "ListPolicies", "ram/ListPolicies"),
        "Lists the policies, system ones first, each kind by name.",
        &[
            Param::optional("PolicyType", "System or Custom; default: both"),
            Param::optional("Marker", MARKER_HELP),
            Param::optional("MaxItems", MAX_ITEMS_HELP),
            Param::optional("Tag", TAG_FILTER_HELP),
        ],
        list,
    ),
    Row::new(
        Class::Command,
        (&RAM, "CreatePolicyVersion", "ram/CreatePolicyVersion"),
        "Adds a version to a custom policy; it has five at the most.",
        &[
            Param::required("PolicyName", POLICY_HELP),
            Param::required("PolicyDocument", DOCUMENT_HELP),
            Param::optional("SetAsDefault", "true: it is in force from now on; default false"),
            Param::optional(
                "RotateStrategy",
                "None, or DeleteOldestNonDefaultVersionWhenLimitExceeded",
            ),
        ],
        create_version,
    ),
    Row::new(
        Class::Query,
        (&RAM, "GetPolicyVersion", "ram/GetPolicyVersion"),
        "Describes a version of a policy.",
        &[
            Param::required("PolicyType", POLICY_TYPE_HELP),
            Param::required("PolicyName", POLICY_HELP),
            Param::required("VersionId", VERSION_HELP),
        ],
        |request| {
            let policy = policy_ref(request.params)?;
            let version = version(request.params)?;
            Ok(Work::Query(Box::new(GetPolicyVersion { policy, version })))
        },
    ),
    Row::new(
        Class::Command,
        (&RAM, "DeletePolicyVersion", "ram/DeletePolicyVersion"),
        "Deletes a version of a custom policy that is not in force.",
        &[
            Param::required("PolicyName", POLICY_HELP),
            Param::required("VersionId", VERSION_HELP),
        ],
        |request| {
            let name = policy(request.params)?;
            let version = version(request.params)?;
            Ok(Work::Command(Box::new(DeletePolicyVersion { name, version })))
        },
    ),
    Row::new(
        Class::Query,
        (&RAM, "ListPolicyVersions", "ram/ListPolicyVersions"),
        "Lists the versions of a policy with their documents, newest first.",
        &[
            Param::required("PolicyType", POLICY_TYPE_HELP),
            Param::required("PolicyName", POLICY_HELP),
        ],
        |request| {
            let policy = policy_ref(request.params)?;
            Ok(Work::Query(Box::new(ListPolicyVersions { policy })))
        },
    ),
    Row::new(
        Class::Command,
        (&RAM, "SetDefaultPolicyVersion", "ram/SetDefaultPolicyVersion"),
        "Puts a version of a custom policy in force.",
        &[
            Param::required("PolicyName", POLICY_HELP),
            Param::required("VersionId", VERSION_HELP),
        ],
        |request| {
            let name = policy(request.params)?;
            let version = version(request.params)?;
            Ok(Work::Command(Box::new(SetDefaultPolicyVersion { name, version })))
        },
    ),
];

fn document(params: &Params) -> Result<String, ApiError> {
    let parameter = "PolicyDocument";
    policy_document(parameter, DocumentKind::Identity, params.required(parameter)?)
}

fn create(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    Ok(Work::Command(Box::new(CreatePolicy {
        name: policy(params)?,
        document: document(params)?,
        description: description(params, "Description")?.unwrap_or_default(),
        tags: tags(params)?,
    })))
}

fn describe(request: &Request<'_>) -> Result<Work, ApiError> {
    let name = policy(request.params)?;
    let parameter = "NewDescription";
    // It may be empty, but it has to be there.
    let description = description(request.params, parameter)?.ok_or_else(|| ApiError::missing(parameter))?;
    Ok(Work::Command(Box::new(DescribePolicyAs { name, description })))
}

fn create_version(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let rotate = match params.optional("RotateStrategy") {
        None | Some("None") => false,
        Some("DeleteOldestNonDefaultVersionWhenLimitExceeded") => true,
        Some(_) => {
            return Err(ApiError::invalid_part(
                "RotateStrategy",
                "it must be None or DeleteOldestNonDefaultVersionWhenLimitExceeded",
            ));
        }
    };
    Ok(Work::Command(Box::new(CreatePolicyVersion {
        name: policy(params)?,
        document: document(params)?,
        default: params.optional_bool("SetAsDefault")?.unwrap_or(false),
        rotate,
    })))
}

fn list(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let kind = match params.optional("PolicyType") {
        None => None,
        Some("System") => Some(PolicyType::System),
        Some("Custom") => Some(PolicyType::Custom),
        Some(_) => {
            return Err(ApiError::invalid_part(
                "PolicyType",
                "it must be System or Custom",
            ));
        }
    };
    Ok(Work::Query(Box::new(ListPolicies {
        kind,
        page: marked(params, "ListPolicies", marked_policy)?,
        tags: tag_filters(params)?,
    })))
}

/// `System/NAME` or `Custom/NAME`.
fn marked_policy(text: &str) -> Option<PolicyRef> {
    let (kind, name) = text.split_once('/')?;
    let name = PolicyName::parse(name).ok()?;
    match kind {
        "System" => Some(PolicyRef::System(name)),
        "Custom" => Some(PolicyRef::Custom(name)),
        _ => None,
    }
}
