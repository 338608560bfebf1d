//! The accounts of this daemon, and the access keys of their roots.

use super::read::{PAGE_NUMBER_HELP, PAGE_SIZE_HELP, page};
use crate::api::params::Params;
use crate::api::table::{CHANCERY, Param, Request, Row};
use crate::base::{AccessKeyId, AccountId, ApiError, limits};
use crate::engine::query::accounts::ListAccounts;
use crate::engine::{Class, CreateAccount, DeleteRootKey, RotateRootKey, Work};

const ACCOUNT_HELP: &str = "16 digits; default: your own. Another one is the operator's to name";

/// `AccessKeyId` names the key that signs the request.
const ROOT_KEY_ID: &str = "RootKeyId";

/// The family's rows.
pub static ROWS: [Row; 4] = [
    Row::new(
        Class::Command,
        (&CHANCERY, "CreateAccount", "chancery/CreateAccount"),
        "Opens an account whose keys no other account can see; the answer has its root's access key, which is shown once.",
        &[Param::optional(
            "AccountName",
            "what you call it, at most 64 characters",
        )],
        create_account,
    ),
    Row::new(
        Class::Query,
        (&CHANCERY, "ListAccounts", "chancery/ListAccounts"),
        "Lists the accounts and the ids of their roots' access keys.",
        &[
            Param::optional("PageNumber", PAGE_NUMBER_HELP),
            Param::optional("PageSize", PAGE_SIZE_HELP),
        ],
        |request| {
            let page = page(request.params)?;
            Ok(Work::Query(Box::new(ListAccounts { page })))
        },
    ),
    Row::new(
        Class::Command,
        (&CHANCERY, "RotateRootKey", "chancery/RotateRootKey"),
        "Makes another access key for an account's root, which is shown once; a root has two at the most.",
        &[
            Param::optional("AccountId", ACCOUNT_HELP),
            Param::optional(
                "DeleteOthers",
                "true: all its other access keys end in the same moment; default false",
            ),
        ],
        rotate_root_key,
    ),
    Row::new(
        Class::Command,
        (&CHANCERY, "DeleteRootKey", "chancery/DeleteRootKey"),
        "Deletes an access key of an account's root, for good: its secret is erased.",
        &[
            Param::required(ROOT_KEY_ID, "the id of the access key"),
            Param::optional("AccountId", ACCOUNT_HELP),
        ],
        delete_root_key,
    ),
];

fn create_account(request: &Request<'_>) -> Result<Work, ApiError> {
    let name = request.params.optional("AccountName").unwrap_or("");
    if name.chars().count() > limits::ACCOUNT_NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(ApiError::invalid("AccountName"));
    }
    let name = name.to_owned();
    Ok(Work::Command(Box::new(CreateAccount { name })))
}

fn rotate_root_key(request: &Request<'_>) -> Result<Work, ApiError> {
    Ok(Work::Command(Box::new(RotateRootKey {
        account: account(request.params)?,
        delete_others: request.params.optional_bool("DeleteOthers")?.unwrap_or(false),
    })))
}

fn delete_root_key(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let id =
        AccessKeyId::parse(params.required(ROOT_KEY_ID)?).ok_or_else(|| ApiError::invalid(ROOT_KEY_ID))?;
    let account = account(params)?;
    Ok(Work::Command(Box::new(DeleteRootKey { account, id })))
}

fn account(params: &Params) -> Result<Option<AccountId>, ApiError> {
    params
        .optional("AccountId")
        .map(|text| text.parse().map_err(|()| ApiError::invalid("AccountId")))
        .transpose()
}
