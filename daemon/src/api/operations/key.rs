//! Keys: made, looked at, moved along their lives.

use super::{ANY_KEY_HELP, KEY_ID_HELP, PAGE_NUMBER_HELP, PAGE_SIZE_HELP, key_by_any, key_by_id, page};
use crate::api::params::Params;
use crate::api::table::{KMS, Param, Request, Row};
use crate::base::{ApiError, Code, KeyOrigin, KeySpec, KeyUsage, ProtectionLevel, limits};
use crate::engine::query::keys::{DescribeKey, ListKeys};
use crate::engine::{ChangeLifecycle, Class, CreateKey, Lane, Transition, Work};

/// The family's rows.
pub static ROWS: [Row; 7] = [
    Row {
        product: &KMS,
        action: "CreateKey",
        op: "kms/CreateKey",
        class: Class::Command,
        // Making a key may wait for the vault's disk.
        lane: Lane::Long,
        open: false,
        summary: "Makes a key with its first version.",
        params: &[
            Param::optional("KeySpec", "Aliyun_AES_256 (default)"),
            Param::optional("KeyUsage", "ENCRYPT/DECRYPT (default for symmetric keys)"),
            Param::optional("Origin", "Aliyun_KMS (default)"),
            Param::optional("ProtectionLevel", "SOFTWARE (default)"),
            Param::optional("Description", "free text, at most 8192 characters"),
        ],
        handler: create_key,
    },
    Row {
        product: &KMS,
        action: "DescribeKey",
        op: "kms/DescribeKey",
        class: Class::Query,
        lane: Lane::Short,
        open: false,
        summary: "Shows the metadata of a key.",
        params: &[Param::required("KeyId", ANY_KEY_HELP)],
        handler: |request| {
            let key = key_by_any(request.params)?;
            Ok(Work::Query(Box::new(DescribeKey { key })))
        },
    },
    Row {
        product: &KMS,
        action: "ListKeys",
        op: "kms/ListKeys",
        class: Class::Query,
        lane: Lane::Short,
        open: false,
        summary: "Lists the keys of the account in the region, newest first.",
        params: &[
            Param::optional("PageNumber", PAGE_NUMBER_HELP),
            Param::optional("PageSize", PAGE_SIZE_HELP),
        ],
        handler: list_keys,
    },
    lifecycle(
        "EnableKey",
        "kms/EnableKey",
        "Makes a disabled key usable again.",
        &[Param::required("KeyId", KEY_ID_HELP)],
        |request| transition(request, Transition::Enable),
    ),
    lifecycle(
        "DisableKey",
        "kms/DisableKey",
        "Makes a key unusable until it is enabled again.",
        &[Param::required("KeyId", KEY_ID_HELP)],
        |request| transition(request, Transition::Disable),
    ),
    lifecycle(
        "ScheduleKeyDeletion",
        "kms/ScheduleKeyDeletion",
        "Makes a key unusable now and destroys it, its material and its aliases when the window ends.",
        &[
            Param::required("KeyId", KEY_ID_HELP),
            Param::optional("PendingWindowInDays", "7 to 366; default 30"),
        ],
        schedule_deletion,
    ),
    lifecycle(
        "CancelKeyDeletion",
        "kms/CancelKeyDeletion",
        "Keeps a key that was scheduled for deletion, and enables it.",
        &[Param::required("KeyId", KEY_ID_HELP)],
        |request| transition(request, Transition::CancelDeletion),
    ),
];

const fn lifecycle(
    action: &'static str,
    op: &'static str,
    summary: &'static str,
    params: &'static [Param],
    handler: crate::api::table::Handler,
) -> Row {
    Row {
        product: &KMS,
        action,
        op,
        class: Class::Command,
        lane: Lane::Short,
        open: false,
        summary,
        params,
        handler,
    }
}

fn create_key(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let spec = params
        .optional_as("KeySpec", KeySpec::parse)?
        .unwrap_or(KeySpec::Aes256);
    let usage = params
        .optional_as("KeyUsage", any_usage)?
        .unwrap_or(Some(spec.default_usage()));
    let origin = params
        .optional_as("Origin", any_origin)?
        .unwrap_or(Some(KeyOrigin::Kms));
    let description = params
        .optional_text("Description", limits::DESCRIPTION_CHARS_MAX)?
        .unwrap_or("")
        .to_owned();
    let protection = protection_level(params)?;
    refuse_rotation_and_tags(params)?;
    Ok(Work::Command(Box::new(CreateKey {
        spec,
        usage: usage.ok_or(Code::UnsupportedOperation)?,
        origin: origin.ok_or(Code::UnsupportedOperation)?,
        protection: protection.ok_or(Code::ProtectionLevelNotAccepted)?,
        description,
    })))
}

/// Some(None): a usage that exists, but not for any key here.
fn any_usage(text: &str) -> Option<Option<KeyUsage>> {
    match text {
        "SIGN/VERIFY" | "GENERATE_VERIFY_MAC" => Some(None),
        _ => KeyUsage::parse(text).map(Some),
    }
}

/// Some(None): material of one's own can't be imported yet.
fn any_origin(text: &str) -> Option<Option<KeyOrigin>> {
    match text {
        "EXTERNAL" => Some(None),
        _ => KeyOrigin::parse(text).map(Some),
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

/// What is not offered is refused, not ignored: a key without the rotation or the tags asked for is another key.
fn refuse_rotation_and_tags(params: &Params) -> Result<(), ApiError> {
    let rotation = params.optional_bool("EnableAutomaticRotation")?.unwrap_or(false);
    if rotation {
        return Err(ApiError::with_message(
            Code::UnsupportedOperation,
            "EnableAutomaticRotation is not supported.",
        ));
    }
    for name in ["Tags", "Policy"] {
        if params.optional(name).is_some() {
            return Err(ApiError::with_message(
                Code::UnsupportedOperation,
                format!("{name} is not supported."),
            ));
        }
    }
    Ok(())
}

fn list_keys(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    if params.optional("Filters").is_some_and(|filters| filters != "[]") {
        return Err(ApiError::with_message(
            Code::UnsupportedOperation,
            "Filters is not supported.",
        ));
    }
    Ok(Work::Query(Box::new(ListKeys { page: page(params)? })))
}

fn transition(request: &Request<'_>, transition: Transition) -> Result<Work, ApiError> {
    let key = key_by_id(request.params)?;
    Ok(Work::Command(Box::new(ChangeLifecycle { key, transition })))
}

fn schedule_deletion(request: &Request<'_>) -> Result<Work, ApiError> {
    let (least, most, default) = limits::PENDING_WINDOW_DAYS;
    let key = key_by_id(request.params)?;
    let days = request
        .params
        .optional_integer("PendingWindowInDays", least..=most)?
        .unwrap_or(default);
    let transition = Transition::ScheduleDeletion { days };
    Ok(Work::Command(Box::new(ChangeLifecycle { key, transition })))
}
