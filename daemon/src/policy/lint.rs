//! Mistakes people make: documents that parse, and do not do what their author meant.
//!
//! I1  A finding says what is the case for every request; what depends on data it does not guess at.
//! I2  A document without a mistake may still earn advice; advice is about what is unusual, not wrong.

mod actions;
mod conditions;
mod overlap;
mod resources;
mod shadows;

use std::fmt;

use super::catalogue::{self, Action};
use super::language::{Document, Statement};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Part of the document has no effect, which nobody can have meant.
    Mistake,
    /// Allowed, and worth a second look.
    Advice,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The statement, counted from 0.
    pub statement: usize,
    /// Its name, if it has one.
    pub sid: Option<Box<str>>,
    /// How bad it is.
    pub level: Level,
    /// What it is.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Mistake => "mistake",
            Level::Advice => "advice",
        };
        write!(f, "{level}: Statement[{}]", self.statement)?;
        if let Some(sid) = &self.sid {
            write!(f, " ({})", sid.escape_debug())?;
        }
        write!(f, ": {}", self.message)
    }
}

/// One statement with what it covers.
struct Subject<'a> {
    statement: &'a Statement,
    covered: Vec<&'static Action>,
}

/// What is found in one statement.
#[derive(Default)]
struct Notes(Vec<(Level, String)>);

impl Notes {
    fn mistake(&mut self, message: String) {
        self.0.push((Level::Mistake, message));
    }

    fn advice(&mut self, message: String) {
        self.0.push((Level::Advice, message));
    }
}

/// Everything that is found, in the order of the statements.
pub fn findings(document: &Document) -> Vec<Finding> {
    let subjects: Vec<_> = document
        .statements()
        .iter()
        .map(|statement| Subject {
            statement,
            covered: catalogue::covered(&statement.actions).collect(),
        })
        .collect();
    let mut found = Vec::new();
    for (index, subject) in subjects.iter().enumerate() {
        let mut notes = Notes::default();
        actions::look(subject, &mut notes);
        if !subject.covered.is_empty() {
            resources::look(subject, &mut notes);
            conditions::look(subject, &mut notes);
            shadows::look(&subjects, index, &mut notes);
        }
        found.extend(notes.0.into_iter().map(|(level, message)| Finding {
            statement: index,
            sid: subject.statement.sid.clone(),
            level,
            message,
        }));
    }
    found
}

/// The first few names of a list, for a sentence.
fn some<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    let shown = names
        .iter()
        .take(3)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(3) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
