//! Conditions: an operator, a key, and the values it is held against.

use std::fmt;

use super::value::{lower, read_flag};
use super::{Moment, Network, Number, Pattern, dialect};

/// How the operator reads both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Text.
    String,
    /// Decimal numbers.
    Numeric,
    /// Moments.
    Date,
    /// `true` or `false`.
    Bool,
    /// Addresses and blocks.
    Ip,
}

macro_rules! operators {
    ($($name:ident $family:ident $negated:literal,)*) => {
        /// An operator of the language. There is no IfExists, no Null, no set operator.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operator {
            $(
                #[doc = concat!("`", stringify!($name), "`.")]
                $name,
            )*
        }

        impl Operator {
            /// Every operator.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name, as policies write it; case counts.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// How it reads both sides.
            pub const fn family(self) -> Family {
                match self {
                    $(Self::$name => Family::$family,)*
                }
            }

            /// Whether it is the NOT of its positive: true when no value matches, also when there is none.
            pub const fn is_negated(self) -> bool {
                match self {
                    $(Self::$name => $negated,)*
                }
            }
        }
    };
}

operators! {
    StringEquals String false,
    StringNotEquals String true,
    StringEqualsIgnoreCase String false,
    StringNotEqualsIgnoreCase String true,
    StringLike String false,
    StringNotLike String true,
    NumericEquals Numeric false,
    NumericNotEquals Numeric true,
    NumericLessThan Numeric false,
    NumericLessThanEquals Numeric false,
    NumericGreaterThan Numeric false,
    NumericGreaterThanEquals Numeric false,
    DateEquals Date false,
    DateNotEquals Date true,
    DateLessThan Date false,
    DateLessThanEquals Date false,
    DateGreaterThan Date false,
    DateGreaterThanEquals Date false,
    Bool Bool false,
    IpAddress Ip false,
    NotIpAddress Ip true,
}

impl Operator {
    /// Reads a name; exact.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operator| operator.name() == text)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The values of one key, read in the operator's family. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// StringEquals and its kin, as written (also under IgnoreCase: see `value::lower`).
    Texts(Vec<Box<str>>),
    /// StringLike and StringNotLike.
    Patterns(Vec<Pattern>),
    /// The Numeric operators.
    Numbers(Vec<Number>),
    /// The Date operators.
    Moments(Vec<Moment>),
    /// Bool.
    Flags(Vec<bool>),
    /// IpAddress and NotIpAddress.
    Networks(Vec<Network>),
}

impl Values {
    /// Reads the texts of a list; the error is the first that does not read.
    pub fn parse(operator: Operator, texts: Vec<Box<str>>) -> Result<Self, Box<str>> {
        fn all<T>(texts: Vec<Box<str>>, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Box<str>> {
            texts.into_iter().map(|text| read(&text).ok_or(text)).collect()
        }
        Ok(match operator.family() {
            Family::String if matches!(operator, Operator::StringLike | Operator::StringNotLike) => {
                Self::Patterns(all(texts, |text| Some(Pattern::parse(text)))?)
            }
            Family::String => Self::Texts(texts),
            Family::Numeric => Self::Numbers(all(texts, Number::read)?),
            Family::Date => Self::Moments(all(texts, Moment::read)?),
            Family::Bool => Self::Flags(all(texts, read_flag)?),
            Family::Ip => Self::Networks(all(texts, Network::parse)?),
        })
    }

    /// The values as text, in their normal form.
    pub fn texts(&self) -> Vec<String> {
        fn shown<T: fmt::Display>(values: &[T]) -> Vec<String> {
            values.iter().map(T::to_string).collect()
        }
        match self {
            Self::Texts(values) => shown(values),
            Self::Patterns(values) => shown(values),
            Self::Numbers(values) => shown(values),
            Self::Moments(values) => shown(values),
            Self::Flags(values) => shown(values),
            Self::Networks(values) => shown(values),
        }
    }
}

macro_rules! keys {
    ($($name:ident $text:literal,)*) => {
        /// A condition key in its one canonical form.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ConditionKey {
            $(
                #[doc = concat!("`", $text, "`.")]
                $name,
            )*
            /// `kms:tag/K` and `acs:ResourceTag/K`: a tag of the key or secret under check.
            Tag(Box<str>),
            /// `acs:RequestTag/K`: a tag that the request sends.
            RequestTag(Box<str>),
            /// `kms:EncryptionContext:K`: a pair of the request's EncryptionContext.
            EncryptionContext(Box<str>),
            /// A key that is never present: known but without a value here, or of another service.
            Absent(Box<str>),
        }

        impl ConditionKey {
            /// The keys without an open part.
            pub const FIXED: &[Self] = &[$(Self::$name),*];

            /// The one name under which both evaluators know the key.
            pub fn canonical(&self) -> std::borrow::Cow<'_, str> {
                match self {
                    $(Self::$name => $text.into(),)*
                    Self::Tag(key) => format!("{TAG}{key}").into(),
                    Self::RequestTag(key) => format!("{REQUEST_TAG}{key}").into(),
                    Self::EncryptionContext(key) => format!("{ENCRYPTION_CONTEXT}{key}").into(),
                    Self::Absent(name) => (&**name).into(),
                }
            }
        }
    };
}

keys! {
    CurrentTime "acs:CurrentTime",
    SourceIp "acs:SourceIp",
    SecureTransport "acs:SecureTransport",
    MfaPresent "acs:MFAPresent",
    PrincipalArn "acs:PrincipalARN",
    AccountId "acs:AccountId",
    AccessId "acs:AccessId",
    UserAgent "acs:UserAgent",
    EncryptionAlgorithm "kms:EncryptionAlgorithm",
    SigningAlgorithm "kms:SigningAlgorithm",
    KeySpec "kms:KeySpec",
    KeyUsage "kms:KeyUsage",
    KeyOrigin "kms:KeyOrigin",
    ProtectionLevel "kms:ProtectionLevel",
    ExternalId "sts:ExternalId",
    RoleSessionName "sts:RoleSessionName",
    SourceIdentity "sts:SourceIdentity",
}

const TAG: &str = "kms:tag/";
const RESOURCE_TAG: &str = "acs:ResourceTag/";
const REQUEST_TAG: &str = "acs:RequestTag/";
const ENCRYPTION_CONTEXT: &str = "kms:EncryptionContext:";

/// Keys of the real service that never have a value here.
const KNOWN_ABSENT: [&str; 5] = [
    "acs:SourceVpc",
    "acs:VpcSourceIp",
    "acs:PrincipalRDId",
    "acs:PrincipalRDPath",
    "acs:Service",
];

impl ConditionKey {
    /// Reads the name of a key: the fixed part without case, the open part (tag, context key) exactly. `None` for a
    /// name that no service could have and for an unknown name of a service whose names are all known.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > dialect::CONDITION_KEY_BYTES_MAX {
            return None;
        }
        let open = |prefix: &str| {
            let (head, tail) = text.split_at_checked(prefix.len())?;
            head.eq_ignore_ascii_case(prefix).then_some(tail)
        };
        if let Some(tag) = open(TAG).or_else(|| open(RESOURCE_TAG)) {
            return (!tag.is_empty()).then(|| Self::Tag(tag.into()));
        }
        if let Some(tag) = open(REQUEST_TAG) {
            return (!tag.is_empty()).then(|| Self::RequestTag(tag.into()));
        }
        if let Some(key) = open(ENCRYPTION_CONTEXT) {
            return (!key.is_empty()).then(|| Self::EncryptionContext(key.into()));
        }
        if let Some(fixed) = Self::FIXED
            .iter()
            .find(|key| key.canonical().eq_ignore_ascii_case(text))
        {
            return Some(fixed.clone());
        }
        if let Some(known) = KNOWN_ABSENT.iter().find(|name| name.eq_ignore_ascii_case(text)) {
            return Some(Self::Absent((*known).into()));
        }
        let (service, name) = text.split_once(':')?;
        let known = dialect::KNOWN_SERVICES
            .iter()
            .any(|known| known.eq_ignore_ascii_case(service));
        let is_word =
            |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (!known && is_word(service) && !name.is_empty())
            .then(|| Self::Absent(format!("{}:{name}", service.to_ascii_lowercase()).into()))
    }

    /// Whether it is a tag of the resource under check, which only keys and secrets have.
    pub const fn is_resource_tag(&self) -> bool {
        matches!(self, Self::Tag(_))
    }
}

impl fmt::Display for ConditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical())
    }
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The operator.
    pub operator: Operator,
    /// The key.
    pub key: ConditionKey,
    /// The values: any of them for a positive operator, none of them for a negated one.
    pub values: Values,
}

impl Condition {
    /// Whether it holds for this value of the request; `None` means that the request has none.
    pub fn holds(&self, value: Option<&str>) -> bool {
        match value.and_then(|value| self.any(value)) {
            Some(any) => any != self.operator.is_negated(),
            None => dialect::holds_without_value(self.operator),
        }
    }

    /// Whether any of the values matches, by the operator's positive; `None` if the text does not read.
    fn any(&self, text: &str) -> Option<bool> {
        Some(match &self.values {
            Values::Texts(values) if self.ignores_case() => {
                let text = lower(text);
                values.iter().any(|value| lower(value) == text)
            }
            Values::Texts(values) => values.iter().any(|value| **value == *text),
            Values::Patterns(values) => values.iter().any(|pattern| pattern.matches(text)),
            Values::Numbers(values) => self.ordered(Number::read(text)?, values),
            Values::Moments(values) => self.ordered(Moment::read(text)?, values),
            Values::Flags(values) => values.contains(&read_flag(text)?),
            Values::Networks(values) => {
                let address = super::value::read_address(text)?;
                values.iter().any(|network| network.contains(address))
            }
        })
    }

    const fn ignores_case(&self) -> bool {
        matches!(
            self.operator,
            Operator::StringEqualsIgnoreCase | Operator::StringNotEqualsIgnoreCase
        )
    }

    fn ordered<T: Ord>(&self, found: T, values: &[T]) -> bool {
        use Operator as O;
        values.iter().any(|value| match self.operator {
            O::NumericLessThan | O::DateLessThan => found < *value,
            O::NumericLessThanEquals | O::DateLessThanEquals => found <= *value,
            O::NumericGreaterThan | O::DateGreaterThan => found > *value,
            O::NumericGreaterThanEquals | O::DateGreaterThanEquals => found >= *value,
            // Equals, and the positive of NotEquals. The other families have no order and never come here.
            _ => found == *value,
        })
    }
}
