//! How clients come in.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

/// How a simulated PBX is reached.
#[derive(Clone, Default)]
pub struct Listen {
    /// Where; a free port of the loopback interface unless told otherwise.
    pub address: Option<SocketAddr>,
    /// With TLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);

impl Listen {
    /// Takes the address.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn bind(&self) -> io::Result<TcpListener> {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        TcpListener::bind(self.address.unwrap_or(free)).await
    }
}

/// Takes connections until it is told to stop.
pub async fn accept(
    listener: TcpListener,
    stop: CancellationToken,
    mut take: impl FnMut(TcpStream),
) {
    let accepting = async move {
        loop {
            match listener.accept().await {
                Ok((tcp, _)) => take(tcp),
                // Out of descriptors, most likely: some may be free soon.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    };
    stop.run_until_cancelled(accepting).await;
}

/// Shakes hands with a client that speaks TLS.
///
/// # Errors
/// When it does not, or not in time.
pub async fn encrypted(tls: &TlsAcceptor, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    timeout(HANDSHAKE, tls.accept(tcp)).await?
}

/// Says nothing, not even a pong, until the client gives up.
///
/// # Errors
/// When the connection breaks.
pub async fn play_dead(mut stream: impl AsyncRead + Unpin) -> io::Result<()> {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}
