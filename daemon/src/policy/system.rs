//! The system policies: shipped, read-only, one version, the same in every account. Their documents are in
//! `policies/system/`; what is not documented about their contents was chosen by what their names promise.

/// One system policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemPolicy {
    /// Its name, which no custom policy may take.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Its document, as the API returns it.
    pub document: &'static str,
}

macro_rules! system {
    ($name:literal, $description:literal) => {
        SystemPolicy {
            name: $name,
            description: $description,
            document: include_str!(concat!("../../../policies/system/", $name, ".json")),
        }
    };
}

/// Every system policy, by name.
pub const SYSTEM_POLICIES: &[SystemPolicy] = &[
    system!(
        "AdministratorAccess",
        "Every action on every resource of the account."
    ),
    system!("AliyunActionTrailFullAccess", "Manage trails and look events up."),
    system!(
        "AliyunActionTrailReadOnlyAccess",
        "See trails and look events up."
    ),
    system!(
        "AliyunKMSCryptoAdminAccess",
        "Manage keys, aliases, certificates and their tags and policies. No cryptography, no secrets."
    ),
    system!(
        "AliyunKMSCryptoUserAccess",
        "Use keys and certificates: encrypt, decrypt, sign, verify, make data keys. No management, no secrets."
    ),
    system!(
        "AliyunKMSFullAccess",
        "Every action of key management, on every key, secret, alias and certificate."
    ),
    system!(
        "AliyunKMSReadOnlyAccess",
        "See keys, aliases, secrets, certificates, their metadata and policies. No secret values, no cryptography."
    ),
    system!(
        "AliyunKMSSecretAdminAccess",
        "Manage secrets, their versions, rotation, tags and policies, and write their values. Reads no value."
    ),
    system!(
        "AliyunKMSSecretUserAccess",
        "Read the values of secrets, and which secrets there are."
    ),
    system!("AliyunRAMFullAccess", "Manage users, groups, roles and policies."),
    system!(
        "AliyunRAMReadOnlyAccess",
        "See users, groups, roles and policies."
    ),
    system!(
        "AliyunSTSAssumeRoleAccess",
        "Assume any role that trusts the caller."
    ),
    system!(
        "ReadOnlyAccess",
        "Read everything: keys, secrets and their metadata, identities, trails, the log. No secret values, no cryptography."
    ),
];

/// The system policy of this name; case counts.
pub fn find(name: &str) -> Option<&'static SystemPolicy> {
    SYSTEM_POLICIES.iter().find(|policy| policy.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::catalogue;
    use crate::policy::language::{Document, DocumentKind};

    fn document(name: &str) -> Document {
        Document::parse(DocumentKind::Identity, find(name).unwrap().document).unwrap()
    }

    /// The names of the actions that any statement of the policy allows.
    fn allowed(name: &str) -> Vec<&'static str> {
        let document = document(name);
        let covers = |action: &&str| document.statements().iter().any(|s| s.actions.cover(action));
        catalogue::all()
            .map(|action| action.name)
            .filter(covers)
            .collect()
    }

    #[test]
    fn every_document_reads_and_names_known_actions_alone() {
        assert!(SYSTEM_POLICIES.is_sorted_by_key(|policy| policy.name));
        for policy in SYSTEM_POLICIES {
            assert!((1..=1_024).contains(&policy.description.len()), "{}", policy.name);
            for statement in document(policy.name).statements() {
                for pattern in statement.actions.patterns() {
                    let known = catalogue::all().any(|action| pattern.matches(action.name));
                    assert!(known, "{}: {pattern}", policy.name);
                }
            }
        }
    }

    #[test]
    fn duties_are_separated() {
        let (admin, user) = (
            allowed("AliyunKMSCryptoAdminAccess"),
            allowed("AliyunKMSCryptoUserAccess"),
        );
        for use_of_a_key in [
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:AsymmetricSign",
            "kms:GenerateDataKey",
        ] {
            assert!(
                user.contains(&use_of_a_key) && !admin.contains(&use_of_a_key),
                "{use_of_a_key}"
            );
        }
        for change in [
            "kms:CreateKey",
            "kms:DisableKey",
            "kms:ScheduleKeyDeletion",
            "kms:SetKeyPolicy",
        ] {
            assert!(admin.contains(&change) && !user.contains(&change), "{change}");
        }
        assert!(allowed("AliyunKMSSecretUserAccess").contains(&"kms:GetSecretValue"));
        assert!(!allowed("AliyunKMSSecretAdminAccess").contains(&"kms:GetSecretValue"));
    }

    #[test]
    fn read_only_policies_change_nothing_and_open_nothing() {
        let verbs = ["List", "Describe", "Get", "Lookup"];
        for name in [
            "ReadOnlyAccess",
            "AliyunKMSReadOnlyAccess",
            "AliyunRAMReadOnlyAccess",
        ] {
            for action in allowed(name) {
                let verb = action.split_once(':').unwrap().1;
                assert!(verbs.iter().any(|v| verb.starts_with(v)), "{name}: {action}");
                assert_ne!(action, "kms:GetSecretValue", "{name}");
            }
        }
    }
}
