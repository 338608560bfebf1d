//! The actions of the KMS API, offered here or not: a client whose action is not offered learns that it spelt it right.
//!
//! Never: decides what is offered; that is the table alone.

/// Their names, sorted.
pub(super) static ACTIONS: [&str; 72] = [
    "AsymmetricDecrypt",
    "AsymmetricEncrypt",
    "AsymmetricSign",
    "AsymmetricVerify",
    "BatchGetSecretValue",
    "CancelKeyDeletion",
    "CertificatePrivateKeyDecrypt",
    "CertificatePrivateKeySign",
    "CertificatePublicKeyEncrypt",
    "CertificatePublicKeyVerify",
    "CreateAlias",
    "CreateCertificate",
    "CreateKey",
    "CreateKeyVersion",
    "CreateSecret",
    "Decrypt",
    "DeleteAlias",
    "DeleteCertificate",
    "DeleteKeyMaterial",
    "DeleteSecret",
    "DescribeAccountKmsStatus",
    "DescribeCertificate",
    "DescribeKey",
    "DescribeKeyVersion",
    "DescribeRegions",
    "DescribeSecret",
    "DisableKey",
    "EnableKey",
    "Encrypt",
    "ExportDataKey",
    "GenerateAndExportDataKey",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GetCertificate",
    "GetKeyPolicy",
    "GetParametersForImport",
    "GetPublicKey",
    "GetRandomPassword",
    "GetSecretPolicy",
    "GetSecretValue",
    "ImportKeyMaterial",
    "ListAliases",
    "ListAliasesByKeyId",
    "ListKeyVersions",
    "ListKeys",
    "ListPolicies",
    "ListResourceTags",
    "ListSecretVersionIds",
    "ListSecrets",
    "ListTagResources",
    "PutSecretValue",
    "ReEncrypt",
    "RestoreSecret",
    "RotateSecret",
    "ScheduleKeyDeletion",
    "SetDeletionProtection",
    "SetKeyPolicy",
    "SetSecretPolicy",
    "TagResource",
    "TagResources",
    "UntagResource",
    "UntagResources",
    "UpdateAlias",
    "UpdateCertificateStatus",
    "UpdateKeyDescription",
    "UpdateRotationPolicy",
    "UpdateSecret",
    "UpdateSecretRotationPolicy",
    "UpdateSecretVersionStage",
    "UploadCertificate",
    "VerifyMac",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::table;

    #[test]
    fn the_list_is_sorted_and_has_every_row_of_the_table() {
        assert!(ACTIONS.is_sorted());
        for row in table::rows().filter(|row| *row.product == table::KMS) {
            assert!(ACTIONS.contains(&row.action), "{}", row.action);
        }
    }
}
