//! JSON: compact, one object, `RequestId` last.

use std::io::Write as _;

use crate::base::{Answer, ApiError, RequestId, Value};

/// A successful answer.
pub fn answer_json(answer: &Answer, request: RequestId) -> Vec<u8> {
    let mut out = Vec::with_capacity(answer_len_max(answer) + ENVELOPE_LEN);
    out.push(b'{');
    push_fields(answer, &mut out);
    if !answer.is_empty() {
        out.push(b',');
    }
    // Writing to a vector can't fail.
    let _ = write!(out, "\"RequestId\":\"{request}\"}}");
    out
}

/// An error.
pub fn error_json(error: &ApiError, request: RequestId, host: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(ENVELOPE_LEN + text_len_max(&error.message) + text_len_max(host));
    let _ = write!(out, "{{\"HttpStatus\":{},\"Code\":", error.code.status());
    push_text(&error.wire_code(), &mut out);
    out.extend_from_slice(b",\"Message\":");
    push_text(&error.message, &mut out);
    let _ = write!(out, ",\"RequestId\":\"{request}\",\"HostId\":");
    push_text(host, &mut out);
    out.extend_from_slice(b",\"Recommend\":\"\"");
    if let Some(denied) = &error.denied {
        out.extend_from_slice(b",\"AccessDeniedDetail\":{");
        for (position, (name, text)) in denied.fields().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            push_text(name, &mut out);
            out.push(b':');
            push_text(text, &mut out);
        }
        out.push(b'}');
    }
    out.push(b'}');
    out
}

fn push_fields(answer: &Answer, out: &mut Vec<u8>) {
    for (position, (name, value)) in answer.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        push_text(name, out);
        out.push(b':');
        push_value(value, out);
    }
}

fn push_value(value: &Value, out: &mut Vec<u8>) {
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
        Value::Object(answer) => {
            out.push(b'{');
            push_fields(answer, out);
            out.push(b'}');
        }
        Value::List { item, values } => {
            out.push(b'{');
            push_text(item, out);
            out.extend_from_slice(b":[");
            push_items(values, out);
            out.extend_from_slice(b"]}");
        }
        Value::Bare(values) => {
            out.push(b'[');
            push_items(values, out);
            out.push(b']');
        }
    }
}

fn push_items(values: &[Value], out: &mut Vec<u8>) {
    for (position, value) in values.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        push_value(value, out);
    }
}

fn push_text(text: &str, out: &mut Vec<u8>) {
    if is_plain(text) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    // Text into a vector: neither side can fail.
    let _ = serde_json::to_writer(out, text);
}

/// Room for the braces, the request id and, in an error, the names and the code.
pub(super) const ENVELOPE_LEN: usize = 256;

/// An upper bound of the rendered length.
pub(super) fn answer_len_max(answer: &Answer) -> usize {
    answer
        .iter()
        .map(|(name, value)| text_len_max(name) + 2 + value_len_max(value))
        .sum()
}

fn value_len_max(value: &Value) -> usize {
    match value {
        Value::Text(text) => text_len_max(text),
        // EXPOSE: counted, not kept.
        Value::Secret(text) => text_len_max(text.expose()),
        Value::Number(_) | Value::Bool(_) => 20,
        Value::Object(answer) => answer_len_max(answer) + 2,
        Value::List { item, values } => {
            text_len_max(item) + 5 + values.iter().map(|value| value_len_max(value) + 1).sum::<usize>()
        }
        Value::Bare(values) => 2 + values.iter().map(|value| value_len_max(value) + 1).sum::<usize>(),
    }
}

/// Quotes, and six bytes for each byte when some have to be escaped.
fn text_len_max(text: &str) -> usize {
    2 + if is_plain(text) {
        text.len()
    } else {
        6 * text.len()
    }
}

/// Whether the text stands in JSON as it is. Without an early end, so that the compiler makes wide instructions of it: a
/// ciphertext in Base64 is looked at sixteen bytes at a time.
fn is_plain(text: &str) -> bool {
    !text.bytes().fold(false, |special, b| {
        special | (b < b' ') | (b == b'"') | (b == b'\\')
    })
}
