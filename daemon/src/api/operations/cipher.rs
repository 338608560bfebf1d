//! Encryption under symmetric keys.

use super::read::{ANY_KEY_HELP, CONTEXT_HELP, DRY_RUN_HELP, key_by_any, refuse};
use crate::api::params::Params;
use crate::api::table::{KMS, Param, Request, Row};
use crate::base::{ApiError, limits};
use crate::engine::cipher::{Decrypt, Encrypt, GenerateDataKey, ReEncrypt};
use crate::engine::{Class, Work};

const DRY_RUN: Param = Param::optional("DryRun", DRY_RUN_HELP);
const DATA_KEY_PARAMS: &[Param] = &[
    Param::required("KeyId", ANY_KEY_HELP),
    Param::optional(
        "KeySpec",
        "AES_256 (default) or AES_128; NumberOfBytes goes before it",
    ),
    Param::optional("NumberOfBytes", "1 to 1024"),
    Param::optional("EncryptionContext", CONTEXT_HELP),
    DRY_RUN,
];

/// The family's rows.
pub static ROWS: [Row; 5] = [
    Row::new(
        Class::Use,
        (&KMS, "Encrypt", "kms/Encrypt"),
        "Encrypts up to 6144 bytes under a key's primary version.",
        &[
            Param::required("KeyId", ANY_KEY_HELP),
            Param::required("Plaintext", "Base64 of 1 to 6144 bytes").unrecorded(),
            Param::optional("EncryptionContext", CONTEXT_HELP),
            DRY_RUN,
        ],
        encrypt,
    ),
    Row::new(
        Class::Use,
        (&KMS, "Decrypt", "kms/Decrypt"),
        "Decrypts what Encrypt or GenerateDataKey made; the blob names its key.",
        &[
            Param::required("CiphertextBlob", "as it was returned").unrecorded(),
            Param::optional("EncryptionContext", CONTEXT_HELP),
            DRY_RUN,
        ],
        decrypt,
    ),
    Row::new(
        Class::Use,
        (&KMS, "ReEncrypt", "kms/ReEncrypt"),
        "Decrypts and encrypts again, under another key or the newest version, without showing the plaintext.",
        &[
            Param::required("CiphertextBlob", "as it was returned").unrecorded(),
            Param::required("DestinationKeyId", ANY_KEY_HELP),
            Param::optional("SourceEncryptionContext", CONTEXT_HELP),
            Param::optional("DestinationEncryptionContext", CONTEXT_HELP),
            DRY_RUN,
        ],
        reencrypt,
    ),
    Row::new(
        Class::Use,
        (&KMS, "GenerateDataKey", "kms/GenerateDataKey"),
        "Makes a random data key; returns it in plaintext and encrypted.",
        DATA_KEY_PARAMS,
        |request| generate_data_key(request, true),
    ),
    Row::new(
        Class::Use,
        (
            &KMS,
            "GenerateDataKeyWithoutPlaintext",
            "kms/GenerateDataKeyWithoutPlaintext",
        ),
        "Makes a random data key; returns it encrypted only.",
        DATA_KEY_PARAMS,
        |request| generate_data_key(request, false),
    ),
];

fn encrypt(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    // Both required ones first: what is missing is said before what is wrong.
    params.required("KeyId")?;
    params.required("Plaintext")?;
    Ok(Work::Use(Box::new(Encrypt {
        key: key_by_any(params, "KeyId")?,
        plaintext: params.required_bytes_base64("Plaintext", limits::PLAINTEXT_BYTES_MAX)?,
        context: params.context("EncryptionContext")?,
    })))
}

fn decrypt(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let blob = params.required_blob_base64("CiphertextBlob", limits::BLOB_BYTES_MAX)?;
    let context = params.context("EncryptionContext")?;
    let work = Decrypt::new(blob, context).ok_or_else(|| ApiError::invalid("CiphertextBlob"))?;
    // The plaintext must not leave unwrapped instead of wrapped for an attested enclave.
    refuse(params, &["Recipient"])?;
    Ok(Work::Use(Box::new(work)))
}

fn reencrypt(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    params.required("CiphertextBlob")?;
    params.required("DestinationKeyId")?;
    // Ciphertexts made with a public key; there are no asymmetric keys yet.
    refuse(
        params,
        &["SourceKeyId", "SourceKeyVersionId", "SourceEncryptionAlgorithm"],
    )?;
    let source = params.required_blob_base64("CiphertextBlob", limits::BLOB_BYTES_MAX)?;
    let destination = key_by_any(params, "DestinationKeyId")?;
    let (from, to) = (
        params.context("SourceEncryptionContext")?,
        params.context("DestinationEncryptionContext")?,
    );
    let work = ReEncrypt::new(source, from, destination, to);
    Ok(Work::Use(Box::new(
        work.ok_or_else(|| ApiError::invalid("CiphertextBlob"))?,
    )))
}

fn generate_data_key(request: &Request<'_>, with_plaintext: bool) -> Result<Work, ApiError> {
    let params = request.params;
    let work = GenerateDataKey {
        key: key_by_any(params, "KeyId")?,
        bytes: data_key_bytes(params)?,
        context: params.context("EncryptionContext")?,
        with_plaintext,
    };
    refuse(params, &["Recipient"])?;
    Ok(Work::Use(Box::new(work)))
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
