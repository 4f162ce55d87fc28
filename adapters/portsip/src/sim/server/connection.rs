//! One client of the simulated PBX, from TCP to its end.

use std::{io, sync::Arc, time::Duration};

use adapter::sim::{self, play_dead, seconds};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Error as WsError, Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::StatusCode,
    },
};

use super::{Client, Hang, Out, QUEUE, Shared};
use crate::sim::subscriber::Subscriber;

/// Messages that leave in one write.
const BATCH: usize = 256;
const HANDSHAKE: Duration = Duration::from_secs(10);

pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let stop = shared.house.stop();
    sim::accept(listener, stop, |tcp| take(&shared, tcp)).await;
}

fn take(shared: &Arc<Shared>, tcp: TcpStream) {
    let id = shared.house.counts().connections;
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
        shared.house.count(|counts| counts.open += 1);
        let stop = shared.house.stop();
        let served = stop
            .run_until_cancelled(serve(&shared, tcp, id, hang))
            .await;
        if let Some(Err(error)) = served {
            tracing::debug!(id, %error, "client lost");
        }
        shared.house.lock().clients.remove(&id);
        shared.house.count(|counts| counts.open -= 1);
    });
}

async fn serve(shared: &Shared, tcp: TcpStream, id: u64, hang: Hang) -> Result<(), WsError> {
    tcp.set_nodelay(true)?;
    if hang == Hang::Accepted {
        return Ok(play_dead(tcp).await?);
    }
    match &shared.tls {
        Some(tls) => talk(shared, sim::encrypted(tls, tcp).await?, id, hang).await,
        None => talk(shared, tcp, id, hang).await,
    }
}

#[expect(
    clippy::result_large_err,
    reason = "the callback's type is tungstenite's"
)]
async fn talk<S>(shared: &Shared, stream: S, id: u64, hang: Hang) -> Result<(), WsError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let path = shared.profile.path();
    let at_path = |request: &Request, response: Response| {
        if request.uri().path() == path {
            Ok(response)
        } else {
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = StatusCode::NOT_FOUND;
            Err(refusal)
        }
    };
    let ws = timeout(HANDSHAKE, accept_hdr_async(stream, at_path)).await;
    let mut ws = ws.map_err(io::Error::from)??;
    let (queue, mut outs) = mpsc::channel(QUEUE);
    let client = Client {
        subscriber: Subscriber::default(),
        queue,
    };
    shared.house.lock().clients.insert(id, client);
    let mut batch = Vec::with_capacity(BATCH);
    let login_by = seconds(shared.profile.login_timeout_s).map(|limit| Instant::now() + limit);
    let idle = seconds(shared.profile.idle_timeout_s).unwrap_or(Duration::MAX);
    let mut logged_in = false;
    loop {
        let limit = match login_by {
            Some(by) if !logged_in => by.saturating_duration_since(Instant::now()).min(idle),
            _ => idle,
        };
        tokio::select! {
            biased;
            taken = outs.recv_many(&mut batch, BATCH) => {
                if taken == 0 || send(shared, &mut ws, &mut batch).await?.is_break() {
                    return Ok(());
                }
            }
            message = ws.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    shared.house.count(|counts| counts.commands += 1);
                    if hang == Hang::Nowhere {
                        logged_in |= answer(shared, &mut ws, id, &text).await?;
                    }
                }
                Some(Ok(Message::Ping(_))) => shared.house.count(|counts| counts.pings += 1),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
            () = sleep(limit), if limit < Duration::MAX => return ws.close(None).await,
        }
    }
}

/// Answers a command. True once the client is logged in.
async fn answer<S>(
    shared: &Shared,
    ws: &mut WebSocketStream<S>,
    id: u64,
    text: &str,
) -> Result<bool, WsError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answer = {
        let mut state = shared.house.lock();
        let state = &mut *state;
        let refuse = state.refuse_logins || state.mangler.refuses_login();
        let Some(client) = state.clients.get_mut(&id) else {
            return Ok(false);
        };
        client
            .subscriber
            .command(text, &shared.profile, &state.world, refuse)
    };
    let sent = u64::try_from(answer.texts.len()).unwrap_or(0);
    for text in answer.texts {
        ws.feed(Message::text(text)).await?;
    }
    ws.flush().await?;
    shared.house.count(|counts| {
        counts.sent += sent;
        counts.subscriptions += answer.subscribed;
        counts.logins += u64::from(answer.login == Some(true));
        counts.refused += u64::from(answer.login == Some(false));
    });
    Ok(answer.login == Some(true))
}

/// Does what it is told. Breaks when that was the end.
async fn send<S>(
    shared: &Shared,
    ws: &mut WebSocketStream<S>,
    batch: &mut Vec<Out>,
) -> Result<std::ops::ControlFlow<()>, WsError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    use std::ops::ControlFlow::{Break, Continue};
    let mut sent = 0;
    let mut end = None;
    for out in batch.drain(..) {
        match out {
            Out::Text(text) => {
                if shared.profile.chaos.slow_ms > 0 {
                    sleep(Duration::from_millis(shared.profile.chaos.slow_ms)).await;
                }
                ws.feed(Message::Text(text)).await?;
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
        None | Some(Out::Text(_)) => return Ok(Continue(())),
        Some(Out::Close) => ws.close(None).await?,
        Some(Out::Abort) => {}
        Some(Out::Mute) => play_dead(ws.get_mut()).await?,
    }
    Ok(Break(()))
}
