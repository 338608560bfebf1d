//! Where a translated condition finds its value.
//!
//! A *view* is an entity whose tags are the request's condition values, read in one family. A value that is missing or
//! does not read in the family has no tag, so "unreadable counts as missing" needs no words in a policy. An absent view
//! has no tags: `hasTag` on it is false, not an error.

use crate::policy::language::{ConditionKey, Operator, Values};

/// A view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// The values as they are.
    Text,
    /// The values in lower case.
    Lower,
    /// The values as decimal numbers.
    Number,
    /// The values as moments.
    Date,
    /// The values as addresses.
    Address,
    /// The values as truth values.
    Flag,
}

impl View {
    /// Every view.
    pub const ALL: [Self; 6] = [
        Self::Text,
        Self::Lower,
        Self::Number,
        Self::Date,
        Self::Address,
        Self::Flag,
    ];

    /// The type of its entity in the schema.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Text | Self::Lower => "Texts",
            Self::Number => "Numbers",
            Self::Date => "Moments",
            Self::Address => "Addresses",
            Self::Flag => "Flags",
        }
    }

    /// The id of its one entity.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Lower => "lower",
            Self::Number => "number",
            Self::Date => "date",
            Self::Address => "address",
            Self::Flag => "flag",
        }
    }

    /// The view that an operator with these values reads.
    pub const fn of(operator: Operator, values: &Values) -> Self {
        match (values, operator) {
            (Values::Texts(_), Operator::StringEqualsIgnoreCase | Operator::StringNotEqualsIgnoreCase) => {
                Self::Lower
            }
            (Values::Texts(_) | Values::Patterns(_), _) => Self::Text,
            (Values::Numbers(_), _) => Self::Number,
            (Values::Moments(_), _) => Self::Date,
            (Values::Networks(_), _) => Self::Address,
            (Values::Flags(_), _) => Self::Flag,
        }
    }
}

/// The attributes of the request's context that have a type of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Typed {
    /// The time of the request.
    CurrentTime,
    /// The address of the peer.
    SourceIp,
    /// Whether the transport is secure.
    SecureTransport,
    /// Whether the session was opened with a second factor.
    MfaPresent,
}

impl Typed {
    /// Every one.
    pub const ALL: [Self; 4] = [
        Self::CurrentTime,
        Self::SourceIp,
        Self::SecureTransport,
        Self::MfaPresent,
    ];

    /// The attribute's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CurrentTime => "currentTime",
            Self::SourceIp => "sourceIp",
            Self::SecureTransport => "secureTransport",
            Self::MfaPresent => "mfaPresent",
        }
    }

    /// The condition key it stands for.
    pub const fn key(self) -> ConditionKey {
        match self {
            Self::CurrentTime => ConditionKey::CurrentTime,
            Self::SourceIp => ConditionKey::SourceIp,
            Self::SecureTransport => ConditionKey::SecureTransport,
            Self::MfaPresent => ConditionKey::MfaPresent,
        }
    }

    /// The view whose reading it has.
    pub const fn view(self) -> View {
        match self {
            Self::CurrentTime => View::Date,
            Self::SourceIp => View::Address,
            Self::SecureTransport | Self::MfaPresent => View::Flag,
        }
    }
}

/// Where the value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// An attribute of the context.
    Context(Typed),
    /// A tag of the resource itself.
    ResourceTag(&'a str),
    /// A tag of a view, under the key's canonical name.
    In(View),
}

impl<'a> Place<'a> {
    /// Where this key stands for a condition that reads it in this view.
    pub fn of(key: &'a ConditionKey, view: View) -> Self {
        let typed = Typed::ALL
            .into_iter()
            .find(|typed| typed.key() == *key && typed.view() == view);
        match (key, view, typed) {
            (_, _, Some(typed)) => Self::Context(typed),
            (ConditionKey::Tag(tag), View::Text, None) => Self::ResourceTag(tag),
            (_, view, None) => Self::In(view),
        }
    }
}
