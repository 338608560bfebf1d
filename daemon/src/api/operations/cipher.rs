//! Encryption under symmetric keys.

use super::{ANY_KEY_HELP, CONTEXT_HELP, key_by_any, refuse_dry_run, refuse_recipient};
use crate::api::params::Params;
use crate::api::table::{KMS, Param, Request, Row};
use crate::base::{ApiError, limits};
use crate::engine::cipher::{Decrypt, Encrypt, GenerateDataKey};
use crate::engine::{Class, Lane, Work};

/// The family's rows.
pub static ROWS: [Row; 3] = [
    Row {
        product: &KMS,
        action: "Encrypt",
        op: "kms/Encrypt",
        class: Class::Use,
        lane: Lane::Short,
        open: false,
        summary: "Encrypts up to 6144 bytes under a key's primary version.",
        params: &[
            Param::required("KeyId", ANY_KEY_HELP),
            Param::required("Plaintext", "Base64 of 1 to 6144 bytes").unrecorded(),
            Param::optional("EncryptionContext", CONTEXT_HELP),
        ],
        handler: encrypt,
    },
    Row {
        product: &KMS,
        action: "Decrypt",
        op: "kms/Decrypt",
        class: Class::Use,
        lane: Lane::Short,
        open: false,
        summary: "Decrypts what Encrypt or GenerateDataKey made; the blob names its key.",
        params: &[
            Param::required("CiphertextBlob", "as it was returned").unrecorded(),
            Param::optional("EncryptionContext", CONTEXT_HELP),
        ],
        handler: decrypt,
    },
    Row {
        product: &KMS,
        action: "GenerateDataKey",
        op: "kms/GenerateDataKey",
        class: Class::Use,
        lane: Lane::Short,
        open: false,
        summary: "Makes a random data key; returns it in plaintext and encrypted.",
        params: &[
            Param::required("KeyId", ANY_KEY_HELP),
            Param::optional(
                "KeySpec",
                "AES_256 (default) or AES_128; NumberOfBytes goes before it",
            ),
            Param::optional("NumberOfBytes", "1 to 1024"),
            Param::optional("EncryptionContext", CONTEXT_HELP),
        ],
        handler: generate_data_key,
    },
];

fn encrypt(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    // Both required ones first: what is missing is said before what is wrong.
    params.required("KeyId")?;
    params.required("Plaintext")?;
    let work = Encrypt {
        key: key_by_any(params)?,
        plaintext: params.required_bytes_base64("Plaintext", limits::PLAINTEXT_BYTES_MAX)?,
        context: params.context("EncryptionContext")?,
    };
    refuse_dry_run(params)?;
    Ok(Work::Use(Box::new(work)))
}

fn decrypt(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let blob = params.required_blob_base64("CiphertextBlob", limits::BLOB_BYTES_MAX)?;
    let context = params.context("EncryptionContext")?;
    let work = Decrypt::new(blob, context).ok_or_else(|| ApiError::invalid("CiphertextBlob"))?;
    refuse_recipient(params)?;
    refuse_dry_run(params)?;
    Ok(Work::Use(Box::new(work)))
}

fn generate_data_key(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let key = key_by_any(params)?;
    let bytes = data_key_bytes(params)?;
    let context = params.context("EncryptionContext")?;
    refuse_recipient(params)?;
    refuse_dry_run(params)?;
    Ok(Work::Use(Box::new(GenerateDataKey { key, bytes, context })))
}

fn data_key_bytes(params: &Params) -> Result<usize, ApiError> {
    if let Some(number) = params.optional_integer("NumberOfBytes", 1..=limits::DATA_KEY_BYTES_MAX as u64)? {
        return usize::try_from(number).map_err(|_| ApiError::invalid("NumberOfBytes"));
    }
    let by_spec = |spec: &str| match spec {
        "AES_256" => Some(32),
        "AES_128" => Some(16),
        _ => None,
    };
    Ok(params.optional_as("KeySpec", by_spec)?.unwrap_or(32))
}
