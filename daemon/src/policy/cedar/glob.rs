//! Patterns with `?`. Cedar has no wildcard for one character and no functions of our own, so the host matches these few
//! patterns and hands in those that hold, as texts that the policy looks for.

use std::fmt;

use crate::policy::language::{ConditionKey, Pattern};

/// What a pattern is held against.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The resource's ARN.
    Resource,
    /// The value of a condition key.
    Key(ConditionKey),
}

/// A pattern and its subject, which the inputs of a set must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    /// What it is held against.
    pub subject: Subject,
    /// The pattern.
    pub pattern: Pattern,
}

/// `SUBJECT ~ PATTERN`. A tilde of the subject is doubled, so that the first single one between blanks ends it: a tag
/// key is free text, and two globs must never have one name.
impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Subject::Resource => f.write_str("resource")?,
            Subject::Key(key) => f.write_str(&key.canonical().replace('~', "~~"))?,
        }
        write!(f, " ~ {}", self.pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(key: &str, pattern: &str) -> String {
        let subject = Subject::Key(ConditionKey::parse(key).unwrap());
        let pattern = Pattern::parse(pattern);
        Glob { subject, pattern }.to_string()
    }

    #[test]
    fn a_glob_is_named_by_subject_and_pattern() {
        assert_eq!(name("acs:ResourceTag/Env", "d?v"), "kms:tag/Env ~ d?v");
    }

    // Without the doubling both are "kms:tag/a ~ b ~ c?".
    #[test]
    fn free_text_cannot_make_two_globs_one() {
        assert_ne!(name("kms:tag/a", "b ~ c?"), name("kms:tag/a ~ b", "c?"));
    }
}
