//! The policy of a key.

use super::read::key_by_id_or_arn;
use crate::api::table::{KMS, Param, Request, Row};
use crate::base::{ApiError, limits};
use crate::engine::query::key_policy::GetKeyPolicy;
use crate::engine::{Class, DocumentKind, SetKeyPolicy, Work, check_policy};

const KEY_HELP: &str = "key id or key ARN";
const NAME_HELP: &str = "default; a key has no other";

/// The family's rows.
pub static ROWS: [Row; 2] = [
    Row::new(
        Class::Command,
        (&KMS, "SetKeyPolicy", "kms/SetKeyPolicy"),
        "Replaces the policy of a key, which says together with RAM who may use it.",
        &[
            Param::required("KeyId", KEY_HELP),
            Param::optional("PolicyName", NAME_HELP),
            Param::required("Policy", "the policy, JSON, at most 32768 bytes"),
        ],
        set,
    ),
    Row::new(
        Class::Query,
        (&KMS, "GetKeyPolicy", "kms/GetKeyPolicy"),
        "Gives the policy of a key.",
        &[
            Param::required("KeyId", KEY_HELP),
            Param::optional("PolicyName", NAME_HELP),
        ],
        |request| {
            let key = key_by_id_or_arn(request.params, "KeyId")?;
            let default = matches!(request.params.optional("PolicyName"), None | Some("default"));
            Ok(Work::Query(Box::new(GetKeyPolicy { key, default })))
        },
    ),
];

fn set(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let key = key_by_id_or_arn(params, "KeyId")?;
    if !matches!(params.optional("PolicyName"), None | Some("default")) {
        return Err(ApiError::invalid_because("PolicyName", "it must be default"));
    }
    let document = params.required("Policy")?;
    if document.len() > limits::KEY_POLICY_BYTES_MAX {
        return Err(ApiError::invalid_because(
            "Policy",
            &format!("at most {} bytes are allowed", limits::KEY_POLICY_BYTES_MAX),
        ));
    }
    check_policy(DocumentKind::Resource, document)
        .map_err(|fault| ApiError::invalid_because("Policy", &fault.to_string()))?;
    Ok(Work::Command(Box::new(SetKeyPolicy {
        key,
        document: document.to_owned(),
    })))
}
