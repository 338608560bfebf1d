//! Decision, request parameters and outcome, as an event records them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::base::{ApiError, Digest, Timestamp, limits};

/// What authorization said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The operation may be done.
    Allow,
    /// The operation may not be done.
    Deny,
    /// The operation ended before it could be decided (a bad parameter, an unknown resource), or needs no decision.
    None,
}

/// One authorization decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Admission time: the one clock reading that decision, expiry and rules use.
    pub at: Timestamp,
    /// The rule that made it, where no policy was asked (`account root`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<Cow<'static, str>>,
    /// What policies said, a check for each action on each resource, in the order of the event's resources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chk: Vec<Checked>,
    /// The condition values that the request brought, by key, for which the event has no other place. Recorded for
    /// callers who are subject to policies: a replay decides by them again.
    #[serde(default, skip_serializing_if = "Recorded::is_empty")]
    pub ctx: Recorded,
    /// What it was.
    pub effect: Effect,
}

/// What policies said of one action on one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// The statements that decided, `POLICY@VERSION#INDEX`; none when nothing allowed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// The action, `kms:Encrypt`.
    pub act: Cow<'static, str>,
    /// How it came out.
    pub kind: CheckKind,
    /// The kind of policy that decided.
    pub layer: PolicyLayer,
}

/// How one check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckKind {
    /// A statement allows it and none denies it.
    Allow,
    /// No statement allows it.
    ImplicitDeny,
    /// A statement denies it, or a policy could not be evaluated.
    ExplicitDeny,
}

/// The kinds of policy, in the order in which a denial is ascribed to one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PolicyLayer {
    /// The trust policy of a role.
    Trust,
    /// The policy of a session.
    Session,
    /// What is attached to the user, its groups or the role.
    Identity,
    /// The policy of a key or a secret.
    Resource,
}

impl Decision {
    /// A rule allowed it, and no policy was asked.
    pub fn allowed_by(at: Timestamp, rule: impl Into<Cow<'static, str>>) -> Self {
        Self {
            by: vec![rule.into()],
            effect: Effect::Allow,
            ..Self::none(at)
        }
    }

    /// No decision was made.
    pub const fn none(at: Timestamp) -> Self {
        Self {
            at,
            by: Vec::new(),
            chk: Vec::new(),
            ctx: Recorded::EMPTY,
            effect: Effect::None,
        }
    }
}

/// A recorded element: of a request or of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Element {
    /// A boolean.
    Bool(bool),
    /// A number; for a request parameter that is not on the allow-list, the length of its value in bytes.
    Number(u64),
    /// A text.
    Text(Cow<'static, str>),
    /// A text too long to stand here: its SHA-256 and length in bytes.
    Digest(Digest, u64),
}

impl Element {
    /// A text, by digest when it is longer than an event should carry.
    pub fn text(text: &str) -> Self {
        if text.len() <= limits::RECORDED_VALUE_BYTES_MAX {
            Self::Text(Cow::Owned(text.to_owned()))
        } else {
            Self::Digest(Digest::of(text.as_bytes()), text.len() as u64)
        }
    }
}

/// Named elements in canonical map order: shorter names first, then bytewise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recorded(Vec<(Cow<'static, str>, Element)>);

impl Recorded {
    /// No elements.
    pub const EMPTY: Self = Self(Vec::new());

    /// Adds an element. The last one of a name wins.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, element: Element) {
        let name = name.into();
        match self
            .0
            .binary_search_by(|(other, _)| canonical_order(other, &name))
        {
            Ok(at) => {
                if let Some(entry) = self.0.get_mut(at) {
                    entry.1 = element;
                }
            }
            Err(at) => self.0.insert(at, (name, element)),
        }
    }

    /// The element of this name.
    pub fn get(&self, name: &str) -> Option<&Element> {
        let at = self
            .0
            .binary_search_by(|(other, _)| canonical_order(other, name))
            .ok()?;
        self.0.get(at).map(|(_, element)| element)
    }

    /// All elements, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Element)> {
        self.0.iter().map(|(name, element)| (name.as_ref(), element))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The order of RFC 8949 section 4.2.1 for text keys: their encodings differ first in the length.
fn canonical_order(a: &str, b: &str) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

impl<N: Into<Cow<'static, str>>> FromIterator<(N, Element)> for Recorded {
    fn from_iter<I: IntoIterator<Item = (N, Element)>>(elements: I) -> Self {
        let mut recorded = Self::EMPTY;
        for (name, element) in elements {
            recorded.insert(name, element);
        }
        recorded
    }
}

impl Serialize for Recorded {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, element)| (name, element)))
    }
}

impl<'de> Deserialize<'de> for Recorded {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Recorded;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of recorded elements")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Recorded, A::Error> {
                let mut recorded = Recorded::default();
                while let Some((name, element)) = map.next_entry::<String, Element>()? {
                    recorded.insert(name, element);
                }
                Ok(recorded)
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It succeeded; the elements of the answer that are not secret.
    #[serde(rename = "ok")]
    Ok(Recorded),
    /// It failed.
    #[serde(rename = "err")]
    Error {
        /// The catalogue's code.
        code: Cow<'static, str>,
        /// The catalogue's text, never the text sent.
        text: Cow<'static, str>,
        /// The HTTP status.
        status: u16,
    },
}

impl Outcome {
    /// Whether the operation succeeded.
    pub const fn is_ok(&self) -> bool {
        matches!(self, Self::Ok(_))
    }
}

impl From<&ApiError> for Outcome {
    fn from(error: &ApiError) -> Self {
        Self::Error {
            code: error.wire_code(),
            text: error.code.text().into(),
            status: error.code.status(),
        }
    }
}
