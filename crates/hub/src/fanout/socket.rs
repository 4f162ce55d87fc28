//! Sockets as the shards use them: plain or TLS, never blocking.

use std::{
    io::{self, IoSlice, Read, Write},
    net::{Shutdown, TcpStream},
};

use mio::{Interest, Registry, Token};
use rustls::ServerConnection;

/// A connected socket after the WebSocket handshake. Whoever accepted it has set `TCP_NODELAY`.
#[derive(Debug)]
pub enum Socket {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<ServerConnection>, TcpStream),
}

/// What a shard needs of a socket, so that tests can do without one.
pub(super) trait Wire {
    /// Takes what it can, at least one byte.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing now.
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Hands on what it took and still holds; true when it holds nothing any more.
    fn flush(&mut self) -> io::Result<bool>;
    /// What the peer sent; nothing at the end.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is here now.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Ends the direction to the peer.
    fn end(&mut self);
}

/// A socket watched by a poll.
#[derive(Debug)]
pub(super) enum Watched {
    Plain(mio::net::TcpStream),
    Tls(Box<ServerConnection>, mio::net::TcpStream),
}

/// What TLS may hold of what it took: enough for a few full records.
const TLS_BUFFER: usize = 64 * 1024;

impl Watched {
    pub(super) fn new(socket: Socket) -> io::Result<Self> {
        let watched = |tcp: TcpStream| {
            tcp.set_nonblocking(true)?;
            Ok::<_, io::Error>(mio::net::TcpStream::from_std(tcp))
        };
        Ok(match socket {
            Socket::Plain(tcp) => Self::Plain(watched(tcp)?),
            Socket::Tls(mut tls, tcp) => {
                tls.set_buffer_limit(Some(TLS_BUFFER));
                Self::Tls(tls, watched(tcp)?)
            }
        })
    }

    /// Watches for both directions once and for all: edges come only after a direction has refused.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let (Self::Plain(tcp) | Self::Tls(_, tcp)) = self;
        registry.register(tcp, token, Interest::READABLE | Interest::WRITABLE)
    }
}

impl Wire for Watched {
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => match slices {
                [slice] => tcp.write(slice),
                slices => tcp.write_vectored(slices),
            },
            Self::Tls(tls, tcp) => {
                let mut taken = tls.writer().write_vectored(slices)?;
                let clear = hand_on(tls, tcp)?;
                if taken == 0 && clear {
                    taken = tls.writer().write_vectored(slices)?;
                    hand_on(tls, tcp)?;
                }
                if taken == 0 {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(taken)
            }
        }
    }

    fn flush(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(tls, tcp) => hand_on(tls, tcp),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            Self::Tls(tls, tcp) => loop {
                match tls.reader().read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                    done => return done,
                }
                if tls.read_tls(tcp)? == 0 {
                    return Ok(0);
                }
                let state = tls
                    .process_new_packets()
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error));
                hand_on(tls, tcp)?;
                state?;
            },
        }
    }

    fn end(&mut self) {
        let tcp = match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls, tcp) => {
                tls.send_close_notify();
                // A peer that is gone needs no farewell.
                let _ = hand_on(tls, tcp);
                tcp
            }
        };
        let _ = tcp.shutdown(Shutdown::Write);
    }
}

/// True when TLS holds nothing any more.
fn hand_on(tls: &mut ServerConnection, tcp: &mut mio::net::TcpStream) -> io::Result<bool> {
    while tls.wants_write() {
        match tls.write_tls(tcp) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
