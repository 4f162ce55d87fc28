//! One connection: TLS if wanted, HTTP/1.1 with its limits, upgrades.

use std::{error::Error, io, pin::Pin, time::Duration};

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
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{Limits, Peer};
use crate::problem::{Kind, Problem};

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
    let mut connection = connection;
    let served = async {
        tokio::select! {
            biased;
            done = &mut connection => return done,
            () = stop.cancelled() => {}
        }
        Pin::new(&mut connection).graceful_shutdown();
        (&mut connection).await
    };
    let done = tokio::select! {
        biased;
        () = kill.cancelled() => return Ok(()),
        done = served => done,
    };
    if let Some(parts) = connection.into_parts() {
        let late = done.as_ref().is_err_and(hyper::Error::is_timeout);
        let farewell = part(parts.io.into_inner(), late && !parts.read_buf.is_empty());
        tokio::select! {
            () = kill.cancelled() => {}
            _ = tokio::time::timeout(PARTING, farewell) => {}
        }
    }
    done
}

/// How long a client gets to hear the last of what was said, and the most it may go on saying meanwhile.
const PARTING: Duration = Duration::from_secs(1);
const UNHEARD: u64 = 1024 * 1024;

/// Ends a connection so that what was said last arrives: a socket that is closed while there is something unread in it
/// takes back what is on its way.
async fn part<I: AsyncRead + AsyncWrite + Unpin>(mut io: I, late: bool) -> io::Result<()> {
    if late {
        io.write_all(too_late().as_bytes()).await?;
    }
    io.shutdown().await?;
    tokio::io::copy(&mut io.take(UNHEARD), &mut tokio::io::sink()).await?;
    Ok(())
}

/// The answer to a head that did not arrive in time. hyper has no word for it.
fn too_late() -> String {
    let problem = Problem::new(Kind::RequestTimeout, "the headers did not arrive in time");
    let body = problem.json().to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/problem+json\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}"
    )
}
