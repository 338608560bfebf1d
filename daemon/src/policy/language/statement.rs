//! One statement of a document.

use std::fmt;

use super::{Actions, Condition, Pattern, Principal};

/// What a statement does when all of it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It grants.
    Allow,
    /// It refuses, whatever else grants.
    Deny,
}

impl Effect {
    /// Reads the text of the element; exactly `Allow` or `Deny`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "Allow" => Some(Self::Allow),
            "Deny" => Some(Self::Deny),
            _ => None,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        })
    }
}

/// One statement: action, resource, principal and conditions must all hold for it to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The name its author gave it; need not be unique.
    pub sid: Option<Box<str>>,
    /// What it does.
    pub effect: Effect,
    /// The actions it is about.
    pub actions: Actions,
    /// The resources it is about; empty (trust policies alone) means whatever the document is attached to.
    pub resources: Vec<Pattern>,
    /// The callers it is about; `None` (identity and session policies) means whoever the document is attached to.
    pub principals: Option<Vec<Principal>>,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
}
