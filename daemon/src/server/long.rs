//! Request heads that hyper does not read because their target is longer than 65,534 bytes: v1 SDKs send secrets of 30,720
//! bytes in the query, percent-encoded.
//!
//! The head is read here to its end. Method, headers and body stay as they are; of the target, the query is taken out and
//! handed to the service beside the request, so that the rest is a head like any other for hyper. A head that is short
//! after all is left as it came.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use zeroize::Zeroizing;

use super::stream::READ_BYTES_MAX;
use crate::base::{Code, limits};

/// What was read: the head as hyper shall read it, and what followed it.
pub(super) struct Opened {
    /// Head, and then whatever came after it.
    pub head_and_rest: Bytes,
    /// The query, if it was taken out of the head.
    pub query: Option<LongQuery>,
}

/// A query that was taken out of its head. It may hold a plaintext.
pub(super) struct LongQuery(Zeroizing<String>);

impl LongQuery {
    /// The query, still encoded, without the question mark.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why there is no head.
#[derive(Debug)]
pub(super) enum HeadError {
    /// It is answered with this code.
    Refused(Code),
    /// The other side went away.
    Gone(io::Error),
}

/// Reads a head of which `first` has come already.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S, first: &[u8]) -> Result<Opened, HeadError> {
    // Set aside once: a buffer that grew would leave copies behind. One byte more than allowed shows that it is too much.
    let mut buffer = Zeroizing::new(Vec::with_capacity(limits::HEAD_BYTES_MAX + 1));
    buffer.extend_from_slice(first.get(..limits::HEAD_BYTES_MAX + 1).unwrap_or(first));
    loop {
        if let Some(opened) = open(&buffer)? {
            return Ok(opened);
        }
        let room = (limits::HEAD_BYTES_MAX + 1).saturating_sub(buffer.len());
        let has_line = memchr::memchr(b'\n', &buffer).is_some();
        if room == 0 || (!has_line && buffer.len() > limits::REQUEST_LINE_BYTES_MAX + PATH_BYTES_MAX) {
            return Err(HeadError::Refused(Code::RequestTooLarge));
        }
        // In pieces: what follows the head is then too short to hold another head like this one, which hyper would refuse.
        let read = (&mut *stream)
            .take(room.min(READ_BYTES_MAX) as u64)
            .read_buf(&mut *buffer)
            .await
            .map_err(HeadError::Gone)?;
        if read == 0 {
            return Err(HeadError::Gone(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

/// Opens a head if it is complete.
fn open(buffer: &[u8]) -> Result<Option<Opened>, HeadError> {
    let unparsable = || HeadError::Refused(Code::UnparsableRequest);
    // As many headers as hyper takes.
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(buffer) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::Refused(Code::RequestTooLarge)),
        Err(_) => return Err(unparsable()),
    }
    let (method, target) = request.method.zip(request.path).ok_or_else(unparsable)?;
    if target.len() <= limits::SHORT_TARGET_BYTES_MAX {
        return Ok(Some(Opened {
            head_and_rest: Bytes::from_owner(Zeroizing::new(buffer.to_vec())),
            query: None,
        }));
    }
    if target.len() > limits::REQUEST_LINE_BYTES_MAX {
        return Err(HeadError::Refused(Code::RequestTooLarge));
    }
    // Only the form that clients send to servers (RFC 9112, section 3.2.1), and a path that hyper reads.
    let (path, query) = target
        .split_once('?')
        .filter(|(path, _)| path.starts_with('/') && path.len() <= PATH_BYTES_MAX)
        .ok_or_else(unparsable)?;
    // A fragment is no part of a request; hyper drops it too.
    let query = query.split('#').next().unwrap_or_default();
    // Both are parts of `buffer`.
    let target_ends = (target.as_ptr() as usize + target.len()).saturating_sub(buffer.as_ptr() as usize);
    let after_target = buffer.get(target_ends..).ok_or_else(unparsable)?;

    let mut short = Zeroizing::new(Vec::with_capacity(
        method.len() + path.len() + 2 + after_target.len(),
    ));
    for part in [method.as_bytes(), b" ", path.as_bytes(), after_target] {
        short.extend_from_slice(part);
    }
    Ok(Some(Opened {
        head_and_rest: Bytes::from_owner(short),
        query: Some(LongQuery(Zeroizing::new(query.to_owned()))),
    }))
}

/// Longest path beside a long query. The protocol knows but `/`.
const PATH_BYTES_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn target(bytes: usize) -> String {
        format!("/?{}", "a".repeat(bytes - 2))
    }

    fn head(target: &str) -> String {
        format!("GET {target} HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n")
    }

    /// Reads a head that comes in pieces.
    async fn read_in_pieces(bytes: &[u8], first: usize, piece: usize) -> Result<Opened, HeadError> {
        let (first, later) = bytes.split_at(first);
        let mut stream = tokio_test(later, piece);
        read(&mut stream, first).await
    }

    fn tokio_test(bytes: &[u8], piece: usize) -> impl AsyncRead + Unpin {
        bytes.chunks(piece).map(std::io::Cursor::new).fold(
            Box::new(tokio::io::empty()) as Box<dyn AsyncRead + Unpin>,
            |before, next| Box::new(before.chain(std::io::Cursor::new(next.into_inner().to_vec()))),
        )
    }

    #[tokio::test]
    async fn a_long_query_is_taken_out_and_the_rest_left_as_it_is() {
        let target = target(limits::SHORT_TARGET_BYTES_MAX + 1);
        let bytes = format!("{}body", head(&target));
        for (first, piece) in [(0, 7_000), (40_000, 32_768), (bytes.len(), 1)] {
            let opened = read_in_pieces(bytes.as_bytes(), first, piece).await.unwrap();
            assert_eq!(opened.query.unwrap().as_str(), &target[2..]);
            let seen = String::from_utf8(opened.head_and_rest.to_vec()).unwrap();
            let rest = seen.strip_prefix("GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n");
            // What the pieces had of the body comes after it, to the byte.
            assert!(rest.is_some_and(|rest| "body".starts_with(rest)), "{seen}");
        }
    }

    #[tokio::test]
    async fn a_head_that_is_short_after_all_stays_as_it_came() {
        let bytes = head(&target(limits::SHORT_TARGET_BYTES_MAX));
        let opened = read_in_pieces(bytes.as_bytes(), 33_000, 8_192).await.unwrap();
        assert!(opened.query.is_none());
        assert_eq!(opened.head_and_rest, bytes.as_bytes());
    }

    #[tokio::test]
    async fn lines_and_heads_have_an_end() {
        let too_long = target(limits::REQUEST_LINE_BYTES_MAX + 1);
        let endless = vec![b'a'; limits::HEAD_BYTES_MAX * 2];
        let many = format!(
            "GET {} HTTP/1.1\r\n{}\r\n",
            target(70_000),
            "A: b\r\n".repeat(101)
        );
        let wide = format!(
            "GET {} HTTP/1.1\r\nA: {}\r\n\r\n",
            target(100_000),
            "b".repeat(limits::HEAD_BYTES_MAX - 100_000)
        );
        for bytes in [
            head(&too_long).into_bytes(),
            endless,
            many.into_bytes(),
            wide.into_bytes(),
        ] {
            let refused = read_in_pieces(&bytes, 0, 32_768).await.map(|_| ());
            assert!(
                matches!(refused, Err(HeadError::Refused(Code::RequestTooLarge))),
                "{refused:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused_and_what_ends_is_gone() {
        for bytes in [
            head(&"a".repeat(70_000)),
            head(&format!("http://h{}", target(70_000))),
            head(&format!("/{}", "a".repeat(70_000))),
            head(&target(70_000)).replace("HTTP/1.1", "SMTP/1.1"),
        ] {
            let refused = read_in_pieces(bytes.as_bytes(), 0, 32_768).await.map(|_| ());
            assert!(
                matches!(refused, Err(HeadError::Refused(Code::UnparsableRequest))),
                "{refused:?}"
            );
        }
        let cut = &head(&target(70_000)).into_bytes()[..69_000];
        let gone = read_in_pieces(cut, 0, 32_768).await.map(|_| ());
        assert!(matches!(gone, Err(HeadError::Gone(_))), "{gone:?}");
    }
}
