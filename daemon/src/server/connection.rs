//! One connection: requests in, responses out, one after the other.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONNECTION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};

use super::answer;
use super::limits::Limits;
use super::long::{self, HeadError, LongQuery, Opened};
use super::stop::Stop;
use super::stream::Watched;
use super::watch::{Phase, Watch};
use crate::base::{Code, limits};

/// Who answers the requests of a connection.
pub(super) trait Service: Send + Sync + 'static {
    /// Answers one request; `query` is its query if hyper could not read it. An error closes the connection.
    fn answer(
        &self,
        request: Request<Incoming>,
        query: Option<LongQuery>,
    ) -> impl Future<Output = Result<Response<Full<Bytes>>, hyper::Error>> + Send;

    /// Refuses what is no request, as bytes.
    fn refuse(&self, code: Code) -> Vec<u8>;
}

/// How serving ended.
enum End<S> {
    /// There is no more to be done.
    Done,
    /// A request line comes that hyper would not read; this much of the head was read, and the stream.
    Long(S, Bytes),
    /// What came is no request, or was cut short by a limit or by the end of the daemon; the other side is to be told.
    Refused(S, Code),
    /// All is said; the other side may be still sending.
    Cut(S),
}

/// Serves a connection to its end. When `stop` is said, the request in flight is the last one.
pub(super) async fn serve<S, A>(stream: S, service: Arc<A>, limits: &Limits, stop: &Stop, watch: Arc<Watch>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    A: Service,
{
    let mut watched = Watched::new(stream, Arc::clone(&watch));
    let mut query = None;
    // A turn for each long head; nearly every connection has one turn.
    loop {
        let (mut stream, first) = match turn(watched, query, &watch, &service, limits, stop).await {
            End::Long(stream, first) => (stream, first),
            End::Refused(stream, code) => return answer::part(stream, &service.refuse(code)).await,
            End::Cut(stream) => return answer::linger(stream).await,
            End::Done => return,
        };
        if watch.phase() != Phase::Head {
            watch.enter(Phase::Head);
        }
        // Its time runs on from its first byte.
        let deadline = watch.deadline(limits).unwrap_or_else(Instant::now);
        let reading = tokio::time::timeout_at(deadline, long::read(&mut stream, &first));
        let read = tokio::select! {
            biased;
            read = reading => read,
            () = stop.said() => Ok(Err(HeadError::Refused(Code::Unavailable))),
        };
        drop(first);
        match read {
            Ok(Ok(Opened {
                head_and_rest,
                query: taken,
            })) => {
                query = taken;
                watched = Watched::resumed(stream, Arc::clone(&watch), head_and_rest);
            }
            Ok(Err(HeadError::Refused(code))) => {
                return answer::part(stream, &service.refuse(code)).await;
            }
            Ok(Err(HeadError::Gone(error))) => {
                return tracing::debug!(%error, "a connection ended in a request head");
            }
            Err(_elapsed) => {
                return answer::part(stream, &service.refuse(Code::UnparsableRequest)).await;
            }
        }
    }
}

/// Serves until the connection ends, or until a long head comes.
async fn turn<S, A>(
    stream: Watched<S>,
    query: Option<LongQuery>,
    watch: &Arc<Watch>,
    service: &Arc<A>,
    limits: &Limits,
    stop: &Stop,
) -> End<S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    A: Service,
{
    // It belongs to the first request of the turn, whose head is in the stream already.
    let query = Mutex::new(query);
    let work = service_fn(|request| {
        watch.enter(Phase::Work);
        let (query, service, watch) = (query.lock().take(), Arc::clone(service), Arc::clone(watch));
        async move {
            let answer = service.answer(request, query).await?;
            // After a last answer there may be a body that was not read: what comes is never taken for a head.
            if answer.headers().contains_key(CONNECTION) {
                watch.cut();
            } else {
                watch.enter(Phase::Idle);
            }
            Ok::<_, hyper::Error>(answer)
        }
    });
    let mut connection = http1::Builder::new()
        // Head and idle time are watched here: hyper's timer would run between requests too.
        .header_read_timeout(None)
        .max_buf_size(limits::REQUEST_LINE_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), work);
    let mut bell = pin!(stop.bell());
    let (mut registered, mut told) = (false, false);
    let mut patience = Patience {
        watch,
        limits,
        timer: None,
    };
    // The bell is polled once, to register this task's waker, which never changes; later polls cost one load.
    let ended = poll_fn(|cx| {
        if !registered {
            registered = true;
            watch.attend(cx);
            if bell.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        if !told && (stop.is_said() || watch.is_to_leave()) {
            told = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        match Pin::new(&mut connection).poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            // Of a half-sent head nothing was done: its sender may ask again, elsewhere or later.
            Poll::Pending if stop.is_said() && watch.phase() == Phase::Head => Poll::Ready(None),
            Poll::Pending => patience.poll(cx).map(|()| None),
        }
    });
    let ended = ended.await;
    let parts = connection.into_parts();
    let stream = parts.io.into_inner();
    if let Some(code) = stream.refusal() {
        return End::Refused(stream.into_inner(), code);
    }
    match ended {
        Some(_) if watch.is_cut() => End::Cut(stream.into_inner()),
        Some(Ok(())) => End::Done,
        Some(Err(_)) if stream.is_long() => End::Long(stream.into_inner(), parts.read_buf),
        Some(Err(error)) => {
            // A client that went away, or spoke something else. hyper's error names no content.
            tracing::debug!(%error, "a connection ended early");
            End::Done
        }
        None if watch.phase() == Phase::Head && !watch.is_stuck() => {
            let code = if stop.is_said() {
                Code::Unavailable
            } else {
                Code::UnparsableRequest
            };
            End::Refused(stream.into_inner(), code)
        }
        None => {
            tracing::debug!(phase = ?watch.phase(), "a connection took too long");
            End::Done
        }
    }
}

/// The end of a connection's patience. One timer that is looked at again when it fires, and set back only for a slow client:
/// a request that comes whole costs a comparison.
struct Patience<'a> {
    watch: &'a Watch,
    limits: &'a Limits,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience<'_> {
    /// Ready when the time is up.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.watch.deadline(self.limits) else {
            return Poll::Pending;
        };
        let timer = match &mut self.timer {
            // Registered already, for a time that is early enough.
            Some(timer) if timer.deadline() <= deadline && !timer.is_elapsed() => return Poll::Pending,
            Some(timer) => {
                if Instant::now() >= deadline {
                    return Poll::Ready(());
                }
                timer.as_mut().reset(deadline);
                timer
            }
            None => self.timer.insert(Box::pin(tokio::time::sleep_until(deadline))),
        };
        // Registers this task's waker.
        timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests;
