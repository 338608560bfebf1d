//! The stream under hyper: notes what the connection is at, stops before a request line that hyper would not read, and keeps
//! back the empty answers that hyper gives by itself to what is no request, so that the API's own can be given.
//!
//! hyper refuses request targets past 65,534 bytes with an answer of its own. A line that long holds no newline for as many
//! bytes; so the stream counts the bytes since the last newline. Past a quarter of that length, while a head is being read, reading
//! ends with an error *before* the line's end is handed over: hyper gives back what it has of the head, without an answer,
//! and `long` reads the rest. A short head costs one search for a newline. A form body has no newlines either, but bodies
//! are read while a request is at work, when nothing is counted: of what follows a body, hyper may then hold one read. Stopping once too often costs time only: `long` hands a
//! head that is short after all back as it came.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::watch::{Phase, Watch};
use crate::base::{Code, limits};

/// A stream that is watched.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    watch: Arc<Watch>,
    /// Bytes that are read before the stream's.
    ahead: Bytes,
    /// Bytes since the last newline.
    run: usize,
    /// Reading ended before a long line.
    is_long: bool,
    /// A read waits for writes to go on.
    is_held: bool,
    /// hyper refused what came, in words that were kept back.
    refusal: Option<Code>,
}

/// So much of a line is let through: with an uncounted read before it and one more after it, it is still one that hyper takes.
const RUN_BYTES_MAX: usize = 16 << 10;

/// Most of one read.
pub(super) const READ_BYTES_MAX: usize = 16 << 10;

const _: () = assert!(RUN_BYTES_MAX + 2 * READ_BYTES_MAX < limits::SHORT_TARGET_BYTES_MAX);

impl<S> Watched<S> {
    pub(super) const fn new(stream: S, watch: Arc<Watch>) -> Self {
        Self {
            stream,
            watch,
            ahead: Bytes::new(),
            run: 0,
            is_long: false,
            is_held: false,
            refusal: None,
        }
    }

    /// A stream on which `ahead` is read first: a head, and at most one read of what follows it.
    pub(super) fn resumed(stream: S, watch: Arc<Watch>, ahead: Bytes) -> Self {
        Self {
            ahead,
            ..Self::new(stream, watch)
        }
    }

    /// Whether reading ended before a line that hyper would not read.
    pub(super) const fn is_long(&self) -> bool {
        self.is_long
    }

    /// What hyper refused what came for.
    pub(super) const fn refusal(&self) -> Option<Code> {
        self.refusal
    }

    /// Whether these bytes are hyper's own answer to what is no request; they are not sent. The front's answers always have a body.
    fn keeps_back(&mut self, buf: &[u8]) -> bool {
        if self.refusal.is_none() && self.watch.phase() != Phase::Work {
            self.refusal = own_refusal(buf);
        }
        self.refusal.is_some()
    }

    /// The stream itself.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

/// The code for an answer of hyper's own, which is a head alone.
fn own_refusal(buf: &[u8]) -> Option<Code> {
    let status = buf.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let is_empty = memchr::memmem::find(buf, b"\r\ncontent-length: 0\r\n").is_some();
    match status {
        b"414" | b"431" if is_empty => Some(Code::RequestTooLarge),
        [b'4', ..] if is_empty => Some(Code::UnparsableRequest),
        _ => None,
    }
}

/// How many bytes follow the last newline.
fn after_newline(bytes: &[u8]) -> Option<usize> {
    memchr::memrchr(b'\n', bytes).map(|at| bytes.len() - at - 1)
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.has_remaining() {
            let piece = this.ahead.split_to(buf.remaining().min(this.ahead.len()));
            buf.put_slice(&piece);
            return Poll::Ready(Ok(()));
        }
        if this.run >= RUN_BYTES_MAX && this.watch.phase() != Phase::Work {
            if this.watch.is_stuck() {
                // hyper still has an answer to write, which it would drop with the error. `poll_write` wakes us.
                this.is_held = true;
                return Poll::Pending;
            }
            this.is_long = true;
            return Poll::Ready(Err(io::Error::other("a long request line")));
        }
        let before = buf.filled().len();
        let polled = if buf.remaining() > READ_BYTES_MAX {
            // Only after long bodies does hyper ask for that much: the zeroes cost nothing beside them.
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(READ_BYTES_MAX));
            let polled = Pin::new(&mut this.stream).poll_read(cx, &mut part);
            let read = part.filled().len();
            buf.advance(read);
            polled
        } else {
            Pin::new(&mut this.stream).poll_read(cx, buf)
        };
        let read = buf.filled().get(before..).unwrap_or_default();
        if !read.is_empty() {
            let phase = this.watch.phase();
            this.run = match (phase, after_newline(read)) {
                (Phase::Work, _) => 0,
                (_, Some(after)) => after,
                (_, None) => this.run.saturating_add(read.len()),
            };
            if phase == Phase::Idle {
                this.watch.enter(Phase::Head);
            }
        }
        polled
    }
}

impl<S> Watched<S> {
    fn wrote<T>(&mut self, cx: &Context<'_>, polled: Poll<T>) -> Poll<T> {
        self.watch.note_stuck(polled.is_pending());
        if polled.is_ready() && std::mem::take(&mut self.is_held) {
            cx.waker().wake_by_ref();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.keeps_back(buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        let polled = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.wrote(cx, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.keeps_back(bufs.first().map_or(&[], |first| first)) {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        let polled = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.wrote(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(cx);
        // TLS holds what the socket would not take.
        this.wrote(cx, polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.refusal.is_some() {
            // There is still something to be said.
            return Poll::Ready(Ok(()));
        }
        let polled = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.wrote(cx, polled)
    }
}
