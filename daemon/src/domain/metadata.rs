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
        .text("AutomaticRotation", automatic_rotation(key))
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
    if let (Some(interval), Some(next)) = (key.rotation, key.next_rotation()) {
        fields = fields
            .text("NextRotationDate", next.to_string())
            .text("RotationInterval", interval.to_string());
    }
    if let Some(primary) = key.primary().filter(|_| key.spec.has_primary_version()) {
        fields = fields.text("PrimaryKeyVersion", primary.id.to_string());
    }
    fields
}

/// What DescribeKey shows besides.
pub fn protection(key: &Key, fields: Answer) -> Answer {
    match &key.deletion_protection {
        None => fields.text("DeletionProtection", "Disabled"),
        Some(why) if why.is_empty() => fields.text("DeletionProtection", "Enabled"),
        Some(why) => fields
            .text("DeletionProtection", "Enabled")
            .text("DeletionProtectionDescription", why.clone()),
    }
}

/// Suspended: configured, and not carried out while the key is not enabled.
const fn automatic_rotation(key: &Key) -> &'static str {
    match (key.rotation, key.state) {
        (None, _) => "Disabled",
        (Some(_), Lifecycle::Enabled) => "Enabled",
        (Some(_), Lifecycle::Disabled | Lifecycle::PendingDeletion { .. }) => "Suspended",
    }
}
