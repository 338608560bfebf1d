//! HTTP/1.1 to one endpoint, over connections that are kept for the next call.

use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response, Uri, header};
use hyper_util::rt::TokioIo;
use socket2::Socket;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::ClientError;

/// One endpoint and its idle connections.
#[derive(Debug)]
pub(crate) struct Transport {
    target: Target,
    /// As the user wrote it, for errors.
    endpoint: String,
    /// The Host header.
    host: String,
    idle: Mutex<Vec<Connection>>,
}

#[derive(Debug)]
enum Target {
    Unix(PathBuf),
    Tcp { host: String, port: u16 },
}

/// Status and body of an answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Transport {
    pub(crate) fn unix(path: PathBuf) -> Self {
        let endpoint = format!("unix:{}", path.display());
        Self::new(Target::Unix(path), endpoint, "localhost".to_owned())
    }

    /// `http://HOST:PORT`, or `HOST:PORT` alone.
    pub(crate) fn http(endpoint: &str) -> Result<Self, ClientError> {
        let invalid = |cause: &str| ClientError::InvalidEndpoint {
            endpoint: endpoint.to_owned(),
            cause: cause.to_owned(),
        };
        let uri: Uri = endpoint
            .parse()
            .map_err(|error: hyper::http::uri::InvalidUri| invalid(&error.to_string()))?;
        match uri.scheme_str() {
            None | Some("http") => {}
            Some("https") => return Err(invalid("https is not supported yet")),
            Some(_) => return Err(invalid("the scheme must be http")),
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(invalid("there must be nothing behind the port"));
        }
        let authority = uri.authority().ok_or_else(|| invalid("there is no host"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("credentials don't belong into an endpoint"));
        }
        let target = Target::Tcp {
            host: authority
                .host()
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port: authority.port_u16().unwrap_or(80),
        };
        Ok(Self::new(target, endpoint.to_owned(), authority.to_string()))
    }

    fn new(target: Target, endpoint: String, host: String) -> Self {
        Self {
            target,
            endpoint,
            host,
            idle: Mutex::default(),
        }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Posts a form. Tries again only with a request that was not sent at all (lib.rs, I1): a kept connection may have been closed
    /// by the other side meanwhile.
    pub(crate) async fn post(&self, form: Zeroizing<String>) -> Result<Answer, ClientError> {
        let mut request = self.request(form)?;
        while let Some(mut kept) = self.take_idle() {
            if !kept.is_open() || kept.sender.ready().await.is_err() {
                continue;
            }
            match self.in_time(kept.sender.try_send_request(request)).await? {
                Ok(response) => return self.finish(kept, response).await,
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(self.interrupted(&error.into_error())),
                },
            }
        }
        let mut fresh = self.connect().await?;
        let response = self.in_time(fresh.sender.send_request(request)).await?;
        let response = response.map_err(|error| self.interrupted(&error))?;
        self.finish(fresh, response).await
    }

    fn request(&self, form: Zeroizing<String>) -> Result<Request<Full<Bytes>>, ClientError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/")
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, USER_AGENT)
            .body(Full::new(Bytes::from_owner(Form(form))));
        request.map_err(|error| ClientError::InvalidEndpoint {
            endpoint: self.endpoint.clone(),
            cause: error.to_string(),
        })
    }

    /// Reads the body to its end, then keeps the connection. A call that is given up earlier drops it, and with it the answer.
    async fn finish(
        &self,
        connection: Connection,
        response: Response<Incoming>,
    ) -> Result<Answer, ClientError> {
        let status = response.status().as_u16();
        let body = self
            .in_time(Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect())
            .await?;
        let body = body.map_err(|error| self.interrupted(&*error))?.to_bytes();
        let body = String::from_utf8(body.into()).map_err(|_| ClientError::Foreign {
            endpoint: self.endpoint.clone(),
            status,
        })?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && !connection.sender.is_closed() {
            idle.push(connection);
        }
        Ok(Answer { status, body })
    }

    /// The connection used last: the others can grow old and be closed.
    fn take_idle(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    async fn connect(&self) -> Result<Connection, ClientError> {
        let connected = match &self.target {
            Target::Unix(path) => timeout(CONNECT_TIMEOUT, UnixStream::connect(path))
                .await
                .map(|stream| stream.map(Stream::Unix)),
            Target::Tcp { host, port } => {
                timeout(CONNECT_TIMEOUT, TcpStream::connect((host.as_str(), *port)))
                    .await
                    .map(|stream| stream.map(Stream::Tcp))
            }
        };
        let stream = connected.map_err(|_| self.unreachable("it took too long"))?;
        match stream.map_err(|error| self.unreachable(&error.to_string()))? {
            Stream::Unix(stream) => self.begin(stream).await,
            Stream::Tcp(stream) => {
                // Small requests wait for nothing. Where the option is refused, calls are slower and still right.
                let _ = stream.set_nodelay(true);
                self.begin(stream).await
            }
        }
    }

    async fn begin<S: AsyncRead + AsyncWrite + AsFd + Unpin + Send + 'static>(
        &self,
        stream: S,
    ) -> Result<Connection, ClientError> {
        let socket = stream.as_fd().try_clone_to_owned();
        let socket = socket.map_err(|error| self.unreachable(&error.to_string()))?;
        let begun = handshake(TokioIo::new(stream)).await;
        let (sender, connection) = begun.map_err(|error| self.unreachable(&error.to_string()))?;
        // The task ends with its connection; what went wrong there, the sender says too.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Connection {
            sender,
            socket: socket.into(),
        })
    }

    async fn in_time<F: Future>(&self, answer: F) -> Result<F::Output, ClientError> {
        timeout(ANSWER_TIMEOUT, answer)
            .await
            .map_err(|_| ClientError::Interrupted {
                endpoint: self.endpoint.clone(),
                cause: "it took too long".to_owned(),
            })
    }

    fn unreachable(&self, cause: &str) -> ClientError {
        ClientError::Unreachable {
            endpoint: self.endpoint.clone(),
            cause: cause.to_owned(),
        }
    }

    fn interrupted(&self, error: &dyn std::error::Error) -> ClientError {
        ClientError::Interrupted {
            endpoint: self.endpoint.clone(),
            cause: error.to_string(),
        }
    }
}

/// A connection between two calls.
#[derive(Debug)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// The same socket once more, to look at what has arrived.
    socket: Socket,
}

impl Connection {
    /// Whether the other side has neither closed it nor said anything since the last answer.
    ///
    /// Asks the kernel: the sender learns of an end only when its runtime is next driven, and that of a blocking client rests between
    /// calls. A request written before it has learned would be lost and could not be tried again.
    fn is_open(&self) -> bool {
        let peeked = self.socket.peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// A form that is zeroized when the last part of it has been sent.
struct Form(Zeroizing<String>);

impl AsRef<[u8]> for Form {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

const USER_AGENT: &str = concat!("chancery-client/", env!("CARGO_PKG_VERSION"));

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the head of an answer may take, and its body.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Largest answer read, bytes; the daemon's largest are pages of log entries of 1 MiB.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Most connections kept between calls.
const IDLE_MAX: usize = 64;
