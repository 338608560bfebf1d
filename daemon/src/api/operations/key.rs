//! Keys made and looked at.

use serde::Deserialize;

use super::read::{ANY_KEY_HELP, PAGE_NUMBER_HELP, PAGE_SIZE_HELP, key_by_any, page, refuse};
use super::rotation::interval;
use super::tags::tags_of_json;
use crate::api::params::Params;
use crate::api::table::{KMS, Param, Request, Row};
use crate::base::{ApiError, Code, Digest, KeyOrigin, KeySpec, KeyUsage, ProtectionLevel, limits};
use crate::engine::query::key_filter::{Filter, Filters};
use crate::engine::query::keys::{DescribeKey, ListKeys};
use crate::engine::{Class, ClientToken, CreateKey, CreateUnsupportedKey, Refusal, Work};

/// The family's rows.
pub static ROWS: [Row; 3] = [
    Row::new(
        Class::Command,
        (&KMS, "CreateKey", "kms/CreateKey"),
        "Makes a key with its first version.",
        &[
            Param::optional("KeySpec", "Aliyun_AES_256 (default) or Aliyun_SM4"),
            Param::optional("KeyUsage", "ENCRYPT/DECRYPT (default for symmetric keys)"),
            Param::optional("Origin", "Aliyun_KMS (default)"),
            Param::optional("ProtectionLevel", "SOFTWARE (default)"),
            Param::optional("Description", "free text, at most 8192 characters"),
            Param::optional("EnableAutomaticRotation", "true or false (default)"),
            Param::optional(
                "RotationInterval",
                "7d to 730d, also in h, m or s; needed when rotation is enabled",
            ),
            Param::optional(
                "Tags",
                "JSON: [{\"TagKey\":\"k\",\"TagValue\":\"v\"}], at most 20",
            ),
            Param::optional(
                "ClientToken",
                "1 to 64 characters; the same call with it within 24 hours gives the same key",
            ),
        ],
        create_key,
    )
    // Making a key may wait for the vault's disk.
    .long(),
    Row::new(
        Class::Query,
        (&KMS, "DescribeKey", "kms/DescribeKey"),
        "Shows the metadata of a key.",
        &[Param::required("KeyId", ANY_KEY_HELP)],
        |request| {
            let key = key_by_any(request.params, "KeyId")?;
            Ok(Work::Query(Box::new(DescribeKey { key })))
        },
    ),
    Row::new(
        Class::Query,
        (&KMS, "ListKeys", "kms/ListKeys"),
        "Lists the keys of the account in the region, newest first.",
        &[
            Param::optional(
                "Filters",
                "JSON: [{\"Key\":\"KeyState\",\"Values\":[\"Enabled\"]}]; keys also KeySpec, KeyUsage, ProtectionLevel, CreatorType, AliasName, Creator, TagKey, TagValue",
            ),
            Param::optional("PageNumber", PAGE_NUMBER_HELP),
            Param::optional("PageSize", PAGE_SIZE_HELP),
        ],
        list_keys,
    ),
];

fn create_key(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let spec = params
        .optional_as("KeySpec", KeySpec::parse)?
        .unwrap_or(KeySpec::Aes256);
    let usage = params
        .optional_as("KeyUsage", any_usage)?
        .unwrap_or(Some(spec.default_usage()));
    let origin = params
        .optional_as("Origin", KeyOrigin::parse)?
        .unwrap_or(KeyOrigin::Kms);
    let description = params
        .optional_text("Description", limits::DESCRIPTION_CHARS_MAX)?
        .unwrap_or("")
        .to_owned();
    let protection = protection_level(params)?;
    let rotation = match params.optional_bool("EnableAutomaticRotation")? {
        Some(true) if origin == KeyOrigin::External => {
            return Err(ApiError::invalid("EnableAutomaticRotation"));
        }
        Some(true) => Some(interval(params)?),
        Some(false) | None => None,
    };
    let tags = params
        .optional("Tags")
        .map(|text| tags_of_json("Tags", text))
        .transpose()?
        .unwrap_or_default();
    let client_token = client_token(request)?;
    refuse(params, &["Policy"])?;
    let unsupported = |why| Ok(Work::Command(Box::new(CreateUnsupportedKey { why })));
    // Material of one's own can't be imported yet.
    if origin == KeyOrigin::External {
        return unsupported(Refusal::NotOffered);
    }
    let Some(usage) = usage else {
        return unsupported(Refusal::WrongUsage);
    };
    let Some(protection) = protection else {
        return unsupported(Refusal::ProtectionForbids);
    };
    Ok(Work::Command(Box::new(CreateKey {
        spec,
        usage,
        origin,
        protection,
        description,
        tags,
        rotation,
        client_token,
        quota: request.quotas.keys,
    })))
}

/// Some(None): a usage that exists, but not for any key here.
fn any_usage(text: &str) -> Option<Option<KeyUsage>> {
    match text {
        "SIGN/VERIFY" | "GENERATE_VERIFY_MAC" => Some(None),
        _ => KeyUsage::parse(text).map(Some),
    }
}

/// None: a token is asked for, and none is configured. The level is accepted in any case, as older documents had it.
fn protection_level(params: &Params) -> Result<Option<ProtectionLevel>, ApiError> {
    let asked = params.optional_as("ProtectionLevel", |text| {
        match text.to_ascii_uppercase().as_str() {
            "HSM" => Some(None),
            upper => ProtectionLevel::parse(upper).map(Some),
        }
    })?;
    Ok(asked.unwrap_or(Some(ProtectionLevel::Software)))
}

/// The token, and a digest of everything else that was asked for.
fn client_token(request: &Request<'_>) -> Result<Option<ClientToken>, ApiError> {
    let Some(token) = request.params.optional_text("ClientToken", 64)? else {
        return Ok(None);
    };
    let own = ROWS
        .iter()
        .flat_map(|row| row.params)
        .filter(|param| param.name != "ClientToken");
    let asked: Vec<(&str, Option<&str>)> = own
        .map(|param| (param.name, request.params.optional(param.name)))
        .collect();
    let asked = serde_json::to_vec(&asked).map_err(|_| Code::Internal)?;
    let scope = request.scope;
    Ok(Some(ClientToken::new(
        request.actor,
        &scope.region,
        token,
        Digest::of(&asked),
    )))
}

/// A filter as the wire has it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WireFilter {
    key: String,
    values: Vec<String>,
}

fn list_keys(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let filters = params.optional_as("Filters", filters)?.unwrap_or_default();
    let page = page(params)?;
    Ok(Work::Query(Box::new(ListKeys { page, filters })))
}

/// At most 10 filters of at most 10 values.
fn filters(text: &str) -> Option<Filters> {
    let wire: Vec<WireFilter> = serde_json::from_str(text).ok()?;
    if wire.len() > 10 || wire.iter().any(|filter| filter.values.len() > 10) {
        return None;
    }
    wire.into_iter()
        .map(|filter| Filter::parse(&filter.key, filter.values))
        .collect()
}
