//! Names that people choose.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The full name of an alias: `alias/` and 1 to 255 of `[A-Za-z0-9_/-]`. Case counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AliasName(Box<str>);

impl AliasName {
    /// What every alias name starts with.
    pub const PREFIX: &'static str = "alias/";

    /// Parses a full name, prefix included.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(Self::PREFIX)?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_/-".contains(&b);
        ((1..=255).contains(&rest.len()) && rest.bytes().all(allowed)).then(|| Self(text.into()))
    }

    /// The name that no other comes before: `-` is the least of the characters allowed.
    pub fn least() -> Self {
        Self("alias/-".into())
    }

    /// The full name, prefix included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without `alias/`, as it stands in an ARN.
    pub fn without_prefix(&self) -> &str {
        self.0.strip_prefix(Self::PREFIX).unwrap_or(&self.0)
    }

    /// Whether the name is kept for services (`alias/acs...`).
    pub fn is_reserved(&self) -> bool {
        self.without_prefix().starts_with("acs")
    }
}

impl TryFrom<String> for AliasName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not an alias name")
    }
}

impl From<AliasName> for String {
    fn from(name: AliasName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A region: 1 to 64 of `[a-z0-9-]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(Box<str>);

impl Region {
    /// Parses a region id.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.into()))
    }

    /// The region that no other comes before.
    pub fn least() -> Self {
        Self("-".into())
    }

    /// The region id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Region {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a region id")
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.0.into()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::AliasName;

    #[test]
    fn alias_names_are_bounded_on_both_sides() {
        let longest = format!("alias/{}", "a".repeat(255));
        for good in ["alias/a", "alias/A_b/c-9", longest.as_str()] {
            assert!(AliasName::parse(good).is_some(), "{good}");
        }
        let too_long = format!("{longest}a");
        for bad in [
            "",
            "alias",
            "alias/",
            "Alias/a",
            "alias/a b",
            "alias/ä",
            "x/alias/a",
            too_long.as_str(),
        ] {
            assert!(AliasName::parse(bad).is_none(), "{bad}");
        }
    }
}
