//! Ids of users, groups and roles, and what people call them (RAM contract, section 1.4).
//!
//! I1  An id is drawn once and never again; a name can pass from one to another. What must outlast a name keeps the id.
//! I2  A name is unique in its account ignoring case, and kept as it was written: `folded` is what is compared.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::entropy::{Entropy, make_array, make_letters};

macro_rules! numbered_id {
    ($(#[$doc:meta])* $name:ident, $first:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            const FIRST: u64 = $first;

            /// Draws a random id.
            pub fn make(entropy: &dyn Entropy) -> Self {
                Self(Self::FIRST + u64::from_be_bytes(make_array(entropy)) % ID_COUNT)
            }

            /// Parses 18 digits, the first of which says what it is the id of.
            pub fn parse(text: &str) -> Option<Self> {
                let digits = text.len() == 18 && text.bytes().all(|b| b.is_ascii_digit());
                let number = text.parse::<u64>().ok().filter(|_| digits)?;
                (Self::FIRST..Self::FIRST + ID_COUNT).contains(&number).then_some(Self(number))
            }

            /// The id that no other comes before.
            pub const fn least() -> Self {
                Self(0)
            }

            /// Big-endian bytes, for ordered row keys.
            pub const fn to_be_bytes(self) -> [u8; 8] {
                self.0.to_be_bytes()
            }

            /// From big-endian bytes.
            pub const fn from_be_bytes(bytes: [u8; 8]) -> Self {
                Self(u64::from_be_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:018}", self.0)
            }
        }
    };
}

/// So many ids begin with one digit.
const ID_COUNT: u64 = 100_000_000_000_000_000;

numbered_id!(
    /// A RAM user: 18 digits, the first of them 2.
    UserId,
    200_000_000_000_000_000
);
numbered_id!(
    /// A RAM role: 18 digits, the first of them 3.
    RoleId,
    300_000_000_000_000_000
);

/// A group of RAM users: `g-` and 16 letters and digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId([u8; 16]);

impl GroupId {
    const PREFIX: &'static str = "g-";

    /// Draws a random id.
    pub fn make(entropy: &dyn Entropy) -> Self {
        let mut id = [0; 16];
        id.iter_mut()
            .zip(make_letters(16, entropy).bytes())
            .for_each(|(to, from)| *to = from);
        Self(id)
    }

    /// Parses an id.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_bytes(text.strip_prefix(Self::PREFIX)?.as_bytes().try_into().ok()?)
    }

    /// The id that no other comes before.
    pub const fn least() -> Self {
        Self([0; 16])
    }

    /// The 16 letters and digits.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// From 16 letters and digits.
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        bytes.iter().all(u8::is_ascii_alphanumeric).then_some(Self(bytes))
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::PREFIX)?;
        self.0
            .iter()
            .try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for GroupId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GroupId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a group id"))
    }
}

/// What is wrong with a name. The error's code ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// A character that it may not have.
    #[error("it has a character that is not allowed there")]
    InvalidChars,
    /// Too short or too long.
    #[error("it is too short or too long")]
    Length,
    /// Not of its form.
    #[error("it is not of the form it must have")]
    Format,
}

/// A name without regard to case, for comparison alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Folded(Box<str>);

impl Folded {
    /// Folds a name: names are ASCII.
    pub fn of(name: &str) -> Self {
        Self(name.to_ascii_lowercase().into())
    }

    /// The folded name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $length:expr, $more:literal, $not:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Parses a name.
            pub fn parse(text: &str) -> Result<Self, NameFault> {
                check(text, $length, $more).map(|()| Self(text.into()))
            }

            /// The name as it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name without regard to case (I2).
            pub fn folded(&self) -> Folded {
                Folded::of(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text).map_err(|_| $not)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// Letters, digits and `more`; so many of them.
fn check(text: &str, length: std::ops::RangeInclusive<usize>, more: &[u8]) -> Result<(), NameFault> {
    if !text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
    {
        return Err(NameFault::InvalidChars);
    }
    if length.contains(&text.len()) {
        Ok(())
    } else {
        Err(NameFault::Length)
    }
}

name!(
    /// The name of a user: 1 to 64 of `[A-Za-z0-9._@-]`.
    UserName,
    1..=64,
    b"._-@",
    "not a user name"
);
name!(
    /// The name of a group: 1 to 64 of `[A-Za-z0-9._-]`.
    GroupName,
    1..=64,
    b"._-",
    "not a group name"
);
name!(
    /// The name of a role: 1 to 64 of `[A-Za-z0-9._-]`.
    RoleName,
    1..=64,
    b"._-",
    "not a role name"
);
name!(
    /// The name of a policy: 1 to 128 of `[A-Za-z0-9-]`.
    PolicyName,
    1..=128,
    b"-",
    "not a policy name"
);
name!(
    /// What a caller calls its session of a role: 2 to 64 of `[A-Za-z0-9.@_-]`.
    SessionName,
    2..=64,
    b".@_-",
    "not a session name"
);
name!(
    /// Who is behind a session, as the one who opened it said: 2 to 64 of `[A-Za-z0-9.@_-]`.
    SourceIdentity,
    2..=64,
    b".@_-",
    "not a source identity"
);
name!(
    /// The name of a user or a role, whichever acted.
    PrincipalName,
    1..=64,
    b"._-@",
    "not the name of a principal"
);

impl PolicyName {
    /// The name that no other comes before: `-` is the least of the characters allowed.
    pub fn least() -> Self {
        Self("-".into())
    }
}

impl RoleName {
    /// Whether the name is kept for roles of services.
    pub fn is_reserved(&self) -> bool {
        const RESERVED: &str = "AliyunServiceRoleFor";
        self.0
            .get(..RESERVED.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(RESERVED))
    }
}

impl From<UserName> for PrincipalName {
    fn from(name: UserName) -> Self {
        Self(name.0)
    }
}

impl From<RoleName> for PrincipalName {
    fn from(name: RoleName) -> Self {
        Self(name.0)
    }
}

/// What an account calls itself: 3 to 63 of `[a-z0-9]` and single hyphens inside. Unique in the daemon.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountAlias(Box<str>);

impl AccountAlias {
    /// Parses an alias.
    pub fn parse(text: &str) -> Result<Self, NameFault> {
        if !(3..=63).contains(&text.len()) {
            return Err(NameFault::Length);
        }
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let hyphens = text.starts_with('-') || text.ends_with('-') || text.contains("--");
        if hyphens || !text.bytes().all(allowed) {
            return Err(NameFault::Format);
        }
        Ok(Self(text.into()))
    }

    /// The alias as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AccountAlias {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).map_err(|_| "not an account alias")
    }
}

impl From<AccountAlias> for String {
    fn from(alias: AccountAlias) -> Self {
        alias.0.into()
    }
}

impl fmt::Display for AccountAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A version of a policy, from 1; shown as `v1`. Never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyVersion(u32);

impl PolicyVersion {
    /// The version that a policy is made with.
    pub const FIRST: Self = Self(1);
    /// The one that no policy comes to: what is only proposed is called that.
    pub const LAST: Self = Self(u32::MAX);

    /// Parses `v1`, `v2` and so on: no leading zero.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('v')?;
        let plain = !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse().ok().filter(|_| plain).map(Self)
    }

    /// The following one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for PolicyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SystemEntropy;

    #[test]
    fn ids_say_what_they_are_of() {
        let (user, role) = (UserId::make(&SystemEntropy), RoleId::make(&SystemEntropy));
        assert_eq!(UserId::parse(&user.to_string()), Some(user));
        assert_eq!(RoleId::parse(&role.to_string()), Some(role));
        assert!(user.to_string().starts_with('2') && role.to_string().starts_with('3'));
        assert_eq!(UserId::parse(&role.to_string()), None);
        assert_eq!(UserId::parse("+20000000000000000"), None);
        let group = GroupId::make(&SystemEntropy);
        assert_eq!(GroupId::parse(&group.to_string()), Some(group));
        assert_eq!(group.to_string().len(), 18);
        assert_eq!(GroupId::parse("g-0123456789abcde_"), None);
    }

    #[test]
    fn names_are_bounded_on_both_sides() {
        let longest = "n".repeat(64);
        for good in ["a", "A.b_c-9@x", longest.as_str()] {
            assert_eq!(UserName::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(UserName::parse(""), Err(NameFault::Length));
        assert_eq!(UserName::parse(&"n".repeat(65)), Err(NameFault::Length));
        for bad in ["a b", "a/b", "\u{e4}", "a*", "a:b"] {
            assert_eq!(UserName::parse(bad), Err(NameFault::InvalidChars), "{bad}");
        }
        assert_eq!(GroupName::parse("a@b"), Err(NameFault::InvalidChars));
        assert_eq!(PolicyName::parse("a_b"), Err(NameFault::InvalidChars));
        assert!(PolicyName::parse(&"p".repeat(128)).is_ok());
        assert_eq!(SessionName::parse("s"), Err(NameFault::Length));
        assert!(RoleName::parse("aliyunserviceroleforX").unwrap().is_reserved());
        assert_eq!(
            UserName::parse("Bob").unwrap().folded(),
            UserName::parse("bOB").unwrap().folded()
        );
    }

    #[test]
    fn account_aliases_have_single_hyphens_inside() {
        for good in ["abc", "a-b-c", &"a".repeat(63)] {
            assert!(AccountAlias::parse(good).is_ok(), "{good}");
        }
        for bad in ["-ab", "ab-", "a--b", "Abc", "a.b"] {
            assert_eq!(AccountAlias::parse(bad), Err(NameFault::Format), "{bad}");
        }
        for bad in ["ab", &"a".repeat(64)] {
            assert_eq!(AccountAlias::parse(bad), Err(NameFault::Length), "{bad}");
        }
    }

    #[test]
    fn policy_versions_are_counted_from_one() {
        assert_eq!(PolicyVersion::parse("v1"), Some(PolicyVersion::FIRST));
        assert_eq!(PolicyVersion::FIRST.next().to_string(), "v2");
        for bad in ["", "v", "v0", "v01", "1", "V1", "v+1", "v99999999999"] {
            assert_eq!(PolicyVersion::parse(bad), None, "{bad}");
        }
    }
}
