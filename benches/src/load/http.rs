//! A client for HTTP/1.1 with keep-alive, and no more of it than the load needs: it shares the cores with the server
//! it measures, so it builds nothing and copies nothing that it can leave out.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// Where a server listens.
#[derive(Debug, Clone)]
pub enum Target {
    /// A Unix socket; the kernel tells the server who calls
    Unix(PathBuf),
    /// Plain HTTP
    Tcp(SocketAddr),
}

/// One connection, one request at a time.
pub struct Connection {
    stream: Box<dyn Duplex>,
    /// The last reply as received
    received: BytesMut,
    server_pid: Option<u32>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("server_pid", &self.server_pid)
            .finish_non_exhaustive()
    }
}

/// A reply; the body lies in the connection's buffer.
#[derive(Debug)]
pub struct Reply<'a> {
    /// The status code
    pub status: u16,
    /// The whole body
    pub body: &'a [u8],
}

trait Duplex: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

impl Connection {
    /// Connects; over a Unix socket it also learns the server's process id.
    pub async fn open(target: &Target) -> Result<Self> {
        let (stream, server_pid): (Box<dyn Duplex>, _) = match target {
            Target::Unix(path) => {
                let stream = UnixStream::connect(path).await;
                let stream = stream.with_context(|| format!("cannot connect to {}", path.display()))?;
                let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
                (Box::new(stream), pid.and_then(|pid| u32::try_from(pid).ok()))
            }
            Target::Tcp(address) => {
                let stream = TcpStream::connect(address).await;
                let stream = stream.with_context(|| format!("cannot connect to {address}"))?;
                stream.set_nodelay(true)?;
                (Box::new(stream), None)
            }
        };
        Ok(Self {
            stream,
            received: BytesMut::with_capacity(RECEIVE_BYTES),
            server_pid,
        })
    }

    /// The server at the other end of a Unix socket.
    pub fn server_pid(&self) -> Option<u32> {
        self.server_pid
    }

    /// Sends one request and reads its whole reply.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Reply<'_>> {
        self.stream.write_all(request).await.context("cannot send")?;
        self.received.clear();
        let head = loop {
            self.receive().await?;
            if let Some(head) = Head::parse(&self.received)? {
                break head;
            }
        };
        let end = head.body_start + head.body_bytes;
        while self.received.len() < end {
            self.receive().await?;
        }
        let body = self
            .received
            .get(head.body_start..end)
            .context("the reply is shorter than its length")?;
        anyhow::ensure!(self.received.len() == end, "the server sent more than one reply");
        Ok(Reply {
            status: head.status,
            body,
        })
    }

    async fn receive(&mut self) -> Result<()> {
        self.received.reserve(RECEIVE_BYTES / 2);
        match self
            .stream
            .read_buf(&mut self.received)
            .await
            .context("cannot receive")?
        {
            0 => bail!("the server closed the connection"),
            _ if self.received.len() > REPLY_MAX => bail!("a reply of over {REPLY_MAX} bytes"),
            _ => Ok(()),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    body_start: usize,
    body_bytes: usize,
}

impl Head {
    /// Returns nothing while the head is incomplete.
    fn parse(received: &[u8]) -> Result<Option<Self>> {
        let Some(end) = received.windows(4).position(|w| w == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = received
            .get(..end)
            .and_then(|head| std::str::from_utf8(head).ok())
            .context("head is not text")?;
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|code| code.parse().ok());
        let length = lines.filter_map(|line| line.split_once(':'));
        let length = length
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .last();
        let length = length.and_then(|(_, value)| value.trim().parse().ok());
        Ok(Some(Self {
            status: status.context("no status in the reply")?,
            body_start: end + 4,
            body_bytes: length
                .context("a reply without Content-Length: the generator reads no other framing")?,
        }))
    }
}

const RECEIVE_BYTES: usize = 8 * 1024;
const REPLY_MAX: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incomplete_head_is_waited_for() {
        assert_eq!(Head::parse(b"HTTP/1.1 200 OK\r\nContent-Len").unwrap(), None);
    }

    #[test]
    fn header_names_are_read_in_any_case() {
        let head = Head::parse(b"HTTP/1.1 403 Forbidden\r\ncontent-LENGTH: 12\r\n\r\n").unwrap();
        assert_eq!(
            head,
            Some(Head {
                status: 403,
                body_start: 46,
                body_bytes: 12
            })
        );
    }

    #[test]
    fn chunked_replies_are_refused_in_words() {
        let error = Head::parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap_err();
        assert!(error.to_string().contains("Content-Length"));
    }

    #[tokio::test]
    async fn a_reply_in_pieces_is_one_reply() {
        let (client, mut server) = tokio::io::duplex(64);
        let mut connection = Connection {
            stream: Box::new(client),
            received: BytesMut::new(),
            server_pid: None,
        };
        let pieces = async {
            let mut asked = [0; 3];
            server.read_exact(&mut asked).await.unwrap();
            for piece in ["HTTP/1.1 200 OK\r\nContent-", "Length: 5\r\n\r\nhe", "llo"] {
                server.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (reply, ()) = tokio::join!(connection.exchange(b"ask"), pieces);
        let reply = reply.unwrap();
        assert_eq!((reply.status, reply.body), (200, b"hello".as_slice()));
    }
}
