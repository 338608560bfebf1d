//! The request as it comes from the listener, before anything is known about it (wire contract, section 1.1).
//!
//! Knows method, path and content type; opens the request into one map of parameters.

use hyper::header::{HeaderMap, HeaderName};

use crate::base::{ApiError, Code};

use super::params::Params;

/// The headers of the protocol that stand for parameters of the RPC form (wire contract, section 1.5).
pub mod header {
    use super::HeaderName;

    /// The operation, for `Action`.
    pub const ACTION: HeaderName = HeaderName::from_static("x-acs-action");
    /// The product's version, for `Version`.
    pub const VERSION: HeaderName = HeaderName::from_static("x-acs-version");
    /// The time stamp, for `Timestamp`.
    pub const DATE: HeaderName = HeaderName::from_static("x-acs-date");
    /// The nonce, for `SignatureNonce`.
    pub const NONCE: HeaderName = HeaderName::from_static("x-acs-signature-nonce");
    /// The hash of the body.
    pub const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-acs-content-sha256");
    /// A temporary access key's token, for `SecurityToken`.
    pub const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-acs-security-token");
    /// The access key beside a token; the credential has it too.
    pub const ACCESS_KEY_ID: HeaderName = HeaderName::from_static("x-acs-accesskey-id");
}

/// The parts of an HTTP request that the protocol reads.
#[derive(Clone, Copy)]
pub struct WireRequest<'a> {
    /// Method, as sent.
    pub method: &'a str,
    /// Path, as sent.
    pub path: &'a str,
    /// Query string, still encoded.
    pub query: Option<&'a str>,
    /// The Content-Type header.
    pub content_type: Option<&'a str>,
    /// All headers, as sent.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

impl<'a> WireRequest<'a> {
    /// The text of a header that may occur once.
    pub fn header(&self, name: &HeaderName) -> Result<Option<&'a str>, ApiError> {
        let mut values = self.headers.get_all(name).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(ApiError::invalid_because(
                name.as_str(),
                "it occurs more than once",
            ));
        }
        let text = value.to_str().map_err(|_| ApiError::invalid(name.as_str()))?;
        Ok(Some(text))
    }

    /// Checks method, path and body type, and merges the parameters of query and form body into one map.
    pub fn open(&self) -> Result<(Method, Params), ApiError> {
        let method = Method::parse(self.method)?;
        if !matches!(self.path, "/" | "") {
            return Err(Code::InvalidApi.into());
        }
        let params = Params::parse(self.query, self.form()?)?;
        Ok((method, params))
    }

    /// The form body. An empty body is no form, whatever its type: SDKs send the type always, or never.
    fn form(&self) -> Result<Option<&'a [u8]>, ApiError> {
        if self.body.is_empty() {
            return Ok(None);
        }
        let media_type = self
            .content_type
            .unwrap_or("")
            .split(';')
            .next()
            .unwrap_or("")
            .trim();
        if media_type.eq_ignore_ascii_case(FORM) {
            Ok(Some(self.body))
        } else {
            Err(ApiError::with_message(Code::InvalidParameter, ONLY_FORMS))
        }
    }
}

/// Query and body hold plaintext: sizes only.
impl std::fmt::Debug for WireRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WireRequest")
            .field("method", &self.method)
            .field("path_len", &self.path.len())
            .field("query_len", &self.query.map(str::len))
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The only body that operations take.
const FORM: &str = "application/x-www-form-urlencoded";

const ONLY_FORMS: &str = "The request body is not valid: it must be application/x-www-form-urlencoded.";

/// The methods of the protocol; operations don't tell them apart, signatures do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

impl Method {
    /// Parses a method; case counts, as in HTTP.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        match text {
            "GET" => Ok(Self::Get),
            "POST" => Ok(Self::Post),
            _ => Err(Code::UnsupportedMethod.into()),
        }
    }

    /// The method on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// JSON, the default.
    #[default]
    Json,
    /// XML.
    Xml,
}

impl Format {
    /// What the parameter `Format` asks for; anything but XML is JSON (the old v1 SDK sends the literal `None`).
    pub fn of(params: &Params) -> Self {
        match params.get("Format") {
            Some(format) if format.eq_ignore_ascii_case("XML") => Self::Xml,
            _ => Self::Json,
        }
    }

    /// The Content-Type of an answer.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json;charset=utf-8",
            Self::Xml => "text/xml;charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static NO_HEADERS: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);

    fn request() -> WireRequest<'static> {
        WireRequest {
            method: "POST",
            path: "/",
            query: Some("Action=ListKeys"),
            content_type: None,
            headers: &NO_HEADERS,
            body: b"",
        }
    }

    fn code(request: WireRequest<'_>) -> Option<Code> {
        request.open().err().map(|error| error.code)
    }

    #[test]
    fn query_and_form_are_one_map() {
        let request = WireRequest {
            content_type: Some("Application/X-WWW-Form-Urlencoded; charset=utf-8"),
            body: b"SecretData=%7B%7D",
            ..request()
        };
        let (method, params) = request.open().unwrap();
        assert_eq!(method, Method::Post);
        assert_eq!(params.get("Action"), Some("ListKeys"));
        assert_eq!(params.get("SecretData"), Some("{}"));
        let twice = WireRequest {
            body: b"Action=CreateKey",
            ..request
        };
        assert_eq!(code(twice), Some(Code::InvalidParameter));
    }

    #[test]
    fn an_empty_body_needs_no_type_and_may_have_any() {
        for content_type in [
            None,
            Some("application/x-www-form-urlencoded"),
            Some("application/json"),
        ] {
            assert_eq!(
                code(WireRequest {
                    content_type,
                    ..request()
                }),
                None
            );
        }
    }

    #[test]
    fn other_bodies_methods_and_paths_are_refused() {
        for content_type in [
            None,
            Some(""),
            Some("application/json"),
            Some("multipart/form-data"),
        ] {
            let request = WireRequest {
                content_type,
                body: b"a=b",
                ..request()
            };
            assert_eq!(code(request), Some(Code::InvalidParameter), "{content_type:?}");
        }
        for method in ["PUT", "HEAD", "post", "OPTIONS", ""] {
            assert_eq!(
                code(WireRequest { method, ..request() }),
                Some(Code::UnsupportedMethod),
                "{method}"
            );
        }
        assert_eq!(
            code(WireRequest {
                path: "/x",
                ..request()
            }),
            Some(Code::InvalidApi)
        );
        assert_eq!(
            code(WireRequest {
                path: "",
                ..request()
            }),
            None
        );
    }

    #[test]
    fn only_the_word_xml_asks_for_xml() {
        for (query, format) in [
            ("Format=XML", Format::Xml),
            ("Format=xml", Format::Xml),
            ("Format=JSON", Format::Json),
            ("Format=None", Format::Json),
            ("Format=", Format::Json),
            ("", Format::Json),
        ] {
            assert_eq!(
                Format::of(&Params::parse(Some(query), None).unwrap()),
                format,
                "{query}"
            );
        }
    }
}
