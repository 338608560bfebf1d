//! Responses. There are two ways to make one, and both are here (I1, I2).

use zeroize::Zeroizing;

use super::render;
use super::table::Row;
use super::wire::Format;
use crate::base::error::Retry;
use crate::base::{ApiError, RequestId};
use crate::engine::Answered;

/// What goes back to the caller.
#[derive(Debug)]
pub struct WireResponse {
    status: u16,
    format: Format,
    request: RequestId,
    retry_after: Option<u32>,
    body: Body,
}

/// The body; it may hold a plaintext on its way to its owner.
struct Body(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

/// A request that became nobody's operation. Carries a code of the catalogue; the text may hold what its sender alone
/// may read.
#[derive(Debug)]
pub(super) struct Refused(pub ApiError);

/// How long a throttled caller should wait, seconds.
const RETRY_AFTER_SECONDS: u32 = 1;

impl WireResponse {
    /// The answer to a call whose event is durable; the receipt inside `answered` is the proof (law 1).
    pub(super) fn answered(answered: Answered, row: &Row, format: Format, host: &str) -> Self {
        let Answered { reply, receipt: _ } = answered;
        match reply.result {
            Ok(answer) => Self {
                status: 200,
                format,
                request: reply.rid,
                retry_after: None,
                body: Body(Zeroizing::new(render::answer(
                    format, row.action, &answer, reply.rid,
                ))),
            },
            Err(error) => Self::error(&row.product.dialect.word(error), reply.rid, format, host),
        }
    }

    /// The answer to a request that was refused before it was an operation.
    pub(super) fn refused(refused: &Refused, request: RequestId, format: Format, host: &str) -> Self {
        Self::error(&refused.0, request, format, host)
    }

    fn error(error: &ApiError, request: RequestId, format: Format, host: &str) -> Self {
        Self {
            status: error.code.status(),
            format,
            request,
            retry_after: (error.code.retry() == Retry::Later).then_some(RETRY_AFTER_SECONDS),
            body: Body(Zeroizing::new(render::error(format, error, request, host))),
        }
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The Content-Type.
    pub const fn content_type(&self) -> &'static str {
        self.format.content_type()
    }

    /// The request id, for `x-acs-request-id`.
    pub const fn request_id(&self) -> RequestId {
        self.request
    }

    /// Seconds to wait before another try, for `Retry-After` and `x-acs-retry-after`.
    pub const fn retry_after(&self) -> Option<u32> {
        self.retry_after
    }

    /// The body, zeroized when it was sent.
    pub fn into_body(self) -> Zeroizing<Vec<u8>> {
        self.body.0
    }
}
