//! A key as its callers see it: KeyMetadata (wire contract, section 9.6).

use crate::base::{Answer, Arn};
use crate::projection::{Key, Lifecycle};

/// The fields that CreateKey and DescribeKey share.
pub fn metadata(key: &Key) -> Answer {
    let delete_date = match key.state {
        Lifecycle::PendingDeletion { delete_at } => delete_at.to_string(),
        Lifecycle::Enabled | Lifecycle::Disabled => String::new(),
    };
    let mut fields = Answer::default()
        .text("Arn", Arn::key(&key.region, key.account, key.id).to_string())
        .text("AutomaticRotation", "Disabled")
        .text("CreationDate", key.at.to_string())
        .text("Creator", key.account.to_string())
        .text("DeleteDate", delete_date)
        .text("Description", key.description.clone())
        .text("KeyId", key.id.to_string())
        .text("KeySpec", key.spec.as_str())
        .text("KeyState", key.state.as_str())
        .text("KeyUsage", key.usage.as_str())
        .text("MaterialExpireTime", "")
        .text("Origin", key.origin.as_str())
        .text("ProtectionLevel", key.protection.as_str());
    if let Some(newest) = key.versions.last() {
        fields = fields.text("LastRotationDate", newest.at.to_string());
    }
    if let Some(primary) = key.primary().filter(|_| key.spec.has_primary_version()) {
        fields = fields.text("PrimaryKeyVersion", primary.id.to_string());
    }
    fields
}
