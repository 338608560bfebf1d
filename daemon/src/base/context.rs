//! The EncryptionContext: pairs of texts that a ciphertext is bound to (wire contract, section 7.4).
//!
//! On the wire a JSON object, `{"b":"2","a":"1"}`. Here its canonical bytes, which become additional authenticated data:
//!
//! ```text
//! 00000001 61 00000001 31  00000001 62 00000001 32
//! ```
//!
//! For each member, sorted by name in UTF-8 byte order after unescaping: length of the name (u32, big-endian), name, length of
//! the value, value. No Unicode normalisation. The empty context is no bytes at all, and absent is empty.
//!
//! I1  Two contexts have equal bytes exactly when they hold equal pairs: order, white space and escapes don't matter.
//! I2  No name occurs twice, so that no two readers can disagree on what was bound.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::limits::ENCRYPTION_CONTEXT_CHARS_MAX;

/// A parsed context. Not secret by definition, yet callers put personal data into it: `Debug` shows its size only.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct EncryptionContext(Box<[u8]>);

impl EncryptionContext {
    /// The context without pairs.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Parses a JSON object of texts, at most 8,192 characters as sent. Gives nothing for any other JSON, and for a name
    /// that occurs twice (I2).
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > ENCRYPTION_CONTEXT_CHARS_MAX && text.chars().count() > ENCRYPTION_CONTEXT_CHARS_MAX {
            return None;
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let mut members = json.deserialize_map(Members).ok()?;
        json.end().ok()?;
        members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        if members
            .windows(2)
            .any(|pair| matches!(pair, [(a, _), (b, _)] if a == b))
        {
            return None;
        }
        let mut bytes = Vec::with_capacity(members.iter().map(|(k, v)| k.len() + v.len() + 8).sum());
        for part in members.iter().flat_map(|(name, value)| [name, value]) {
            bytes.extend_from_slice(&u32::try_from(part.len()).ok()?.to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        Some(Self(bytes.into()))
    }

    /// The canonical bytes (I1). The crypto room puts the blob's header before them.
    pub fn aad(&self) -> &[u8] {
        &self.0
    }

    /// The pairs, by name.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || Some((take(&mut rest)?, take(&mut rest)?)))
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Takes one length-prefixed text off the front.
fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let (text, tail) = tail.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = tail;
    std::str::from_utf8(text).ok()
}

impl fmt::Debug for EncryptionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[context of {} canonical bytes]", self.0.len())
    }
}

/// Collects the members of a JSON object as they come, duplicates included: serde's own maps would keep the last one.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, Cow<'de, str>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object whose values are strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((Text(name), Text(value))) = map.next_entry()? {
            members.push((name, value));
        }
        Ok(members)
    }
}

/// A JSON string, borrowed when it holds no escapes.
struct Text<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_worked_example_has_its_bytes() {
        let context = EncryptionContext::parse(r#"{"b":"2","a":"1"}"#).unwrap();
        let bytes = b"\x00\x00\x00\x01a\x00\x00\x00\x011\x00\x00\x00\x01b\x00\x00\x00\x012";
        assert_eq!(context.aad(), bytes);
        assert_eq!(format!("{context:?}"), "[context of 20 canonical bytes]");
    }

    #[test]
    fn order_space_and_escapes_do_not_matter() {
        let one = EncryptionContext::parse(r#"{"a/b":"1","ä":"2"}"#).unwrap();
        let two = EncryptionContext::parse(" { \"\\u00e4\" : \"2\",\n\t\"a\\/b\":\"\\u0031\" } ").unwrap();
        assert_eq!(one, two);
        // No normalisation: a composed and a decomposed letter are two names.
        let composed = EncryptionContext::parse("{\"\u{e4}\":\"\"}").unwrap();
        let decomposed = EncryptionContext::parse("{\"a\u{308}\":\"\"}").unwrap();
        assert_ne!(composed, decomposed);
    }

    #[test]
    fn the_empty_object_is_the_empty_context() {
        assert_eq!(EncryptionContext::parse("{}"), Some(EncryptionContext::empty()));
        assert_eq!(EncryptionContext::empty().aad(), b"");
    }

    #[test]
    fn pairs_cannot_be_shifted_into_one_another() {
        let one = EncryptionContext::parse(r#"{"ab":"c"}"#).unwrap();
        let two = EncryptionContext::parse(r#"{"a":"bc"}"#).unwrap();
        assert_ne!(one.aad(), two.aad());
    }

    #[test]
    fn anything_but_an_object_of_texts_is_refused() {
        for text in [
            "",
            " ",
            "null",
            "[]",
            "\"a\"",
            "1",
            r#"{"a":1}"#,
            r#"{"a":null}"#,
            r#"{"a":{}}"#,
            r#"{"a":["b"]}"#,
            r#"{"a":"b""#,
            r#"{"a":"b",}"#,
            r#"{"a":"b"} x"#,
            r#"{"a":"b"}{}"#,
            r#"{1:"b"}"#,
            r#"{"a":"\ud800"}"#,
            "{\"a\":\"\u{1}\"}",
        ] {
            assert_eq!(EncryptionContext::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_that_occurs_twice_is_refused() {
        for text in [
            r#"{"a":"1","a":"1"}"#,
            r#"{"a":"1","b":"2","a":"3"}"#,
            r#"{"a":"1","\u0061":"2"}"#,
        ] {
            assert_eq!(EncryptionContext::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_limit_counts_characters_on_both_sides() {
        let of = |chars: usize, letter: &str| format!(r#"{{"a":"{}"}}"#, letter.repeat(chars - 8));
        for letter in ["x", "密"] {
            assert!(EncryptionContext::parse(&of(8_192, letter)).is_some());
            assert!(EncryptionContext::parse(&of(8_193, letter)).is_none());
        }
    }

    proptest! {
        #[test]
        fn equal_bytes_mean_equal_pairs(
            a in proptest::collection::btree_map(".{0,4}", ".{0,4}", 0..4),
            b in proptest::collection::btree_map(".{0,4}", ".{0,4}", 0..4),
        ) {
            let context = |map: &BTreeMap<String, String>| {
                EncryptionContext::parse(&serde_json::to_string(map).unwrap()).unwrap()
            };
            prop_assert_eq!(a == b, context(&a).aad() == context(&b).aad());
        }
    }
}
