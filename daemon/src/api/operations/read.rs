//! Parameters that several families have: how they are read, and what the help says of them.

use crate::api::params::Params;
use crate::base::arn::KeyArn;
use crate::base::{AliasName, ApiError, Code, KeyId, limits};
use crate::engine::KeyRef;
use crate::engine::query::page::Page;

pub(super) const KEY_ID_HELP: &str = "key id";
pub(super) const ANY_KEY_HELP: &str = "key id, alias/NAME, or key ARN";
pub(super) const CONTEXT_HELP: &str =
    "JSON object of strings, at most 8192 characters; the same one is needed to decrypt";
pub(super) const PAGE_NUMBER_HELP: &str = "from 1; default 1";
pub(super) const PAGE_SIZE_HELP: &str = "1 to 100; default 10";
pub(super) const DRY_RUN_HELP: &str = "true: only say whether it would succeed, as an error";

/// A key by id alone (wire contract, section 3.4).
pub(super) fn key_by_id(params: &Params) -> Result<KeyRef, ApiError> {
    id_only("KeyId", params.required("KeyId")?)
}

/// The same, from the parameter `name`.
pub(super) fn id_only(name: &str, text: &str) -> Result<KeyRef, ApiError> {
    if text.starts_with(AliasName::PREFIX) {
        return Err(Code::AliasNotAccepted.into());
    }
    if text.starts_with("acs:") {
        return Err(ApiError::invalid_because(
            name,
            "this operation takes a key id, not an ARN",
        ));
    }
    Ok(KeyId::parse(text).map_or(KeyRef::Unknown, KeyRef::Id))
}

/// A key by id, alias or ARN.
pub(super) fn key_by_any(params: &Params, name: &str) -> Result<KeyRef, ApiError> {
    let text = params.required(name)?;
    if text.starts_with("acs:") {
        return KeyArn::parse(text)
            .map(KeyRef::Arn)
            .ok_or_else(|| ApiError::invalid(name));
    }
    by_id_or_alias(name, text)
}

/// A key by id or alias.
pub(super) fn key_by_id_or_alias(params: &Params) -> Result<KeyRef, ApiError> {
    let text = params.required("KeyId")?;
    if text.starts_with("acs:") {
        return Err(ApiError::invalid_because(
            "KeyId",
            "this operation takes a key id or an alias, not an ARN",
        ));
    }
    by_id_or_alias("KeyId", text)
}

/// A key by id or ARN.
pub(super) fn key_by_id_or_arn(params: &Params, name: &str) -> Result<KeyRef, ApiError> {
    let text = params.required(name)?;
    if text.starts_with("acs:") {
        return KeyArn::parse(text)
            .map(KeyRef::Arn)
            .ok_or_else(|| ApiError::invalid(name));
    }
    id_only(name, text)
}

fn by_id_or_alias(name: &str, text: &str) -> Result<KeyRef, ApiError> {
    if text.starts_with(AliasName::PREFIX) {
        return AliasName::parse(text)
            .map(KeyRef::Alias)
            .ok_or_else(|| ApiError::invalid(name));
    }
    Ok(KeyId::parse(text).map_or(KeyRef::Unknown, KeyRef::Id))
}

/// Which page of a list.
pub(super) fn page(params: &Params) -> Result<Page, ApiError> {
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

/// What is not offered is refused, not ignored: the caller would get something else than what was asked for.
pub(super) fn refuse(params: &Params, names: &[&str]) -> Result<(), ApiError> {
    match names.iter().find(|name| params.optional(name).is_some()) {
        Some(name) => Err(ApiError::with_message(
            Code::UnsupportedOperation,
            format!("{name} is not supported."),
        )),
        None => Ok(()),
    }
}

/// `Name.1`, `Name.2`, ...: from 1, without gaps, at most `most`.
pub(super) fn repeated<'a>(
    params: &'a Params,
    name: &str,
    part: &str,
    most: usize,
) -> Result<Vec<&'a str>, ApiError> {
    let mut values = Vec::new();
    while let Some(value) = params.get(&format!("{name}.{}{part}", values.len() + 1)) {
        if values.len() == most {
            return Err(ApiError::invalid_because(
                name,
                &format!("at most {most} are accepted"),
            ));
        }
        values.push(value);
    }
    // A gap would leave out what comes after it without a word.
    let prefix = format!("{name}.");
    let given = params.iter().filter(|(other, _)| {
        let numbered = other
            .strip_prefix(&prefix)
            .and_then(|rest| rest.strip_suffix(part));
        numbered.is_some_and(|number| number.parse::<usize>().is_ok())
    });
    if given.count() != values.len() {
        return Err(ApiError::invalid_because(name, "number them from 1 without gaps"));
    }
    Ok(values)
}
