//! What the relay sends, held within bounds before lettre reads it.
//!
//! lettre reads a line to its end however long it is, reads a reply anew from its beginning with each line of it, and keeps
//! what came behind the go-ahead to STARTTLS as if TLS had brought it. So this stream ends with an error once more came than
//! any answer needs, and hands on one line at a time: what stands behind a line stays here, and TLS refuses it as what it is.

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// Most bytes of an answer to one command: RFC 5321 section 4.5.3.1.5 knows lines of 512, and no answer has 16 of them.
pub(crate) const ANSWER: usize = 8 * 1_024;
/// The same while TLS is agreed on: certificates are longer than answers.
pub(crate) const HANDSHAKE: usize = 128 * 1_024;
/// Read from the socket at once, in bytes.
const AT_ONCE: usize = 4 * 1_024;

/// How much a relay may send before we speak again.
#[derive(Debug, Clone)]
pub(crate) struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    /// Changes it from now on.
    pub(crate) fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

/// A connection to a relay that reads no more than is allowed, and no further than a line's end at once.
#[derive(Debug)]
pub(crate) struct Held {
    stream: TcpStream,
    /// Read, and not handed on yet.
    ahead: Vec<u8>,
    from: usize,
    /// Bytes read since we last spoke.
    heard: usize,
    allowance: Allowance,
}

impl Held {
    /// Holds a connection within `bytes` for each answer.
    pub(crate) fn new(stream: TcpStream, bytes: usize) -> (Self, Allowance) {
        let allowance = Allowance(Arc::new(AtomicUsize::new(bytes)));
        let held = Self {
            stream,
            ahead: Vec::new(),
            from: 0,
            heard: 0,
            allowance: allowance.clone(),
        };
        (held, allowance)
    }
}

impl AsyncRead for Held {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.from == this.ahead.len() {
            let mut room = [0; AT_ONCE];
            let mut read = ReadBuf::new(&mut room);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut read))?;
            this.heard += read.filled().len();
            if this.heard > this.allowance.0.load(Ordering::Relaxed) {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the relay's answer is longer than any answer may be",
                )));
            }
            this.ahead.clear();
            this.ahead.extend_from_slice(read.filled());
            this.from = 0;
        }
        let waiting = &this.ahead[this.from..];
        let line = waiting.iter().position(|byte| *byte == b'\n');
        let length = line.map_or(waiting.len(), |at| at + 1).min(into.remaining());
        into.put_slice(&waiting[..length]);
        this.from += length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Held {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.heard = 0;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Held {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

/// TLS from the first byte, over a held connection.
pub(crate) struct Secured(pub(crate) TlsStream<Held>);

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secured").field(self.0.get_ref().0).finish()
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Secured {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}
