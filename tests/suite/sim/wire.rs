//! Calls as the front makes them: a row of the table of operations and texts, read by the row's own handler.
//!
//! What an operation is asked for is put together from the names of its parameters, so a new operation is asked for
//! without a word here, as long as its parameters are old ones; a name that nobody here knows is told.

use std::collections::BTreeMap;
use std::fmt;

use chancery::api::params::Params;
use chancery::api::record::record;
use chancery::api::table::{Quotas, Request, Row, rows};
use chancery::base::{Answer, Value};
use chancery::engine::{Actor, Recorded, Scope, Work};

/// An operation with its parameters.
#[derive(Clone)]
pub struct Wire {
    /// Its row.
    pub row: &'static Row,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
}

impl Wire {
    /// The operation that events call `op`, with these parameters.
    pub fn new<N: Into<String>>(op: &str, params: impl IntoIterator<Item = (N, String)>) -> Self {
        let row = rows().find(|row| row.op == op);
        Self {
            row: row.unwrap_or_else(|| panic!("there is no {op}")),
            params: params
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
        }
    }

    /// A parameter; an empty one counts as none, as it does on the wire.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// The same, which may be empty.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    /// Whether it only asks whether it would succeed.
    pub fn is_rehearsal(&self) -> bool {
        self.get("DryRun") == Some("true")
    }

    /// What the front makes of it.
    pub fn work(&self, actor: &Actor, scope: &Scope) -> (Work, Recorded) {
        let pairs = self
            .params
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let query = pairs.collect::<Vec<_>>().join("&");
        let params = Params::parse(Some(&query), None).unwrap();
        let request = Request {
            params: &params,
            actor,
            scope,
            regions: std::slice::from_ref(&scope.region),
            quotas: &Quotas::default(),
        };
        let work = (self.row.handler)(&request).unwrap_or_else(Work::Invalid);
        (work, record(self.row, &params))
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.row.op, self.params)
    }
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// An answer as paths and texts: `Users.User.0.UserName`, and how many there are under `Users.User.#`.
pub type Flat = BTreeMap<String, String>;

/// Flattens an answer. Secrets stay where they are.
pub fn flatten(answer: &Answer) -> Flat {
    let mut flat = Flat::new();
    each_field(answer, "", &mut flat);
    flat
}

fn each_field(answer: &Answer, path: &str, flat: &mut Flat) {
    for (name, value) in answer.iter() {
        each_value(value, &format!("{path}{name}"), flat);
    }
}

fn each_value(value: &Value, path: &str, flat: &mut Flat) {
    let mut all = |path: String, values: &[Value]| {
        flat.insert(format!("{path}.#"), values.len().to_string());
        for (nth, value) in values.iter().enumerate() {
            each_value(value, &format!("{path}.{nth}"), flat);
        }
    };
    match value {
        Value::List { item, values } => all(format!("{path}.{item}"), values),
        Value::Bare(values) => all(path.to_owned(), values),
        Value::Object(fields) => each_field(fields, &format!("{path}."), flat),
        Value::Text(text) => drop(flat.insert(path.into(), text.to_string())),
        Value::Number(number) => drop(flat.insert(path.into(), number.to_string())),
        Value::Bool(is_so) => drop(flat.insert(path.into(), is_so.to_string())),
        Value::Secret(_) => {}
    }
}
