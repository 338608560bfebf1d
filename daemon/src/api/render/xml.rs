//! XML: root `<ActionResponse>` or `<Error>`, an element a field, `RequestId` last.

use std::fmt::Write as _;

use crate::base::{Answer, ApiError, RequestId, Value};

/// A successful answer of `action`, which is a name of the operation table.
pub fn answer_xml(action: &str, answer: &Answer, request: RequestId) -> Vec<u8> {
    let mut out = String::with_capacity(fields_len_max(answer) + 2 * action.len() + ENVELOPE_LEN);
    out.push_str(DECLARATION);
    let _ = write!(out, "<{action}Response>");
    push_fields(answer, &mut out);
    let _ = write!(out, "<RequestId>{request}</RequestId></{action}Response>");
    out.into_bytes()
}

/// An error.
pub fn error_xml(error: &ApiError, request: RequestId, host: &str) -> Vec<u8> {
    let mut out = String::with_capacity(ENVELOPE_LEN + text_len_max(&error.message) + text_len_max(host));
    out.push_str(DECLARATION);
    let _ = write!(out, "<Error><HttpStatus>{}</HttpStatus>", error.code.status());
    push_element("Code", |out| push_text(&error.wire_code(), out), &mut out);
    push_element("Message", |out| push_text(&error.message, out), &mut out);
    let _ = write!(out, "<RequestId>{request}</RequestId>");
    push_element("HostId", |out| push_text(host, out), &mut out);
    out.push_str("<Recommend></Recommend>");
    if let Some(denied) = &error.denied {
        let fields = |out: &mut String| {
            for (name, text) in denied.fields() {
                push_element(name, |out| push_text(text, out), out);
            }
        };
        push_element("AccessDeniedDetail", fields, &mut out);
    }
    out.push_str("</Error>");
    out.into_bytes()
}

fn push_fields(answer: &Answer, out: &mut String) {
    for (name, value) in answer.iter() {
        match value {
            // Without a wrapper the field itself is repeated.
            Value::Bare(values) => values
                .iter()
                .for_each(|value| push_element(name, |out| push_value(value, out), out)),
            value => push_element(name, |out| push_value(value, out), out),
        }
    }
}

fn push_element(name: &str, content: impl FnOnce(&mut String), out: &mut String) {
    let _ = write!(out, "<{name}>");
    content(out);
    let _ = write!(out, "</{name}>");
}

fn push_value(value: &Value, out: &mut String) {
    match value {
        Value::Text(text) => push_text(text, out),
        // EXPOSE: this is the answer to the caller that the operation table says may read it.
        Value::Secret(text) => push_text(text.expose(), out),
        Value::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Bool(boolean) => {
            let _ = write!(out, "{boolean}");
        }
        Value::Object(answer) => push_fields(answer, out),
        Value::List { item, values } => {
            for value in values {
                push_element(item, |out| push_value(value, out), out);
            }
        }
        // Only as a field, where its name is known.
        Value::Bare(values) => values.iter().for_each(|value| push_value(value, out)),
    }
}

/// Escapes markup. A carriage return is escaped because parsers would turn it into a line feed; a character that XML 1.0 can't carry
/// at all (section 2.2) becomes U+FFFD, since a document that no parser reads would be the worse loss.
fn push_text(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(character),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push(char::REPLACEMENT_CHARACTER),
            _ => out.push(character),
        }
    }
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

/// Room for the declaration, the root, the request id and, in an error, the names and the code.
pub(super) const ENVELOPE_LEN: usize = 384;

/// An upper bound of the rendered length.
pub(super) fn fields_len_max(answer: &Answer) -> usize {
    answer
        .iter()
        .map(|(name, value)| match value {
            Value::Bare(values) => values
                .iter()
                .map(|value| 2 * name.len() + 5 + value_len_max(value))
                .sum(),
            value => 2 * name.len() + 5 + value_len_max(value),
        })
        .sum()
}

fn value_len_max(value: &Value) -> usize {
    match value {
        Value::Text(text) => text_len_max(text),
        // EXPOSE: counted, not kept.
        Value::Secret(text) => text_len_max(text.expose()),
        Value::Number(_) | Value::Bool(_) => 20,
        Value::Object(answer) => fields_len_max(answer),
        Value::List { item, values } => values
            .iter()
            .map(|value| 2 * item.len() + 5 + value_len_max(value))
            .sum(),
        Value::Bare(values) => values.iter().map(value_len_max).sum(),
    }
}

/// Five bytes for what may have to be escaped or replaced.
fn text_len_max(text: &str) -> usize {
    text.len()
        + 4 * text
            .bytes()
            .filter(|b| *b < b' ' || matches!(b, b'&' | b'<' | b'>'))
            .count()
}
