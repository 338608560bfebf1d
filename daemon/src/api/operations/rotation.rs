//! Key versions and rotation.

use super::read::{KEY_ID_HELP, PAGE_NUMBER_HELP, PAGE_SIZE_HELP, key_by_id, key_by_id_or_alias, page};
use crate::api::params::Params;
use crate::api::table::{KMS, Param, Request, Row};
use crate::base::{ApiError, KeyVersionId, RotationInterval};
use crate::engine::query::versions::{DescribeKeyVersion, ListKeyVersions};
use crate::engine::{Class, UpdateRotationPolicy, Work};

const KEY_HELP: &str = "key id or alias/NAME";

/// The family's rows.
pub static ROWS: [Row; 3] = [
    Row::new(
        Class::Query,
        (&KMS, "DescribeKeyVersion", "kms/DescribeKeyVersion"),
        "Shows one version of a key.",
        &[
            Param::required("KeyId", KEY_HELP),
            Param::required("KeyVersionId", "version id"),
        ],
        describe_version,
    ),
    Row::new(
        Class::Query,
        (&KMS, "ListKeyVersions", "kms/ListKeyVersions"),
        "Lists the versions of a key, newest first.",
        &[
            Param::required("KeyId", KEY_HELP),
            Param::optional("PageNumber", PAGE_NUMBER_HELP),
            Param::optional("PageSize", PAGE_SIZE_HELP),
        ],
        |request| {
            let key = key_by_id_or_alias(request.params)?;
            let page = page(request.params)?;
            Ok(Work::Query(Box::new(ListKeyVersions { key, page })))
        },
    ),
    Row::new(
        Class::Command,
        (&KMS, "UpdateRotationPolicy", "kms/UpdateRotationPolicy"),
        "Turns automatic rotation on or off; one that is overdue is carried out at once.",
        &[
            Param::required("KeyId", KEY_ID_HELP),
            Param::required("EnableAutomaticRotation", "true or false"),
            Param::optional(
                "RotationInterval",
                "7d to 730d, also in h, m or s; needed when true",
            ),
        ],
        update_policy,
    ),
];

/// The interval of a rotation that is wanted.
pub(super) fn interval(params: &Params) -> Result<RotationInterval, ApiError> {
    let text = params.optional("RotationInterval").ok_or_else(|| {
        ApiError::invalid_because(
            "RotationInterval",
            "it is needed when EnableAutomaticRotation is true",
        )
    })?;
    RotationInterval::parse(text)
        .ok_or_else(|| ApiError::invalid_because("RotationInterval", "expected 7d to 730d, in d, h, m or s"))
}

fn describe_version(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    params.required("KeyId")?;
    let text = params.required("KeyVersionId")?;
    let key = key_by_id_or_alias(params)?;
    // What no version can be called is a version that does not exist.
    let version = KeyVersionId::parse(text);
    Ok(Work::Query(Box::new(DescribeKeyVersion { key, version })))
}

fn update_policy(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    params.required("KeyId")?;
    let interval = match params.required_bool("EnableAutomaticRotation")? {
        true => Some(interval(params)?),
        false => None,
    };
    let key = key_by_id(params)?;
    Ok(Work::Command(Box::new(UpdateRotationPolicy { key, interval })))
}
