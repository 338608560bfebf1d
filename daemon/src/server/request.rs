//! From hyper's request to the front, and back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, USER_AGENT};
use hyper::{Request, Response};

use super::answer;
use super::body::{self, BodyError};
use super::connection::Service;
use super::long::LongQuery;
use super::monitor;
use super::stop::Stop;
use crate::api::{About, Front, Listener, Peer, WireRequest};
use crate::base::Code;

/// What every request of a connection shares.
pub(super) struct Shared {
    pub front: Arc<Front>,
    pub peer: Peer,
    pub body_time: Duration,
    pub stop: Arc<Stop>,
}

impl Service for Shared {
    async fn answer(
        &self,
        request: Request<Incoming>,
        query: Option<LongQuery>,
    ) -> Result<Response<Full<Bytes>>, hyper::Error> {
        if self.peer.listener == Listener::Unix
            && let Some(answer) = monitor::health(request.method(), request.uri().path(), &self.front)
        {
            return Ok(answer);
        }
        let (head, body) = request.into_parts();
        let about = About {
            peer: &self.peer,
            user_agent: text(&head.headers, &USER_AGENT),
            host: text(&head.headers, &HOST),
        };
        let body = match body::read(body, self.body_time, &self.stop).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => {
                return Ok(answer::closing(self.front.refuse(Code::RequestTooLarge, &about)));
            }
            Err(BodyError::TooSlow) => {
                return Ok(answer::closing(
                    self.front.refuse(Code::UnparsableRequest, &about),
                ));
            }
            // Nothing was done: its sender may ask again, elsewhere or later.
            Err(BodyError::Stopped) => {
                return Ok(answer::closing(self.front.refuse(Code::Unavailable, &about)));
            }
            Err(BodyError::Broken(error)) => return Err(error),
        };
        let request = WireRequest {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: query.as_ref().map(LongQuery::as_str).or(head.uri.query()),
            content_type: text(&head.headers, &CONTENT_TYPE),
            headers: &head.headers,
            body: body.as_slice(),
        };
        Ok(answer::response(self.front.handle(request, &about).await))
    }

    fn refuse(&self, code: Code) -> Vec<u8> {
        refuse(&self.front, &self.peer, code)
    }
}

/// Refuses what is no request, as bytes.
pub(super) fn refuse(front: &Front, peer: &Peer, code: Code) -> Vec<u8> {
    let about = About {
        peer,
        user_agent: None,
        host: None,
    };
    answer::farewell(front.refuse(code, &about))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
