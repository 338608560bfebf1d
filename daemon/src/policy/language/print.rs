//! Statements as JSON, in normal form: every list an array, every value as its family prints it. What is printed parses
//! to the same statements. For explanations; the API returns the text that was stored.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Actions, Condition, Document, Principal, Statement, dialect};

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("Version", dialect::VERSION)?;
        map.serialize_entry("Statement", self.statements())?;
        map.end()
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        if let Some(sid) = &self.sid {
            map.serialize_entry("Sid", sid)?;
        }
        map.serialize_entry("Effect", &self.effect.to_string())?;
        if let Some(principals) = &self.principals {
            map.serialize_entry("Principal", &Principals(principals))?;
        }
        let element = match &self.actions {
            Actions::Only(_) => "Action",
            Actions::AllBut(_) => "NotAction",
        };
        map.serialize_entry(element, &texts(self.actions.patterns()))?;
        if !self.resources.is_empty() {
            map.serialize_entry("Resource", &texts(&self.resources))?;
        }
        if !self.conditions.is_empty() {
            map.serialize_entry("Condition", &Conditions(&self.conditions))?;
        }
        map.end()
    }
}

struct Principals<'a>(&'a [Principal]);

impl Serialize for Principals<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for block in self.0.chunk_by(|a, b| a.block() == b.block()) {
            if let Some(first) = block.first() {
                map.serialize_entry(first.block(), &texts(block))?;
            }
        }
        map.end()
    }
}

/// All conditions of a statement; those of one operator stand together, as they were read.
struct Conditions<'a>(&'a [Condition]);

impl Serialize for Conditions<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for keys in self.0.chunk_by(|a, b| a.operator == b.operator) {
            if let Some(first) = keys.first() {
                map.serialize_entry(first.operator.name(), &Keys(keys))?;
            }
        }
        map.end()
    }
}

struct Keys<'a>(&'a [Condition]);

impl Serialize for Keys<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(
            self.0
                .iter()
                .map(|condition| (condition.key.canonical(), condition.values.texts())),
        )
    }
}

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(T::to_string).collect()
}
