//! The families of operations. Each file has the rows of its family and the handlers that read their parameters.

pub mod alias;
pub mod cipher;
pub mod key;
pub mod log;
pub mod region;

use super::params::Params;
use super::table::Row;
use crate::base::arn::KeyArn;
use crate::base::{AliasName, ApiError, Code, KeyId, limits};
use crate::engine::KeyRef;
use crate::engine::query::page::Page;

/// Every family, in the order in which people meet them.
pub static FAMILIES: [&[Row]; 5] = [&key::ROWS, &cipher::ROWS, &alias::ROWS, &region::ROWS, &log::ROWS];

const KEY_ID_HELP: &str = "key id";
const ANY_KEY_HELP: &str = "key id, alias/NAME, or key ARN";
const CONTEXT_HELP: &str =
    "JSON object of strings, at most 8192 characters; the same one is needed to decrypt";
const PAGE_NUMBER_HELP: &str = "from 1; default 1";
const PAGE_SIZE_HELP: &str = "1 to 100; default 10";

/// A key by id alone (wire contract, section 3.4).
fn key_by_id(params: &Params) -> Result<KeyRef, ApiError> {
    let text = params.required("KeyId")?;
    if text.starts_with(AliasName::PREFIX) {
        return Err(Code::AliasNotAccepted.into());
    }
    if text.starts_with("acs:") {
        return Err(ApiError::invalid_because(
            "KeyId",
            "this operation takes a key id, not an ARN",
        ));
    }
    Ok(KeyId::parse(text).map_or(KeyRef::Unknown, KeyRef::Id))
}

/// A key by id, alias or ARN.
fn key_by_any(params: &Params) -> Result<KeyRef, ApiError> {
    let text = params.required("KeyId")?;
    if text.starts_with(AliasName::PREFIX) {
        return AliasName::parse(text)
            .map(KeyRef::Alias)
            .ok_or_else(|| ApiError::invalid("KeyId"));
    }
    if text.starts_with("acs:") {
        return KeyArn::parse(text)
            .map(KeyRef::Arn)
            .ok_or_else(|| ApiError::invalid("KeyId"));
    }
    Ok(KeyId::parse(text).map_or(KeyRef::Unknown, KeyRef::Id))
}

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

/// Which page of a list.
fn page(params: &Params) -> Result<Page, ApiError> {
    let default = Page::default();
    Ok(Page {
        number: params
            .optional_integer("PageNumber", 1..=u64::from(u32::MAX))?
            .unwrap_or(default.number),
        size: params
            .optional_integer("PageSize", 1..=limits::PAGE_SIZE_MAX)?
            .unwrap_or(default.size),
    })
}

/// DryRun is not offered yet; a caller who asks for it must not get the real thing.
fn refuse_dry_run(params: &Params) -> Result<(), ApiError> {
    if params.optional_bool("DryRun")? == Some(true) {
        return Err(ApiError::with_message(
            Code::UnsupportedOperation,
            "DryRun is not supported.",
        ));
    }
    Ok(())
}

/// Answers to attested enclaves are not offered; the plaintext must not leave unwrapped instead.
fn refuse_recipient(params: &Params) -> Result<(), ApiError> {
    if params.optional("Recipient").is_some() {
        return Err(ApiError::with_message(
            Code::UnsupportedOperation,
            "Recipient is not supported.",
        ));
    }
    Ok(())
}
