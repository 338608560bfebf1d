//! Access keys of users and of the account's root, and what the account calls itself.

use super::read::{name, user};
use crate::api::table::{Param, RAM, Request, Row};
use crate::base::{AccessKeyId, AccountAlias, ApiError};
use crate::engine::query::access_keys::{GetAccessKeyLastUsed, GetAccountAlias, ListAccessKeys};
use crate::engine::{
    ActorKind, Class, CreateAccessKey, DeleteAccessKey, KeyOwner, SetAccountAlias, UpdateAccessKey, Work,
};

const OWNER_HELP: &str = "whose; default: your own";
const ID: &str = "UserAccessKeyId";
const ID_HELP: &str = "the id of the access key";

/// The family's rows.
pub static ROWS: [Row; 8] = [
    Row::new(
        Class::Command,
        (&RAM, "CreateAccessKey", "ram/CreateAccessKey"),
        "Makes an access key, whose secret is shown once; a user has two at the most, and so has root.",
        &[Param::optional("UserName", OWNER_HELP)],
        |request| {
            let owner = owner(request)?;
            Ok(Work::Command(Box::new(CreateAccessKey { owner })))
        },
    ),
    Row::new(
        Class::Command,
        (&RAM, "UpdateAccessKey", "ram/UpdateAccessKey"),
        "Switches an access key off or on.",
        &[
            Param::optional("UserName", OWNER_HELP),
            Param::required(ID, ID_HELP),
            Param::required("Status", "Active or Inactive"),
        ],
        update,
    ),
    Row::new(
        Class::Command,
        (&RAM, "DeleteAccessKey", "ram/DeleteAccessKey"),
        "Deletes an access key for good: its secret is erased.",
        &[
            Param::optional("UserName", OWNER_HELP),
            Param::required(ID, ID_HELP),
        ],
        |request| {
            let (owner, id) = (owner(request)?, id(request)?);
            Ok(Work::Command(Box::new(DeleteAccessKey { owner, id })))
        },
    ),
    Row::new(
        Class::Query,
        (&RAM, "ListAccessKeys", "ram/ListAccessKeys"),
        "Lists access keys without their secrets, oldest first.",
        &[Param::optional("UserName", OWNER_HELP)],
        |request| {
            let owner = owner(request)?;
            Ok(Work::Query(Box::new(ListAccessKeys { owner })))
        },
    ),
    Row::new(
        Class::Query,
        (&RAM, "GetAccessKeyLastUsed", "ram/GetAccessKeyLastUsed"),
        "Says when an access key last signed a call, also one that was denied.",
        &[
            Param::optional("UserName", OWNER_HELP),
            Param::required(ID, ID_HELP),
        ],
        |request| {
            let (owner, id) = (owner(request)?, id(request)?);
            Ok(Work::Query(Box::new(GetAccessKeyLastUsed { owner, id })))
        },
    )
    // It may have to read the log.
    .long(),
    Row::new(
        Class::Command,
        (&RAM, "SetAccountAlias", "ram/SetAccountAlias"),
        "Says what the account calls itself, instead of what it did before.",
        &[Param::required(
            "AccountAlias",
            "3 to 63 of a-z 0-9 and single hyphens inside",
        )],
        |request| {
            let alias = Some(name(request.params, "AccountAlias", AccountAlias::parse)?);
            Ok(Work::Command(Box::new(SetAccountAlias { alias })))
        },
    ),
    Row::new(
        Class::Query,
        (&RAM, "GetAccountAlias", "ram/GetAccountAlias"),
        "Says what the account calls itself.",
        &[],
        |_| Ok(Work::Query(Box::new(GetAccountAlias))),
    ),
    Row::new(
        Class::Command,
        (&RAM, "ClearAccountAlias", "ram/ClearAccountAlias"),
        "Takes the account's alias away.",
        &[],
        |_| Ok(Work::Command(Box::new(SetAccountAlias { alias: None }))),
    ),
];

/// Whose access keys: the user's who is named, else the caller's own. A session has none.
fn owner(request: &Request<'_>) -> Result<KeyOwner, ApiError> {
    if request.params.optional("UserName").is_some() {
        return user(request.params).map(KeyOwner::Named);
    }
    match (request.actor.kind, request.actor.user_id()) {
        (ActorKind::Root, _) => Ok(KeyOwner::Root),
        (_, Some(caller)) => Ok(KeyOwner::Caller(caller)),
        _ => Err(ApiError::missing("UserName")),
    }
}

fn id(request: &Request<'_>) -> Result<AccessKeyId, ApiError> {
    AccessKeyId::parse(request.params.required(ID)?)
        .ok_or_else(|| ApiError::invalid_part(format!("{ID}.InvalidChars"), "it can be no access key's"))
}

fn update(request: &Request<'_>) -> Result<Work, ApiError> {
    let (owner, id) = (owner(request)?, id(request)?);
    let active = match request.params.required("Status")? {
        "Active" => true,
        "Inactive" => false,
        _ => return Err(ApiError::invalid_part("Status", "it must be Active or Inactive")),
    };
    Ok(Work::Command(Box::new(UpdateAccessKey { owner, id, active })))
}
