//! Which action an operation asks for on each of its resources (authorization reference, section 2).

use std::borrow::Cow;

/// The action that `op` (`kms/Encrypt`) asks for on its resource `nth`. Mostly its own name; some work with a second
/// resource as their caller, who needs the right to do that by itself.
pub fn action(op: &str, nth: usize, resource: &str) -> Cow<'static, str> {
    let is_key = resource.starts_with("acs:kms:") && resource.contains(":key/");
    match (op, is_key) {
        // An alias that is not bound stands for the destination.
        ("kms/ReEncrypt", true) if nth == 0 => "kms:ReEncryptFrom".into(),
        ("kms/ReEncrypt", _) => "kms:ReEncryptTo".into(),
        ("kms/GetSecretValue", true) => "kms:Decrypt".into(),
        ("kms/PutSecretValue" | "kms/CreateSecret", true) => "kms:GenerateDataKey".into(),
        _ => op.replacen('/', ":", 1).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::action;

    #[test]
    fn an_operation_asks_for_its_own_name_unless_it_works_with_a_second_resource() {
        let key = "acs:kms:cn-hangzhou:1000000000000001:key/a0000000-0000-4000-8000-000000000000";
        let secret = "acs:kms:cn-hangzhou:1000000000000001:secret/db";
        let keys = "acs:kms:cn-hangzhou:1000000000000001:key";
        for (op, nth, resource, wanted) in [
            ("kms/Encrypt", 0, key, "kms:Encrypt"),
            (
                "ram/CreateUser",
                0,
                "acs:ram::1000000000000001:user/*",
                "ram:CreateUser",
            ),
            ("kms/ReEncrypt", 0, key, "kms:ReEncryptFrom"),
            ("kms/ReEncrypt", 1, key, "kms:ReEncryptTo"),
            ("kms/ReEncrypt", 0, keys, "kms:ReEncryptTo"),
            ("kms/GetSecretValue", 0, secret, "kms:GetSecretValue"),
            ("kms/GetSecretValue", 1, key, "kms:Decrypt"),
            ("kms/PutSecretValue", 1, key, "kms:GenerateDataKey"),
        ] {
            assert_eq!(action(op, nth, resource), wanted, "{op} {nth}");
        }
    }
}
