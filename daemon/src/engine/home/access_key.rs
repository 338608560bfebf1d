//! The file that hands the first access key over.

use zeroize::Zeroizing;

use super::RootAccessKey;

/// Its text. None of its parts needs escaping: ids, letters, digits, dashes.
pub(super) fn json(key: &RootAccessKey) -> Zeroizing<String> {
    // EXPOSE: into the one plaintext file that law 4 allows; the buffer is zeroized.
    let secret = std::str::from_utf8(key.secret.expose()).unwrap_or_default();
    let mut json = Zeroizing::new(String::with_capacity(512));
    for part in [
        "{\n  \"AccountId\": \"",
        &key.account.to_string(),
        "\",\n  \"AccessKeyId\": \"",
        &key.id.to_string(),
        "\",\n  \"AccessKeySecret\": \"",
        secret,
        "\",\n  \"Region\": \"",
        key.region.as_str(),
        "\"\n}\n",
    ] {
        json.push_str(part);
    }
    json
}
