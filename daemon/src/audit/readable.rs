//! Rows and events as people and programs read them.

use ciborium::Value as Cbor;
use serde_json::{Map, Number, Value as Json};

use crate::base::{AccountId, Digest, KeyId, RoleId, UserId};
use crate::event::{Event, RowKey, Table};

/// A row's address as text: its table and what its key stands for.
pub fn row(row: &RowKey) -> String {
    let key = row.key.as_slice();
    let readable = match row.table {
        Table::Log => Some("the log's identity".to_owned()),
        Table::Account => key
            .try_into()
            .ok()
            .map(|bytes| format!("account {}", AccountId::from_be_bytes(bytes))),
        Table::AccessKey => text(key).map(|id| format!("access key {id}")),
        Table::InternalKey => key.first().map(|purpose| format!("internal key {purpose}")),
        Table::Key => key
            .try_into()
            .ok()
            .map(|bytes| format!("key {}", KeyId::from_bytes(bytes))),
        Table::Alias => alias(key),
        Table::Erasure => slot(key),
        Table::ClientToken => Digest::try_from(key)
            .ok()
            .map(|token| format!("client token {token}")),
        Table::User => key
            .try_into()
            .ok()
            .map(|bytes| format!("user {}", UserId::from_be_bytes(bytes))),
        Table::Group => text(key).map(|id| format!("group g-{id}")),
        Table::Role => key
            .try_into()
            .ok()
            .map(|bytes| format!("role {}", RoleId::from_be_bytes(bytes))),
        Table::Policy => of_account(key).map(|(account, name)| format!("policy {name} of {account}")),
        Table::Session => text(key).map(|id| format!("session {id}")),
        Table::Name => key
            .split_first()
            .and_then(|(_, rest)| of_account(rest))
            .map(|(account, name)| format!("the name {name} in {account}")),
        Table::Catalogue => Some("the catalogue of actions".to_owned()),
        Table::Hold => Some("the hold on irreversible timers".to_owned()),
    };
    readable.unwrap_or_else(|| format!("{:?} {:?}", row.table, row.key))
}

fn alias(key: &[u8]) -> Option<String> {
    let (account, rest) = key.split_first_chunk::<8>()?;
    let (&length, rest) = rest.split_first()?;
    let (region, name) = rest.split_at_checked(usize::from(length))?;
    let account = AccountId::from_be_bytes(*account);
    Some(format!("{} of {account} in {}", text(name)?, text(region)?))
}

fn of_account(key: &[u8]) -> Option<(AccountId, String)> {
    let (account, name) = key.split_first_chunk::<8>()?;
    Some((AccountId::from_be_bytes(*account), text(name)?))
}

fn slot(key: &[u8]) -> Option<String> {
    let (slot, generation) = key.split_first_chunk::<4>()?;
    let generation = u32::from_be_bytes(generation.try_into().ok()?);
    Some(format!(
        "erasure of slot {}.{generation}",
        u32::from_be_bytes(*slot)
    ))
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(printable)
}

/// The text without anything that a terminal would act on: control characters are escaped.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Control characters, and those that turn the direction of a line.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// The whole event as JSON under the names it is stored with. Byte strings are lower-case hexadecimal, those of 16 bytes
/// in the form of a UUID, which they are.
pub fn json(event: &Event) -> Json {
    Cbor::serialized(event).map_or(Json::Null, |value| from_cbor(&value))
}

/// JSON text that is safe on a terminal too: what JSON itself lets stand is escaped in its own way.
pub fn json_text(value: &Json, pretty: bool) -> String {
    let text = if pretty {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    let mut safe = String::new();
    for c in text.unwrap_or_default().chars() {
        // Line feeds stand between fields alone, where they are wanted.
        if is_unsafe(c) && c != '\n' {
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe
}

fn from_cbor(value: &Cbor) -> Json {
    match value {
        Cbor::Integer(number) => integer((*number).into()),
        Cbor::Bytes(bytes) => Json::String(hex(bytes)),
        Cbor::Text(text) => Json::String(text.clone()),
        Cbor::Bool(yes) => Json::Bool(*yes),
        Cbor::Array(items) => Json::Array(items.iter().map(from_cbor).collect()),
        Cbor::Map(fields) => Json::Object(fields.iter().map(field).collect::<Map<_, _>>()),
        // Events have no floats and no tags.
        _ => Json::Null,
    }
}

fn field((name, value): &(Cbor, Cbor)) -> (String, Json) {
    let name = match name {
        Cbor::Text(name) => name.clone(),
        other => format!("{other:?}"),
    };
    (name, from_cbor(value))
}

fn integer(number: i128) -> Json {
    u64::try_from(number)
        .map(Number::from)
        .or_else(|_| i64::try_from(number).map(Number::from))
        .map_or(Json::Null, Json::Number)
}

fn hex(bytes: &[u8]) -> String {
    if let Ok(id) = bytes.try_into() {
        return KeyId::from_bytes(id).to_string();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_named() {
        let of = |table, key: &[u8]| row(&RowKey::new(table, key));
        let key = KeyId::from_bytes([7; 16]);
        assert_eq!(of(Table::Key, key.as_bytes()), format!("key {key}"));
        assert_eq!(
            of(Table::Erasure, &[0, 0, 0, 3, 0, 0, 0, 1]),
            "erasure of slot 3.1"
        );
        let account = 1_000_000_000_000_001u64.to_be_bytes();
        let alias = [&account[..], &[2], b"cnalias/a"].concat();
        assert_eq!(of(Table::Alias, &alias), "alias/a of 1000000000000001 in cn");
        assert_eq!(of(Table::Key, &[1, 2]), "Key 0102");
    }

    #[test]
    fn nothing_shown_steers_a_terminal() {
        let evil = "a\u{1b}[2J\u{9b}\u{202e}b";
        assert_eq!(printable(evil), "a\\u{1b}[2J\\u{9b}\\u{202e}b");
        let shown = json_text(&Json::String(evil.to_owned()), false);
        assert!(!shown.chars().any(is_unsafe), "{shown:?}");
        assert_eq!(
            serde_json::from_str::<Json>(&shown).unwrap(),
            Json::String(evil.to_owned())
        );
    }
}
