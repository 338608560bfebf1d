//! Which keys ListKeys shows: different filters all have to hold, the values of one are alternatives.

use crate::projection::{Key, State};

/// What a filter looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    State,
    Spec,
    Usage,
    Protection,
    CreatorType,
    KeyId,
    AliasName,
    Creator,
    TagKey,
    TagValue,
}

/// One filter: a field, and the values that it may have.
#[derive(Debug)]
pub struct Filter {
    field: Field,
    values: Vec<String>,
}

impl Filter {
    /// A filter of this name, if there is one. A value of a closed field that no key can have is no filter either.
    pub fn parse(name: &str, values: Vec<String>) -> Option<Self> {
        let (field, known): (Field, &[&str]) = match name {
            "KeyState" => (
                Field::State,
                &["Enabled", "Disabled", "PendingDeletion", "PendingImport"],
            ),
            "KeySpec" => (Field::Spec, &[]),
            "KeyUsage" => (
                Field::Usage,
                &["ENCRYPT/DECRYPT", "SIGN/VERIFY", "GENERATE_VERIFY_MAC"],
            ),
            "ProtectionLevel" => (Field::Protection, &["SOFTWARE", "HSM"]),
            "CreatorType" => (Field::CreatorType, &["User", "Service"]),
            "KeyId" | "keyId" => (Field::KeyId, &[]),
            "AliasName" => (Field::AliasName, &[]),
            "Creator" => (Field::Creator, &[]),
            "TagKey" => (Field::TagKey, &[]),
            "TagValue" => (Field::TagValue, &[]),
            _ => return None,
        };
        let legal = known.is_empty() || values.iter().all(|value| known.contains(&value.as_str()));
        legal.then_some(Self { field, values })
    }

    fn matches(&self, key: &Key, state: &State) -> bool {
        let is = |text: &str| self.values.iter().any(|value| value == text);
        match self.field {
            Field::State => is(key.state.as_str()),
            Field::Spec => is(key.spec.as_str()),
            Field::Usage => is(key.usage.as_str()),
            Field::Protection => is(key.protection.as_str()),
            // Keys made by services on an account's behalf do not exist here.
            Field::CreatorType => is("User"),
            Field::KeyId => is(&key.id.to_string()),
            Field::AliasName => state.aliases_of(key.id).any(|alias| is(alias.name.as_str())),
            Field::Creator => is(&key.account.to_string()),
            Field::TagKey => key.tags.iter().any(|tag| is(tag.key.as_str())),
            Field::TagValue => key.tags.iter().any(|tag| is(tag.value.as_str())),
        }
    }
}

/// All filters of a call. Repeating a field adds alternatives; a filter without values holds for every key.
#[derive(Debug, Default)]
pub struct Filters(Vec<Filter>);

impl Filters {
    /// Whether a key is shown.
    pub fn match_key(&self, key: &Key, state: &State) -> bool {
        self.0
            .iter()
            .all(|filter| filter.values.is_empty() || filter.matches(key, state))
    }
}

impl FromIterator<Filter> for Filters {
    fn from_iter<I: IntoIterator<Item = Filter>>(filters: I) -> Self {
        let mut merged: Vec<Filter> = Vec::new();
        for filter in filters {
            match merged.iter_mut().find(|other| other.field == filter.field) {
                Some(other) => other.values.extend(filter.values),
                None => merged.push(filter),
            }
        }
        Self(merged)
    }
}
