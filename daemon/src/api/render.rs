//! Answers and errors as bytes (wire contract, sections 1.9 and 1.10).
//!
//! I1  Every answer and every error carries its `RequestId`; nothing is ever null.
//! I2  The buffer is set aside once, large enough: growing it would leave copies of secrets behind.
//!
//! Never: decides what goes into an answer.

mod json;
mod xml;

use crate::base::{Answer, ApiError, RequestId};

use super::wire::Format;

pub use json::{answer_json, error_json};
pub use xml::{answer_xml, error_xml};

/// A successful answer of `action` in the asked format.
pub fn answer(format: Format, action: &str, answer: &Answer, request: RequestId) -> Vec<u8> {
    match format {
        Format::Json => answer_json(answer, request),
        Format::Xml => answer_xml(action, answer, request),
    }
}

/// An error in the asked format; `host` is the Host header, as sent.
pub fn error(format: Format, error: &ApiError, request: RequestId, host: &str) -> Vec<u8> {
    match format {
        Format::Json => error_json(error, request, host),
        Format::Xml => error_xml(error, request, host),
    }
}

#[cfg(test)]
mod tests;
