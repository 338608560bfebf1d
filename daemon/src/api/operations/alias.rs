//! Aliases.

use super::{KEY_ID_HELP, PAGE_NUMBER_HELP, PAGE_SIZE_HELP, alias_name, key_by_id, page};
use crate::api::table::{Handler, KMS, Param, Request, Row};
use crate::base::ApiError;
use crate::engine::query::aliases::ListAliases;
use crate::engine::{Class, CreateAlias, DeleteAlias, Lane, UpdateAlias, Work};

const NAME_HELP: &str = "alias/ and 1 to 255 of letters, digits, _, / and -; not under alias/acs";

/// The family's rows.
pub static ROWS: [Row; 4] = [
    row(
        "CreateAlias",
        "kms/CreateAlias",
        Class::Command,
        "Binds a new alias to a key.",
        &[
            Param::required("AliasName", NAME_HELP),
            Param::required("KeyId", KEY_ID_HELP),
        ],
        create_alias,
    ),
    row(
        "UpdateAlias",
        "kms/UpdateAlias",
        Class::Command,
        "Points an existing alias at another key.",
        &[
            Param::required("AliasName", NAME_HELP),
            Param::required("KeyId", KEY_ID_HELP),
        ],
        update_alias,
    ),
    row(
        "DeleteAlias",
        "kms/DeleteAlias",
        Class::Command,
        "Deletes an alias; its key is untouched.",
        &[Param::required("AliasName", NAME_HELP)],
        |request| {
            let alias = alias_name(request.params)?;
            Ok(Work::Command(Box::new(DeleteAlias { alias })))
        },
    ),
    row(
        "ListAliases",
        "kms/ListAliases",
        Class::Query,
        "Lists the aliases of the account in the region, by name.",
        &[
            Param::optional("PageNumber", PAGE_NUMBER_HELP),
            Param::optional("PageSize", PAGE_SIZE_HELP),
        ],
        |request| {
            let page = page(request.params)?;
            Ok(Work::Query(Box::new(ListAliases { page })))
        },
    ),
];

const fn row(
    action: &'static str,
    op: &'static str,
    class: Class,
    summary: &'static str,
    params: &'static [Param],
    handler: Handler,
) -> Row {
    Row {
        product: &KMS,
        action,
        op,
        class,
        lane: Lane::Short,
        open: false,
        summary,
        params,
        handler,
    }
}

fn create_alias(request: &Request<'_>) -> Result<Work, ApiError> {
    request.params.required("KeyId")?;
    let alias = alias_name(request.params)?;
    let key = key_by_id(request.params)?;
    Ok(Work::Command(Box::new(CreateAlias { alias, key })))
}

fn update_alias(request: &Request<'_>) -> Result<Work, ApiError> {
    request.params.required("KeyId")?;
    let alias = alias_name(request.params)?;
    let key = key_by_id(request.params)?;
    Ok(Work::Command(Box::new(UpdateAlias { alias, key })))
}
