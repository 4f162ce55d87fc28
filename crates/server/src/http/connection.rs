//! One connection: TLS if wanted, HTTP/1.1 with its limits, upgrades.

use std::{error::Error, io, pin::pin, time::Duration};

use axum::{Router, body::Body};
use http::Request;
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{Limits, Peer};

/// Serves one connection until it ends.
pub(super) async fn run(
    socket: TcpStream,
    tls: Option<TlsAcceptor>,
    peer: Peer,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    prepare(&socket)?;
    match tls {
        None => speak(socket, peer, router, limits, stop).await?,
        Some(tls) => {
            let handshake = tokio::time::timeout(limits.patience, tls.accept(socket));
            speak(handshake.await??, peer, router, limits, stop).await?;
        }
    }
    Ok(())
}

/// A peer that acknowledges nothing for this long is gone, whatever is being sent to it. Twice the patience with slow
/// streams, so that these are closed with their own code first.
const DEAF: Duration = Duration::from_secs(60);

/// The most bytes of a request's head that are read: more than is allowed, so that it can be told which part of it is
/// too large.
const LEGIBLE: usize = 128 * 1024;

fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    SockRef::from(socket).set_tcp_user_timeout(Some(DEAF))?;
    Ok(())
}

async fn speak<I>(
    io: I,
    peer: Peer,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) -> Result<(), hyper::Error>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let kill = peer.kill.clone();
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        router.call(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.patience)
        .max_buf_size(LEGIBLE)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        () = kill.cancelled() => return Ok(()),
        done = connection.as_mut() => return done,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        biased;
        () = kill.cancelled() => Ok(()),
        done = connection => done,
    }
}
