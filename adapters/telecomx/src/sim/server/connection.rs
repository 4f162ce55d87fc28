//! One Socket.IO client of the simulated service, from the WebSocket to its end.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use adapter::sim::{play_dead, seconds};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as WsError, Message,
        protocol::{Role, WebSocketConfig},
    },
};

use super::{Client, Hang, Out, QUEUE, Shared, World, polling::handshake};
use crate::{
    link::packet::{Engine, Envelope, Packet, envelope, packet},
    sim::{lever::Refusal, subscriber::Subscriber},
};

/// Frames that leave in one write.
const BATCH: usize = 256;

struct Connection<'a, W, S> {
    shared: &'a Shared<W>,
    ws: WebSocketStream<S>,
    id: u64,
    /// Sends to this connection, for when it joins.
    queue: mpsc::Sender<Out>,
    engine: Engine,
    heartbeat: Heartbeat,
    hang: Hang,
}

struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    stopped: bool,
    /// When something is due: a ping of ours, or the end of our patience.
    due: Instant,
    /// Engine.IO 4: a ping of ours is not answered yet.
    waiting: bool,
}

pub(super) async fn serve<W, S>(shared: &Arc<Shared<W>>, stream: S)
where
    W: World,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let settings = WebSocketConfig::default().max_message_size(Some(shared.profile.max_payload));
    let ws = WebSocketStream::from_raw_socket(stream, Role::Server, Some(settings)).await;
    let id = shared.house.counts().connections;
    shared.house.count(|counts| {
        counts.connections += 1;
        counts.open += 1;
    });
    let (queue, outs) = mpsc::channel(QUEUE);
    let profile = &shared.profile;
    let connection = Connection {
        shared,
        ws,
        id,
        queue,
        engine: profile.engine_io,
        heartbeat: Heartbeat::new(
            profile.engine_io,
            profile.ping_interval_ms,
            profile.ping_timeout_ms,
        ),
        hang: shared.house.lock().hang,
    };
    if let Err(error) = connection.run(outs).await {
        tracing::debug!(id, %error, "client lost");
    }
    let client = shared.house.lock().clients.remove(&id);
    let known = client.is_some_and(|client| client.subscriber.account.is_some());
    shared.house.count(|counts| {
        counts.open -= 1;
        counts.known = counts.known.saturating_sub(u64::from(known));
    });
}

impl<W: World, S: AsyncRead + AsyncWrite + Unpin> Connection<'_, W, S> {
    async fn run(mut self, mut outs: mpsc::Receiver<Out>) -> Result<(), WsError> {
        if self.hang == Hang::Opened {
            return Ok(play_dead(self.ws.get_mut()).await?);
        }
        let sid = format!("sim-ws-{}", self.id);
        let open = handshake(self.shared, &sid, false);
        self.say(format!("0{open}")).await?;
        if self.engine == Engine::V3 {
            self.join(None).await?;
        }
        let login_by =
            seconds(self.shared.profile.login_timeout_s).map(|limit| Instant::now() + limit);
        let mut known = false;
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let login_by = login_by.filter(|_| !known);
            tokio::select! {
                biased;
                taken = outs.recv_many(&mut batch, BATCH) => {
                    if taken == 0 || self.send(&mut batch).await?.is_break() {
                        return Ok(());
                    }
                }
                message = self.ws.next() => {
                    let Some(message) = message else { return Ok(()) };
                    if let Message::Text(text) = message?
                        && self.hear(&text).await?.is_break()
                    {
                        return Ok(());
                    }
                    known = self.is_known();
                }
                () = sleep_until(self.heartbeat.due), if !self.heartbeat.stopped => {
                    if self.beat().await?.is_break() {
                        return Ok(());
                    }
                }
                () = sleep_until(login_by.unwrap_or_else(Instant::now)), if login_by.is_some() => {
                    return self.ws.close(None).await;
                }
            }
        }
    }

    async fn hear(&mut self, text: &str) -> Result<ControlFlow<()>, WsError> {
        use ControlFlow::{Break, Continue};
        match envelope(text) {
            Ok(Envelope::Ping(data)) if self.engine == Engine::V3 => {
                if !self.heartbeat.stopped {
                    self.heartbeat.pinged();
                    self.shared.house.count(|counts| counts.heartbeats += 1);
                    self.say(format!("3{data}")).await?;
                }
            }
            Ok(Envelope::Pong) if self.engine == Engine::V4 => {
                self.heartbeat.answered();
                self.shared.house.count(|counts| counts.heartbeats += 1);
            }
            Ok(Envelope::Close) => {
                self.ws.close(None).await?;
                return Ok(Break(()));
            }
            Ok(Envelope::Message(message)) => return self.packet(message).await,
            // As a strict server does.
            Ok(_) | Err(_) => {
                self.ws.close(None).await?;
                return Ok(Break(()));
            }
        }
        Ok(Continue(()))
    }

    async fn packet(&mut self, message: &str) -> Result<ControlFlow<()>, WsError> {
        use ControlFlow::{Break, Continue};
        let joined = self.shared.house.lock().clients.contains_key(&self.id);
        match packet(message) {
            Ok(Packet::Connect(_)) if self.hang == Hang::Joining => {}
            Ok(Packet::Connect(_)) => self.join(Some(self.id)).await?,
            Ok(Packet::Event { ack, args }) if joined => {
                let args: Value = serde_json::from_str(args).unwrap_or_default();
                if let Some(refusal) = self.shared.event(self.id, &args, ack).await {
                    self.refuse(refusal);
                }
            }
            Ok(Packet::Ack { .. }) => {}
            Ok(Packet::Disconnect) => {
                self.shared.house.lock().clients.remove(&self.id);
            }
            // An event before the namespace is joined, or nothing that makes sense: as a strict server does.
            Ok(_) | Err(_) => {
                self.ws.close(None).await?;
                return Ok(Break(()));
            }
        }
        Ok(Continue(()))
    }

    /// Lets the client into the namespace.
    async fn join(&mut self, named: Option<u64>) -> Result<(), WsError> {
        let client = Client {
            subscriber: Subscriber::default(),
            queue: self.queue.clone(),
        };
        self.shared.house.lock().clients.insert(self.id, client);
        match named {
            Some(id) => self.say(format!(r#"40{{"sid":"sim-{id}"}}"#)).await,
            None if self.hang == Hang::Joining => Ok(()),
            None => self.say("40".to_owned()).await,
        }
    }

    /// Goes on as with somebody whose token is refused. What was told before goes out first.
    fn refuse(&self, refusal: Refusal) {
        let then = match refusal {
            Refusal::Silence => return,
            Refusal::Unauthorized | Refusal::Disconnect => Out::Text("41".into()),
            Refusal::Cut => Out::Abort,
        };
        // The queue is never full of what one client was told before it is known.
        let _ = self.queue.try_send(then);
    }

    async fn beat(&mut self) -> Result<ControlFlow<()>, WsError> {
        if self.engine == Engine::V3 || self.heartbeat.waiting {
            self.ws.close(None).await?;
            return Ok(ControlFlow::Break(()));
        }
        self.heartbeat.pings();
        self.say("2".to_owned()).await?;
        Ok(ControlFlow::Continue(()))
    }

    fn is_known(&self) -> bool {
        let state = self.shared.house.lock();
        let client = state.clients.get(&self.id);
        client.is_some_and(|client| client.subscriber.account.is_some())
    }

    async fn say(&mut self, text: String) -> Result<(), WsError> {
        self.shared.house.count(|counts| counts.sent += 1);
        self.ws.send(Message::text(text)).await
    }

    /// Does what it is told. Breaks when that was the end.
    async fn send(&mut self, batch: &mut Vec<Out>) -> Result<ControlFlow<()>, WsError> {
        use ControlFlow::{Break, Continue};
        let slow = Duration::from_millis(self.shared.profile.chaos.slow_ms);
        let (mut sent, mut end) = (0, None);
        for out in batch.drain(..) {
            let message = match out {
                Out::Text(text) => Message::Text(text),
                Out::Binary(bytes) => Message::Binary(bytes),
                Out::StopHeartbeat => {
                    self.heartbeat.stopped = true;
                    continue;
                }
                last @ (Out::Close | Out::Abort | Out::Mute) => {
                    end = Some(last);
                    break;
                }
            };
            if !slow.is_zero() {
                sleep(slow).await;
            }
            self.ws.feed(message).await?;
            sent += 1;
        }
        self.ws.flush().await?;
        self.shared.house.count(|counts| counts.sent += sent);
        match end {
            Some(Out::Close) => self.ws.close(None).await?,
            Some(Out::Mute) => play_dead(self.ws.get_mut()).await?,
            Some(_) => {}
            None => return Ok(Continue(())),
        }
        Ok(Break(()))
    }
}

impl Heartbeat {
    fn new(engine: Engine, interval_ms: u64, timeout_ms: u64) -> Self {
        let interval = Duration::from_millis(interval_ms.clamp(10, 86_400_000));
        let timeout = Duration::from_millis(timeout_ms.clamp(10, 86_400_000));
        let first = match engine {
            Engine::V4 => interval,
            Engine::V3 => interval + timeout,
        };
        Self {
            interval,
            timeout,
            stopped: false,
            due: Instant::now() + first,
            waiting: false,
        }
    }

    /// Engine.IO 3: the client lives.
    fn pinged(&mut self) {
        self.due = Instant::now() + self.interval + self.timeout;
    }

    /// Engine.IO 4: we ask.
    fn pings(&mut self) {
        self.waiting = true;
        self.due = Instant::now() + self.timeout;
    }

    /// Engine.IO 4: the client lives.
    fn answered(&mut self) {
        self.waiting = false;
        self.due = Instant::now() + self.interval;
    }
}
