//! A whole document.

use std::fmt;

use super::Statement;

/// Where a document stands; the grammar differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// A policy attached to users, groups and roles.
    Identity,
    /// The policy of one session, given to AssumeRole.
    Session,
    /// The policy of a key or a secret.
    Resource,
    /// The trust policy of a role.
    Trust,
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity policy",
            Self::Session => "session policy",
            Self::Resource => "key policy",
            Self::Trust => "trust policy",
        })
    }
}

/// A document that was understood completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    kind: DocumentKind,
    statements: Vec<Statement>,
}

impl Document {
    /// Parses the text (I1). The text is kept by the caller: it is what the API returns, byte for byte.
    pub fn parse(kind: DocumentKind, text: &str) -> Result<Self, Fault> {
        let statements = super::read::statements(kind, text)?;
        Ok(Self { kind, statements })
    }

    /// Where it stands.
    pub const fn kind(&self) -> DocumentKind {
        self.kind
    }

    /// Its statements in order; at least one.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

/// Why a text is no document: the first fault, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1; 0 if the fault is of the text as a whole.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The element, `Statement[0].Condition.StringEquals`; empty for the text as a whole.
    pub path: Box<str>,
    /// What is wrong, in words for the author of the document.
    pub message: Box<str>,
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.line == 0 {
            return Ok(());
        }
        write!(f, " (line {}, column {}", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, ", at {}", self.path)?;
        }
        f.write_str(")")
    }
}
