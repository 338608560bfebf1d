//! Roles.

use super::read::{
    DESCRIPTION_HELP, MARKER_HELP, MAX_ITEMS_HELP, ROLE_HELP, TAG_FILTER_HELP, TAG_HELP, TRUST_HELP,
    description, marked, policy_document, role, tag_filters, tags,
};
use crate::api::params::Params;
use crate::api::table::{Param, RAM, Request, Row};
use crate::base::{ApiError, RoleName, limits};
use crate::engine::query::roles::{GetRole, ListRoles};
use crate::engine::{Class, CreateRole, DeleteRole, DocumentKind, UpdateRole, Work};

const SESSION_HELP: &str = "the longest session, 3600 to 43200 seconds";
const CONSOLE_HELP: &str = "true or false; kept, without effect here";

/// The family's rows.
pub static ROWS: [Row; 5] = [
    Row::new(
        Class::Command,
        (&RAM, "CreateRole", "ram/CreateRole"),
        "Makes a role, which whoever its trust policy names may assume for a while.",
        &[
            Param::required("RoleName", ROLE_HELP),
            Param::required("AssumeRolePolicyDocument", TRUST_HELP),
            Param::optional("Description", DESCRIPTION_HELP),
            Param::optional("MaxSessionDuration", SESSION_HELP),
            Param::optional("AllowConsoleLogin", CONSOLE_HELP),
            Param::optional("Tag", TAG_HELP),
        ],
        create,
    ),
    Row::new(
        Class::Query,
        (&RAM, "GetRole", "ram/GetRole"),
        "Describes a role, with its trust policy.",
        &[Param::required("RoleName", ROLE_HELP)],
        |request| {
            let name = role(request.params)?;
            Ok(Work::Query(Box::new(GetRole { name })))
        },
    ),
    Row::new(
        Class::Command,
        (&RAM, "UpdateRole", "ram/UpdateRole"),
        "Changes a role; what is left out stays.",
        &[
            Param::required("RoleName", ROLE_HELP),
            Param::optional("NewAssumeRolePolicyDocument", TRUST_HELP),
            Param::optional("NewDescription", DESCRIPTION_HELP),
            Param::optional("NewMaxSessionDuration", SESSION_HELP),
            Param::optional("NewAllowConsoleLogin", CONSOLE_HELP),
        ],
        update,
    ),
    Row::new(
        Class::Command,
        (&RAM, "DeleteRole", "ram/DeleteRole"),
        "Deletes a role that has no policies; its sessions end.",
        &[Param::required("RoleName", ROLE_HELP)],
        |request| {
            let name = role(request.params)?;
            Ok(Work::Command(Box::new(DeleteRole { name })))
        },
    ),
    Row::new(
        Class::Query,
        (&RAM, "ListRoles", "ram/ListRoles"),
        "Lists the roles, without their trust policies, by name.",
        &[
            Param::optional("Marker", MARKER_HELP),
            Param::optional("MaxItems", MAX_ITEMS_HELP),
            Param::optional("Tag", TAG_FILTER_HELP),
        ],
        list,
    ),
];

fn create(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let name = role(params)?;
    if name.is_reserved() {
        return Err(ApiError::invalid_part(
            "RoleName.InvalidChars",
            "this beginning is kept for roles of services",
        ));
    }
    let parameter = "AssumeRolePolicyDocument";
    let trust = policy_document(parameter, DocumentKind::Trust, params.required(parameter)?)?;
    Ok(Work::Command(Box::new(CreateRole {
        name,
        trust,
        description: description(params, "Description")?.unwrap_or_default(),
        session_max: session_max(params, "MaxSessionDuration")?.unwrap_or(limits::SESSION_SECONDS_DEFAULT),
        console: params.optional_bool("AllowConsoleLogin")?.unwrap_or(true),
        tags: tags(params)?,
    })))
}

fn update(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let name = role(params)?;
    let parameter = "NewAssumeRolePolicyDocument";
    let trust = params
        .optional(parameter)
        .map(|text| policy_document(parameter, DocumentKind::Trust, text));
    Ok(Work::Command(Box::new(UpdateRole {
        name,
        trust: trust.transpose()?,
        description: description(params, "NewDescription")?,
        session_max: session_max(params, "NewMaxSessionDuration")?,
        console: params.optional_bool("NewAllowConsoleLogin")?,
    })))
}

fn session_max(params: &Params, parameter: &'static str) -> Result<Option<u64>, ApiError> {
    let (least, most) = (limits::SESSION_SECONDS_DEFAULT, limits::SESSION_SECONDS_MAX);
    params
        .optional_integer(parameter, least..=most)
        .map_err(|error| ApiError {
            part: Some(format!("{parameter}.Range").into()),
            ..error
        })
}

fn list(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    Ok(Work::Query(Box::new(ListRoles {
        page: marked(params, "ListRoles", |name| RoleName::parse(name).ok())?,
        tags: tag_filters(params)?,
    })))
}
