//! The parser. serde_json does the JSON; the visitors below accept the grammar and nothing else, and remember where they
//! are, so that a fault names its element and place.
//!
//! The grammar has no recursion and ends at a depth of six, below `dialect::DEPTH_MAX`: what nests deeper meets a
//! visitor that expects a text. Nothing is collected before it is counted (I2).

mod condition;
mod list;
mod principal;
mod statement;

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::dialect::TextLimit;
use super::{DocumentKind, Fault, Statement, dialect};

/// Reads the statements of a document.
pub(super) fn statements(kind: DocumentKind, text: &str) -> Result<Vec<Statement>, Fault> {
    let reader = Reader::new(kind);
    if let Some(message) = oversize(kind, text) {
        return Err(reader.whole(message));
    }
    if let Some((at, message)) = inexact_number(text) {
        return Err(reader.placed(text, at, message));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    DocumentSeed(&reader)
        .deserialize(&mut json)
        .and_then(|statements| json.end().map(|()| statements))
        .map_err(|error| reader.fault(text, &error))
}

fn oversize(kind: DocumentKind, text: &str) -> Option<String> {
    let (length, most, unit) = match dialect::text_limit(kind) {
        TextLimit::Bytes(most) => (text.len(), most, "bytes"),
        // More bytes than four a character: no need to count.
        TextLimit::Chars(most) if text.len() > most.saturating_mul(4) => (text.len() / 4, most, "characters"),
        TextLimit::Chars(most) => (text.chars().count(), most, "characters"),
    };
    (length > most).then(|| format!("the document is longer than {most} {unit}, the most for a {kind}"))
}

/// The first JSON number whose text a machine number would not keep: with an exponent, or a fraction of more than 15
/// digits. Reviewers and evaluators must not see different numbers.
fn inexact_number(text: &str) -> Option<(usize, String)> {
    let (mut in_text, mut escaped, mut start) = (false, false, None);
    for (at, b) in text.bytes().chain([b' ']).enumerate() {
        let numeric = !in_text && (b.is_ascii_digit() || (start.is_some() && b"+-.eE".contains(&b)));
        match (numeric, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                let number = text.get(from..at)?;
                let digits = number.bytes().filter(u8::is_ascii_digit).count();
                if number.contains(['e', 'E']) || (number.contains('.') && digits > 15) {
                    return Some((from, "the number is not exact; write it as a string".into()));
                }
                start = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
        (in_text, escaped) = match (in_text, escaped, b) {
            (true, true, _) => (true, false),
            (true, false, b'\\') => (true, true),
            (true, false, b'"') => (false, false),
            (false, _, b'"') => (true, false),
            (open, _, _) => (open, false),
        };
    }
    None
}

/// Where the parser is, and the first fault it met.
struct Reader {
    kind: DocumentKind,
    path: RefCell<Vec<Step>>,
    fault: Cell<Option<String>>,
}

enum Step {
    Element(Box<str>),
    Item(usize),
}

impl Reader {
    fn new(kind: DocumentKind) -> Self {
        Self {
            kind,
            path: RefCell::new(Vec::new()),
            fault: Cell::new(None),
        }
    }

    /// Goes into an element. A fault leaves the path as it is, which is how the fault finds its place.
    fn enter(&self, step: Step) {
        self.path.borrow_mut().push(step);
    }

    fn leave(&self) {
        self.path.borrow_mut().pop();
    }

    /// Refuses the document.
    fn refuse<E: serde::de::Error>(&self, message: impl fmt::Display) -> E {
        self.fault.set(Some(message.to_string()));
        E::custom("refused")
    }

    /// Reads one element's value, with the path kept.
    fn element<'de, M, S>(&self, map: &mut M, name: &str, seed: S) -> Result<S::Value, M::Error>
    where
        M: MapAccess<'de>,
        S: DeserializeSeed<'de>,
    {
        self.enter(Step::Element(name.into()));
        let value = map.next_value_seed(seed)?;
        self.leave();
        Ok(value)
    }

    /// Sets an element that may stand once.
    fn once<T, E: serde::de::Error>(&self, slot: &mut Option<T>, name: &str, value: T) -> Result<(), E> {
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(self.repeated(name)),
        }
    }

    fn repeated<E: serde::de::Error>(&self, name: &str) -> E {
        self.refuse(format_args!("`{}` stands twice", cut(name)))
    }

    /// Refuses an element by its name; `known` are those that may stand here.
    fn unknown<E: serde::de::Error>(&self, name: &str, known: &[&str]) -> E {
        let nearest = known.iter().max_by(|a, b| {
            let near = |candidate: &str| {
                strsim::jaro_winkler(&name.to_ascii_lowercase(), &candidate.to_ascii_lowercase())
            };
            near(a).total_cmp(&near(b))
        });
        let name = cut(name);
        match nearest.filter(|nearest| strsim::jaro_winkler(&name, nearest) > 0.8) {
            Some(nearest) => self.refuse(format_args!(
                "`{name}` is no element here; did you mean `{nearest}`?"
            )),
            None => self.refuse(format_args!("`{name}` is no element here")),
        }
    }

    fn path(&self) -> Box<str> {
        let mut text = String::new();
        for step in self.path.borrow().iter() {
            match step {
                Step::Element(name) if text.is_empty() => text.push_str(&cut(name)),
                Step::Element(name) => text.extend([".", &cut(name)]),
                Step::Item(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text.into()
    }

    fn whole(&self, message: String) -> Fault {
        Fault {
            line: 0,
            column: 0,
            path: self.path(),
            message: message.into(),
        }
    }

    fn placed(&self, text: &str, at: usize, message: String) -> Fault {
        let before = text.get(..at).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Fault {
            line: before.matches('\n').count() + 1,
            column: before.get(start..).unwrap_or("").chars().count() + 1,
            ..self.whole(message)
        }
    }

    fn fault(&self, text: &str, error: &serde_json::Error) -> Fault {
        // serde_json counts columns in bytes; people count characters.
        let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or("");
        let (within, _) = line.split_at(line.floor_char_boundary(error.column()));
        Fault {
            line: error.line(),
            column: within.chars().count().max(1),
            ..self.whole(self.fault.take().unwrap_or_else(|| in_words(error)))
        }
    }
}

/// The message of serde_json without the place, and without its names of types.
fn in_words(error: &serde_json::Error) -> String {
    let shown = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = shown.strip_suffix(&place).unwrap_or(&shown);
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if error.is_data() => format!("expected {}", cut(expected)),
        _ => format!("not JSON: {}", cut(message)),
    }
}

/// Texts of the document in messages are short, whatever the document holds, and on one line.
fn cut(text: &str) -> String {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut short: String = text.chars().take(SHOWN_CHARS_MAX).map(clean).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        short.push_str("...");
    }
    short
}

/// Longest part of a document shown in a message, characters.
const SHOWN_CHARS_MAX: usize = 100;

/// The whole document.
struct DocumentSeed<'r>(&'r Reader);

impl<'de> DeserializeSeed<'de> for DocumentSeed<'_> {
    type Value = Vec<Statement>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_> {
    type Value = Vec<Statement>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy document, an object with `Version` and `Statement`")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let reader = self.0;
        let (mut version, mut statements) = (None, None);
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "Version" => {
                    let text = reader.element(&mut map, &name, list::Text("the string `1`"))?;
                    reader.once(&mut version, &name, text)?;
                }
                "Statement" => {
                    let list = reader.element(&mut map, &name, StatementsSeed(reader))?;
                    reader.once(&mut statements, &name, list)?;
                }
                _ => return Err(reader.unknown(&name, &["Version", "Statement"])),
            }
        }
        match (version.as_deref(), statements) {
            (Some(dialect::VERSION), Some(statements)) => Ok(statements),
            (Some(dialect::VERSION), None) => Err(reader.refuse("`Statement` is missing")),
            (Some(other), _) => Err(reader.refuse(format_args!("`Version` is `{}`, not `1`", cut(other)))),
            (None, _) => Err(reader.refuse("`Version` is missing; it is the string `1`")),
        }
    }
}

/// The array of statements.
struct StatementsSeed<'r>(&'r Reader);

impl<'de> DeserializeSeed<'de> for StatementsSeed<'_> {
    type Value = Vec<Statement>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for StatementsSeed<'_> {
    type Value = Vec<Statement>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of statements")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Self::Value, S::Error> {
        let reader = self.0;
        let mut statements = Vec::new();
        loop {
            reader.enter(Step::Item(statements.len()));
            let next = items.next_element_seed(statement::StatementSeed(reader))?;
            match next {
                Some(_) if statements.len() >= dialect::STATEMENTS_MAX => {
                    return Err(
                        reader.refuse(format_args!("more than {} statements", dialect::STATEMENTS_MAX))
                    );
                }
                Some(statement) => statements.push(statement),
                None => break,
            }
            reader.leave();
        }
        reader.leave();
        if statements.is_empty() {
            return Err(reader.refuse("a document needs at least one statement"));
        }
        Ok(statements)
    }
}
