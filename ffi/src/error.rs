//! Why a call gave no answer, or a refusal.

use serde_json::{Map, Value};
use thiserror::Error;

/// How a call can fail.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClientError {
    /// The service refused. The same call will be refused again, unless the code says that retrying helps.
    #[error("{code}: {message}")]
    Api {
        /// HTTP status.
        status: u16,
        /// The code to match on; permanent.
        code: String,
        /// The text; may change.
        message: String,
        /// The request's id, also in the daemon's log. Empty if the answer had none.
        request_id: String,
        /// The JSON body.
        body: String,
    },
    /// No connection: the call was not made.
    #[error("`{endpoint}` can't be reached: {cause}")]
    Unreachable {
        /// Where.
        endpoint: String,
        /// What the system said.
        cause: String,
    },
    /// The connection ended before the answer: the call may have been carried out.
    #[error("`{endpoint}` gave no answer: {cause}")]
    Interrupted {
        /// Where.
        endpoint: String,
        /// What the system said.
        cause: String,
    },
    /// An answer that is none of this protocol: something else listens there.
    #[error("`{endpoint}` answered with status {status}, but not in this protocol")]
    Foreign {
        /// Where.
        endpoint: String,
        /// HTTP status.
        status: u16,
    },
    /// The endpoint's text is not an endpoint.
    #[error("`{endpoint}` is not an endpoint: {cause}")]
    InvalidEndpoint {
        /// The text.
        endpoint: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The system lacks something that the client needs: randomness, or threads.
    #[error("the client can't work here: {cause}")]
    System {
        /// What the system said.
        cause: String,
    },
}

impl ClientError {
    /// Reads the body of an answer that is an error.
    pub(crate) fn from_body(endpoint: &str, status: u16, body: &str) -> Self {
        let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(body) else {
            return Self::foreign(endpoint, status);
        };
        let Some(code) = text(&fields, "Code") else {
            return Self::foreign(endpoint, status);
        };
        let mut message = text(&fields, "Message").unwrap_or_default();
        let mut body = body.to_owned();
        // The answer repeats the whole request behind this mark, parameters included; errors end up in logs (I2).
        if let Some((before, _)) = message.split_once(REPEATED) {
            message = before.trim_end().to_owned();
            fields.insert("Message".to_owned(), Value::String(message.clone()));
            body = Value::Object(fields.clone()).to_string();
        }
        Self::Api {
            status,
            code,
            message,
            request_id: text(&fields, "RequestId").unwrap_or_default(),
            body,
        }
    }

    fn foreign(endpoint: &str, status: u16) -> Self {
        Self::Foreign {
            endpoint: endpoint.to_owned(),
            status,
        }
    }
}

const REPEATED: &str = "server string to sign is:";

fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    fields.get(name)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::ClientError;

    #[test]
    fn an_error_body_is_read_field_by_field() {
        let body = r#"{"HttpStatus":404,"Code":"Forbidden.KeyNotFound","Message":"no","RequestId":"r1","HostId":""}"#;
        let expected = ClientError::Api {
            status: 404,
            code: "Forbidden.KeyNotFound".into(),
            message: "no".into(),
            request_id: "r1".into(),
            body: body.into(),
        };
        assert_eq!(ClientError::from_body("e", 404, body), expected);
    }

    #[test]
    fn a_body_of_another_protocol_is_foreign() {
        for body in ["", "<html>", "[]", "{}", r#"{"Code":1}"#] {
            let foreign = matches!(
                ClientError::from_body("e", 502, body),
                ClientError::Foreign { status: 502, .. }
            );
            assert!(foreign, "{body}");
        }
    }

    #[test]
    fn the_repeated_request_is_cut() {
        let body = r#"{"Code":"SignatureDoesNotMatch","Message":"It does not match. server string to sign is:POST&%2F&Plaintext%3DaHVudGVy"}"#;
        let error = ClientError::from_body("e", 400, body);
        assert_eq!(error.to_string(), "SignatureDoesNotMatch: It does not match.");
        assert!(!format!("{error:?}").contains("Plaintext"));
    }
}
