//! The tree an answer is made of: ordered fields, rendered as JSON or XML by the api room.
//!
//! I1  There is no null: what is absent is left out, and an empty list keeps its wrapper.
//! I2  A secret in an answer is zeroized on drop and shown by its length in `Debug` (law 4).
//!
//! Never: knows how it is rendered, or an operation by name.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::SecretBytes;

/// The fields of an answer, in the order in which they were added.
#[derive(Debug, Default)]
pub struct Answer(Vec<(&'static str, Value)>);

/// The value of one field.
#[derive(Debug)]
pub enum Value {
    /// Text. Also dates and intervals, which the wire carries as text.
    Text(Cow<'static, str>),
    /// Text that is secret.
    Secret(SecretText),
    /// A JSON number.
    Number(u64),
    /// A JSON boolean.
    Bool(bool),
    /// A nested object.
    Object(Answer),
    /// A list in its wrapper: `{"<field>":{"<item>":[..]}}`.
    List {
        /// The name of each item.
        item: &'static str,
        /// The items, none of them a list.
        values: Vec<Value>,
    },
    /// A list without a wrapper: `{"<field>":[..]}`; none of the items is a list.
    Bare(Vec<Value>),
}

impl Answer {
    /// No fields: the answer of an operation that returns nothing but its request id.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Adds a field when there is a value for it.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a text.
    #[must_use]
    pub fn text(self, name: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        self.with(name, Value::Text(text.into()))
    }

    /// Adds a number.
    #[must_use]
    pub fn number(self, name: &'static str, number: u64) -> Self {
        self.with(name, number)
    }

    /// Adds a boolean.
    #[must_use]
    pub fn boolean(self, name: &'static str, boolean: bool) -> Self {
        self.with(name, boolean)
    }

    /// Adds bytes that are not secret, as Base64.
    #[must_use]
    pub fn base64(self, name: &'static str, bytes: &[u8]) -> Self {
        self.text(name, STANDARD.encode(bytes))
    }

    /// Adds a list of items.
    #[must_use]
    pub fn list<V: Into<Value>>(
        self,
        name: &'static str,
        item: &'static str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.with(name, Value::List { item, values })
    }

    /// Adds a list that has no wrapper.
    #[must_use]
    pub fn bare_list<V: Into<Value>>(self, name: &'static str, values: impl IntoIterator<Item = V>) -> Self {
        self.with(name, Value::Bare(values.into_iter().map(Into::into).collect()))
    }

    /// The fields in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter()
            .find_map(|(field, value)| (field == name).then_some(value))
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Value {
    /// The text, if this is a text that is not secret.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Cow<'static, str>> for Value {
    fn from(text: Cow<'static, str>) -> Self {
        Self::Text(text)
    }
}

impl From<SecretText> for Value {
    fn from(text: SecretText) -> Self {
        Self::Secret(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Self {
        Self::Bool(boolean)
    }
}

impl From<Answer> for Value {
    fn from(answer: Answer) -> Self {
        Self::Object(answer)
    }
}

/// Secret text: zeroized on drop, redacted in `Debug`, never cloned.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes over `text`; the caller keeps no copy.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The Base64 of secret bytes.
    pub fn base64(bytes: &SecretBytes) -> Self {
        // The exact length is set aside first: a string that grew would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(bytes.len().div_ceil(3) * 4));
        // EXPOSE: the encoder writes into a string that is zeroized, and keeps nothing.
        STANDARD.encode_string(bytes.expose(), &mut text);
        Self(text)
    }

    /// The text itself. Every caller says beside the call why it stays secret (`// EXPOSE:`).
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Length in bytes; not secret.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[secret text of {} bytes]", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_absent_ones_are_left_out() {
        let answer = Answer::new()
            .text("B", "1")
            .with_some("Absent", None::<String>)
            .number("A", 2)
            .with_some("C", Some(true));
        let names: Vec<_> = answer.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["B", "A", "C"]);
        assert_eq!(answer.get("B").and_then(Value::as_text), Some("1"));
        assert!(answer.get("Absent").is_none());
    }

    #[test]
    fn debug_of_an_answer_hides_its_secrets() {
        let secret = SecretText::base64(&SecretBytes::new(b"hunter2".to_vec()));
        assert_eq!(secret.expose(), "aHVudGVyMg==");
        let shown = format!("{:?}", Answer::new().with("Plaintext", secret));
        assert!(shown.contains("[secret text of 12 bytes]"), "{shown}");
        assert!(!shown.contains("aHVu"), "{shown}");
    }
}
