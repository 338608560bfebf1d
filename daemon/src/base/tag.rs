//! Tags: what people write on keys, and what policies may ask for (wire contract, section 9.2).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a tag: 1 to 128 characters, not under `aliyun` or `acs:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagKey(Box<str>);

/// The value of a tag: up to 256 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagValue(Box<str>);

impl TagKey {
    /// Parses a tag's name.
    pub fn parse(text: &str) -> Option<Self> {
        let reserved = text.starts_with("aliyun") || text.starts_with("acs:");
        ((1..=128).contains(&text.len()) && is_tag_text(text) && !reserved).then(|| Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TagValue {
    /// Parses a tag's value.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() <= 256 && is_tag_text(text)).then(|| Self(text.into()))
    }

    /// The value as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Letters, digits and `/ _ . + = @ : - \`.
fn is_tag_text(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"/_.+=@:-\\".contains(&b))
}

macro_rules! as_text {
    ($name:ident, $what:literal) => {
        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text).ok_or($what)
            }
        }

        impl From<$name> for String {
            fn from(tag: $name) -> Self {
                tag.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

as_text!(TagKey, "not a tag key");
as_text!(TagValue, "not a tag value");

/// One tag. Encoded as the CBOR array `[key, value]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    /// Its name; unique on a resource.
    pub key: TagKey,
    /// Its value.
    pub value: TagValue,
}

impl Serialize for Tag {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.key, &self.value).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (key, value) = Deserialize::deserialize(deserializer)?;
        Ok(Self { key, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_bounded_on_both_sides() {
        let longest = "k".repeat(128);
        for good in ["k", "a/B_c.d+e=f@g:h-i\\j", "Aliyun", "acs", longest.as_str()] {
            assert!(TagKey::parse(good).is_some(), "{good}");
        }
        let too_long = "k".repeat(129);
        for bad in [
            "",
            "a b",
            "\u{e4}",
            "aliyun",
            "aliyunx",
            "acs:x",
            "a,b",
            too_long.as_str(),
        ] {
            assert!(TagKey::parse(bad).is_none(), "{bad}");
        }
        assert!(TagValue::parse("").is_some());
        assert!(TagValue::parse(&"v".repeat(256)).is_some());
        assert!(TagValue::parse(&"v".repeat(257)).is_none());
        assert!(TagValue::parse("a b").is_none());
    }
}
