//! One client of the simulated PBX, from TCP to its end.

use std::{convert::Infallible, io, ops::ControlFlow, sync::Arc, time::Duration};

use adapter::sim::{self, Living as _, play_dead, seconds};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1,
    service::service_fn, upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Instant, sleep},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as WsError, Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

use super::{
    Client, Hang, Out, QUEUE, Shared,
    login::{self, Wish},
};
use crate::{
    sim::{client::greeting, profile::Profile},
    wire::command::Command,
};

/// Frames that leave in one write.
const BATCH: usize = 256;

type Ws = WebSocketStream<TokioIo<Upgraded>>;

pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let stop = shared.house.stop();
    sim::accept(listener, stop, |tcp| take(&shared, tcp)).await;
}

fn take(shared: &Arc<Shared>, tcp: TcpStream) {
    shared.house.count(|counts| counts.connections += 1);
    let (hang, down) = {
        let state = shared.house.lock();
        let down = state.down_until.is_some_and(|until| Instant::now() < until);
        (state.hang, down)
    };
    if down {
        return;
    }
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let stop = shared.house.stop();
        let served = stop.run_until_cancelled(serve(&shared, tcp, hang)).await;
        if let Some(Err(error)) = served {
            tracing::debug!(%error, "client lost");
        }
    });
}

async fn serve(shared: &Arc<Shared>, tcp: TcpStream, hang: Hang) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    if hang == Hang::Accepted {
        return play_dead(tcp).await;
    }
    match &shared.tls {
        Some(tls) => http(shared, sim::encrypted(tls, tcp).await?).await,
        None => http(shared, tcp).await,
    }
}

async fn http<S>(shared: &Arc<Shared>, stream: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| {
        let shared = Arc::clone(shared);
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    connection.with_upgrades().await.map_err(io::Error::other)
}

/// Answers a request: draws a ticket, or turns it into a WebSocket.
async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, Profile::TICKETS) => login::ticket(shared, request).await,
        (&Method::GET, Profile::PATH) => upgrade(shared, request),
        _ => status(StatusCode::NOT_FOUND),
    }
}

pub(super) fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn upgrade(shared: &Arc<Shared>, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    let wish = match login::wish(shared, &request) {
        Ok(wish) => wish,
        Err(refusal) => {
            shared.house.count(|counts| counts.refused += 1);
            return status(refusal);
        }
    };
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY);
    let Some(key) = key.map(|key| derive_accept_key(key.as_bytes())) else {
        return status(StatusCode::BAD_REQUEST);
    };
    shared.house.count(|counts| counts.logins += 1);
    let upgraded = hyper::upgrade::on(&mut request);
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else {
            return;
        };
        let ws = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        let stop = shared.house.stop();
        if let Some(Err(error)) = stop.run_until_cancelled(welcome(&shared, ws, wish)).await {
            tracing::debug!(%error, "client lost");
        }
    });
    let mut response = status(StatusCode::SWITCHING_PROTOCOLS);
    for (name, value) in [
        (header::CONNECTION, "upgrade"),
        (header::UPGRADE, "websocket"),
    ] {
        response
            .headers_mut()
            .insert(name, header::HeaderValue::from_static(value));
    }
    if let Ok(key) = header::HeaderValue::try_from(key) {
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_ACCEPT, key);
    }
    response
}

/// Makes room for a client, or turns it away; then tells it all there is.
async fn welcome(shared: &Shared, mut ws: Ws, wish: Wish) -> Result<(), WsError> {
    let (queue, outs) = mpsc::channel(QUEUE);
    let hang = shared.house.lock().hang;
    if hang == Hang::Open {
        return Ok(play_dead(ws.get_mut()).await?);
    }
    let Some(id) = make_room(shared, wish, queue) else {
        return turn_away(shared, ws).await;
    };
    shared.house.count(|counts| counts.open += 1);
    let ended = talk(shared, ws, outs).await;
    shared.house.lock().clients.remove(&id);
    shared.house.count(|counts| counts.open -= 1);
    ended
}

/// Takes a client in, in place of an older one when it insists. None when there is no room.
fn make_room(shared: &Shared, wish: Wish, queue: mpsc::Sender<Out>) -> Option<u64> {
    let mut state = shared.house.lock();
    let peers = state
        .clients
        .iter()
        .filter(|(_, client)| client.account == wish.account);
    let peers: Vec<u64> = peers.map(|(id, _)| *id).collect();
    if peers.len() >= shared.profile.connections {
        if !wish.force {
            return None;
        }
        if let Some(oldest) = peers.first().and_then(|id| state.clients.remove(id)) {
            let farewell = shared.voice.system_msg("connection_replaced");
            // A full queue ends with its client.
            let _ = oldest.queue.try_send(Out::Frame(farewell.into()));
            let _ = oldest.queue.try_send(Out::Close);
            shared.house.count(|counts| counts.replaced += 1);
        }
    }
    let id = state.clients.keys().next_back().map_or(1, |last| last + 1);
    for frame in greeting(&shared.voice, &state.world, wish.watched) {
        // Room for all of it: the queue is new, and longer than any greeting.
        let _ = queue.try_send(Out::Frame(frame.into()));
    }
    let client = Client {
        account: wish.account,
        watched: wish.watched,
        queue,
    };
    state.clients.insert(id, client);
    Some(id)
}

async fn turn_away(shared: &Shared, mut ws: Ws) -> Result<(), WsError> {
    shared.house.count(|counts| counts.limited += 1);
    let farewell = shared.voice.system_msg("connection_limit_reached");
    ws.send(Message::binary(farewell)).await?;
    close(shared, &mut ws).await
}

async fn close(shared: &Shared, ws: &mut Ws) -> Result<(), WsError> {
    let frame = CloseFrame {
        code: CloseCode::from(shared.profile.close_code),
        reason: "".into(),
    };
    ws.close(Some(frame)).await
}

async fn talk(shared: &Shared, mut ws: Ws, mut outs: mpsc::Receiver<Out>) -> Result<(), WsError> {
    let mut batch = Vec::with_capacity(BATCH);
    let ping = seconds(shared.profile.ping_every_s).unwrap_or(Duration::MAX);
    loop {
        tokio::select! {
            biased;
            taken = outs.recv_many(&mut batch, BATCH) => {
                if taken == 0 || send(shared, &mut ws, &mut batch).await?.is_break() {
                    return Ok(());
                }
            }
            message = ws.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    obey(shared, &text).await;
                    shared.house.count(|counts| counts.commands += 1);
                }
                Some(Ok(Message::Ping(_))) => shared.house.count(|counts| counts.pings += 1),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
            () = sleep(ping), if ping < Duration::MAX => {
                ws.send(Message::Ping(Bytes::new())).await?;
            }
        }
    }
}

/// Does what a client wants. Whatever comes of it, there is no answer.
async fn obey(shared: &Shared, text: &str) {
    let Ok(command) = serde_json::from_str::<Command<'_>>(text) else {
        return;
    };
    let act = |state: &mut super::State| {
        let letters = shared.catch_up(state);
        state.world.command(&command);
        (letters, ())
    };
    shared.house.in_turn(act).await;
    shared.house.wake();
}

/// Does what it is told. Breaks when that was the end.
async fn send(
    shared: &Shared,
    ws: &mut Ws,
    batch: &mut Vec<Out>,
) -> Result<ControlFlow<()>, WsError> {
    let mut sent = 0;
    let mut end = None;
    for out in batch.drain(..) {
        match out {
            Out::Frame(frame) => {
                if shared.profile.chaos.slow_ms > 0 {
                    sleep(Duration::from_millis(shared.profile.chaos.slow_ms)).await;
                }
                ws.feed(Message::Binary(frame)).await?;
                sent += 1;
            }
            last => {
                end = Some(last);
                break;
            }
        }
    }
    ws.flush().await?;
    shared.house.count(|counts| counts.sent += sent);
    match end {
        None | Some(Out::Frame(_)) => return Ok(ControlFlow::Continue(())),
        Some(Out::Close) => close(shared, ws).await?,
        Some(Out::Abort) => {}
        Some(Out::Mute) => play_dead(ws.get_mut()).await?,
    }
    Ok(ControlFlow::Break(()))
}
