//! Aliases.

use super::read::{KEY_ID_HELP, PAGE_NUMBER_HELP, PAGE_SIZE_HELP, key_by_id, page};
use crate::api::params::Params;
use crate::api::table::{KMS, Param, Request, Row};
use crate::base::{AliasName, ApiError};
use crate::engine::query::aliases::{ListAliases, ListAliasesByKeyId};
use crate::engine::{Class, CreateAlias, DeleteAlias, UpdateAlias, Work};

const NAME: Param = Param::required(
    "AliasName",
    "alias/ and 1 to 255 of letters, digits, _, / and -; not under alias/acs",
);
const PAGE_NUMBER: Param = Param::optional("PageNumber", PAGE_NUMBER_HELP);
const PAGE_SIZE: Param = Param::optional("PageSize", PAGE_SIZE_HELP);

/// The family's rows.
pub static ROWS: [Row; 5] = [
    Row::new(
        Class::Command,
        (&KMS, "CreateAlias", "kms/CreateAlias"),
        "Binds a new alias to a key.",
        &[NAME, Param::required("KeyId", KEY_ID_HELP)],
        create_alias,
    ),
    Row::new(
        Class::Command,
        (&KMS, "UpdateAlias", "kms/UpdateAlias"),
        "Points an existing alias at another key.",
        &[NAME, Param::required("KeyId", KEY_ID_HELP)],
        update_alias,
    ),
    Row::new(
        Class::Command,
        (&KMS, "DeleteAlias", "kms/DeleteAlias"),
        "Deletes an alias; its key is untouched.",
        &[NAME],
        |request| {
            let alias = alias_name(request.params)?;
            Ok(Work::Command(Box::new(DeleteAlias { alias })))
        },
    ),
    Row::new(
        Class::Query,
        (&KMS, "ListAliases", "kms/ListAliases"),
        "Lists the aliases of the account in the region, by name.",
        &[PAGE_NUMBER, PAGE_SIZE],
        |request| {
            let page = page(request.params)?;
            Ok(Work::Query(Box::new(ListAliases { page })))
        },
    ),
    Row::new(
        Class::Query,
        (&KMS, "ListAliasesByKeyId", "kms/ListAliasesByKeyId"),
        "Lists the aliases of one key, by name.",
        &[Param::required("KeyId", KEY_ID_HELP), PAGE_NUMBER, PAGE_SIZE],
        |request| {
            let key = key_by_id(request.params)?;
            let page = page(request.params)?;
            Ok(Work::Query(Box::new(ListAliasesByKeyId { key, page })))
        },
    ),
];

/// An alias that is not kept for services.
fn alias_name(params: &Params) -> Result<AliasName, ApiError> {
    let name = params.required_as("AliasName", AliasName::parse)?;
    if name.is_reserved() {
        return Err(ApiError::invalid_because(
            "AliasName",
            "alias/acs is reserved for services",
        ));
    }
    Ok(name)
}

fn create_alias(request: &Request<'_>) -> Result<Work, ApiError> {
    request.params.required("KeyId")?;
    let alias = alias_name(request.params)?;
    let key = key_by_id(request.params)?;
    let quota = request.quotas.aliases;
    Ok(Work::Command(Box::new(CreateAlias { alias, key, quota })))
}

fn update_alias(request: &Request<'_>) -> Result<Work, ApiError> {
    request.params.required("KeyId")?;
    let alias = alias_name(request.params)?;
    let key = key_by_id(request.params)?;
    Ok(Work::Command(Box::new(UpdateAlias { alias, key })))
}
