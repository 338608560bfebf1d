//! Actions: `kms:Encrypt`, `kms:*Key`, `k*`. Case never counts.

use std::fmt;

use super::{Pattern, dialect};

/// A pattern over action names.
///
/// `kms:ReEncrypt` without a wildcard stands for ReEncryptFrom and ReEncryptTo: newer documents write the bare name,
/// and a Deny on it must not be a silent no-op.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionPattern {
    text: Box<str>,
    folded: Pattern,
}

impl ActionPattern {
    /// Parses `[A-Za-z0-9*?_-]+(:[A-Za-z0-9*?_-]+)?`; without a colon it must hold a `*`.
    pub fn parse(text: &str) -> Option<Self> {
        let part = |part: &str| {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"*?_-".contains(&b);
            !part.is_empty() && part.bytes().all(allowed)
        };
        let legal = match text.split_once(':') {
            Some((service, name)) => part(service) && part(name),
            None => part(text) && text.contains('*'),
        };
        (legal && text.len() <= dialect::ACTION_BYTES_MAX).then(|| Self {
            text: text.into(),
            folded: Pattern::parse(&text.to_ascii_lowercase()),
        })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same pattern in lower case, to be held against lower-case names.
    pub const fn folded(&self) -> &Pattern {
        &self.folded
    }

    /// Whether it is `*`, every action of every service.
    pub fn is_any(&self) -> bool {
        self.folded.is_any()
    }

    /// Whether it names this action (`kms:Encrypt`).
    pub fn matches(&self, action: &str) -> bool {
        let action = action.to_ascii_lowercase();
        if self.folded.literal() == Some(dialect::RE_ENCRYPT) {
            return dialect::RE_ENCRYPT_ACTIONS.contains(&action.as_str());
        }
        self.folded.matches(&action)
    }
}

impl fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The actions a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actions {
    /// `Action`: those that one of the patterns names.
    Only(Vec<ActionPattern>),
    /// `NotAction`: all that none of the patterns names.
    AllBut(Vec<ActionPattern>),
}

impl Actions {
    /// The patterns as written.
    pub fn patterns(&self) -> &[ActionPattern] {
        match self {
            Self::Only(patterns) | Self::AllBut(patterns) => patterns,
        }
    }

    /// Whether the statement is about this action.
    pub fn cover(&self, action: &str) -> bool {
        let named = self.patterns().iter().any(|pattern| pattern.matches(action));
        named == matches!(self, Self::Only(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_has_two_sides() {
        let longest = format!("kms:{}", "a".repeat(252));
        for good in [
            "kms:Encrypt",
            "*",
            "k*",
            "*:Decrypt",
            "kms:*",
            "kms:Enc?ypt",
            "a-b_c:d",
            &longest,
        ] {
            assert!(ActionPattern::parse(good).is_some(), "{good}");
        }
        let too_long = format!("{longest}a");
        for bad in [
            "",
            "Encrypt",
            "k?",
            "kms:",
            ":x",
            "kms:a:b",
            "kms:Enc rypt",
            "kms:ä",
            "kms.x:*",
            &too_long,
        ] {
            assert!(ActionPattern::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn re_encrypt_stands_for_both_halves_and_only_when_written_out() {
        let bare = ActionPattern::parse("kms:reencrypt").unwrap();
        assert!(bare.matches("kms:ReEncryptFrom") && bare.matches("kms:ReEncryptTo"));
        assert!(!bare.matches("kms:ReEncryptBoth"));
        assert!(
            !ActionPattern::parse("kms:ReEncryp?")
                .unwrap()
                .matches("kms:ReEncryptTo")
        );
    }

    #[test]
    fn not_action_is_the_complement() {
        let patterns = vec![ActionPattern::parse("kms:List*").unwrap()];
        assert!(Actions::Only(patterns.clone()).cover("KMS:LISTKEYS"));
        assert!(!Actions::AllBut(patterns.clone()).cover("kms:ListKeys"));
        assert!(Actions::AllBut(patterns).cover("ram:GetUser"));
    }
}
