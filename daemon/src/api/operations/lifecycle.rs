//! Keys moved along their lives, described and protected.

use super::read::{KEY_ID_HELP, id_only, key_by_id};
use crate::api::table::{KMS, Param, Request, Row};
use crate::base::arn::KeyArn;
use crate::base::{ApiError, limits};
use crate::engine::{ChangeLifecycle, Class, DescribeAs, KeyRef, ProtectFromDeletion, Transition, Work};

/// The family's rows.
pub static ROWS: [Row; 6] = [
    Row::new(
        Class::Command,
        (&KMS, "EnableKey", "kms/EnableKey"),
        "Makes a disabled key usable again.",
        &[Param::required("KeyId", KEY_ID_HELP)],
        |request| transition(request, Transition::Enable),
    ),
    Row::new(
        Class::Command,
        (&KMS, "DisableKey", "kms/DisableKey"),
        "Makes a key unusable until it is enabled again.",
        &[Param::required("KeyId", KEY_ID_HELP)],
        |request| transition(request, Transition::Disable),
    ),
    Row::new(
        Class::Command,
        (&KMS, "ScheduleKeyDeletion", "kms/ScheduleKeyDeletion"),
        "Makes a key unusable now and destroys it, its material and its aliases when the window ends.",
        &[
            Param::required("KeyId", KEY_ID_HELP),
            Param::optional("PendingWindowInDays", "7 to 366; default 30"),
        ],
        schedule_deletion,
    ),
    Row::new(
        Class::Command,
        (&KMS, "CancelKeyDeletion", "kms/CancelKeyDeletion"),
        "Keeps a key that was scheduled for deletion, and enables it.",
        &[Param::required("KeyId", KEY_ID_HELP)],
        |request| transition(request, Transition::CancelDeletion),
    ),
    Row::new(
        Class::Command,
        (&KMS, "UpdateKeyDescription", "kms/UpdateKeyDescription"),
        "Replaces a key's description.",
        &[
            Param::required("KeyId", KEY_ID_HELP),
            Param::required(
                "Description",
                "free text, at most 8192 characters; empty clears it",
            ),
        ],
        update_description,
    ),
    Row::new(
        Class::Command,
        (&KMS, "SetDeletionProtection", "kms/SetDeletionProtection"),
        "Protects a key against deletion, or takes the protection off.",
        &[
            Param::optional("ProtectedResourceArn", "key ARN; or KeyId"),
            Param::optional("KeyId", "key id; or ProtectedResourceArn"),
            Param::required("EnableDeletionProtection", "true or false"),
            Param::optional("DeletionProtectionDescription", "why, at most 8192 characters"),
        ],
        set_deletion_protection,
    ),
];

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

fn update_description(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    params.required("KeyId")?;
    // Empty has a meaning here: it clears the description. Absent has none.
    let present = params
        .get("Description")
        .ok_or_else(|| ApiError::missing("Description"))?;
    let description = match present {
        "" => String::new(),
        _ => params
            .required_text("Description", limits::DESCRIPTION_CHARS_MAX)?
            .to_owned(),
    };
    let key = key_by_id(params)?;
    Ok(Work::Command(Box::new(DescribeAs { key, description })))
}

fn set_deletion_protection(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let enabled = params.required_bool("EnableDeletionProtection")?;
    let key = match (params.optional("ProtectedResourceArn"), params.optional("KeyId")) {
        (Some(arn), None) => KeyArn::parse(arn)
            .map(KeyRef::Arn)
            .ok_or_else(|| ApiError::invalid("ProtectedResourceArn"))?,
        (None, Some(id)) => id_only("KeyId", id)?,
        (None, None) => return Err(ApiError::missing("ProtectedResourceArn")),
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid_because(
                "KeyId",
                "give it or ProtectedResourceArn, not both",
            ));
        }
    };
    let description = params
        .optional_text("DeletionProtectionDescription", limits::DESCRIPTION_CHARS_MAX)?
        .unwrap_or("")
        .to_owned();
    Ok(Work::Command(Box::new(ProtectFromDeletion {
        key,
        enabled,
        description,
    })))
}
