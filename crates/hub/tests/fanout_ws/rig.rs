//! A fan-out with a log in memory, a server that remembers what it was asked, and clients.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hub::{
    block::{Block, Key},
    draft::Draft,
    fanout::{
        Command, Control, Fanout, History, HistoryError, HistoryPage, Opening, Options, Socket,
        Start, Subscription, start,
    },
    filter::{Filter, FilterSpec, Narrowing, Variant},
    seal::Sealer,
    stream::{Announcement, ConnectionId},
    tail::{Tail, TailLimits},
};
use model::{Clock, Data, Epoch, EventType, Now, Payload, Position, SourceId, Timestamp};
use serde_json::Value;
use tokio::{net, sync::mpsc};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, handshake::derive_accept_key, protocol::CloseFrame},
};

/// Nothing in these tests takes this long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Rig {
    pub(crate) fanout: Fanout,
    pub(crate) tail: Tail,
    pub(crate) log: Arc<Log>,
    server: mpsc::UnboundedReceiver<Asked>,
    sealer: Sealer,
}

/// What the server was told.
#[derive(Debug, PartialEq)]
pub(crate) enum Asked {
    Text(ConnectionId, String),
    Closed(ConnectionId),
}

/// The log: all blocks, in memory.
#[derive(Default)]
pub(crate) struct Log {
    blocks: Mutex<Vec<Arc<Block>>>,
    broken: Mutex<Option<Fault>>,
}

pub(crate) type Fault = fn(Position) -> HistoryError;

/// One client.
pub(crate) struct Client {
    pub(crate) id: ConnectionId,
    pub(crate) socket: WebSocketStream<net::TcpStream>,
}

struct Ears(mpsc::UnboundedSender<Asked>);

struct SystemClock(Instant);

impl Rig {
    pub(crate) fn new(options: &Options) -> Self {
        Self::with_tail(options, TailLimits::default())
    }

    pub(crate) fn with_tail(options: &Options, limits: TailLimits) -> Self {
        let epoch = Epoch::from_random([7; 8]);
        let tail = Tail::new(epoch, Position(0), limits);
        let log = Arc::new(Log::default());
        let (ears, server) = mpsc::unbounded_channel();
        let history: Arc<dyn History> = Arc::clone(&log) as Arc<dyn History>;
        let control: Arc<dyn Control> = Arc::new(Ears(ears));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock(Instant::now()));
        let fanout = start(options, &tail, &history, &control, &clock).unwrap();
        Self {
            fanout,
            tail,
            log,
            server,
            sealer: Sealer::new(epoch, Position(1)),
        }
    }

    /// Commits and publishes events; returns their positions.
    pub(crate) fn publish(&mut self, drafts: &[Draft]) -> Vec<Position> {
        let blocks = self.sealer.seal(drafts);
        self.log.blocks().extend(blocks.iter().cloned());
        self.tail.publish(&blocks);
        let entries = blocks.iter().flat_map(|block| &block.entries);
        entries.map(|entry| entry.position).collect()
    }

    /// What the server is told next.
    pub(crate) async fn asked(&mut self) -> Asked {
        let next = tokio::time::timeout(PATIENCE, self.server.recv());
        next.await.expect("a word in time").unwrap()
    }

    /// A client whose handshake said all.
    pub(crate) async fn connect(&self, subscription: Subscription) -> Client {
        self.open(Opening::Stream(Box::new(subscription)), b"")
            .await
    }

    pub(crate) async fn open(&self, opening: Opening, ahead: &'static [u8]) -> Client {
        let (client, server) = shake_hands().await;
        let id = self.fanout.next_id();
        let ahead = Bytes::from_static(ahead);
        self.fanout
            .adopt(id, Socket::Plain(server), ahead, opening)
            .unwrap();
        Client { id, socket: client }
    }
}

/// Both ends of a WebSocket after the handshake.
pub(crate) async fn shake_hands() -> (WebSocketStream<net::TcpStream>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::task::spawn_blocking(move || {
        let (mut socket, _) = listener.accept().unwrap();
        answer_handshake(&mut socket);
        socket.set_nodelay(true).unwrap();
        socket
    });
    let tcp = net::TcpStream::connect(address).await.unwrap();
    let (client, _) = client_async("ws://localhost/v1/events", tcp).await.unwrap();
    (client, server.await.unwrap())
}

/// The server's side of the handshake.
pub(crate) fn answer_handshake(socket: &mut (impl Read + Write)) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).unwrap();
    let key = request
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        .unwrap();
    let accept = derive_accept_key(key.1.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    socket.write_all(answer.as_bytes()).unwrap();
    socket.flush().unwrap();
}

impl Client {
    /// The next text frame.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            match self.message().await {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) async fn message(&mut self) -> Message {
        let next = tokio::time::timeout(PATIENCE, self.socket.next());
        next.await
            .expect("a frame in time")
            .expect("a frame")
            .expect("no error")
    }

    /// The next text frame, which is a `stream.*` event of this kind; its data.
    pub(crate) async fn told(&mut self, kind: &str) -> Value {
        let mut event = self.next().await;
        assert_eq!(event["type"], kind, "{event}");
        event["data"].take()
    }

    /// The positions of the next `n` events, which nothing interrupts.
    pub(crate) async fn positions(&mut self, n: usize) -> Vec<Position> {
        let mut positions = Vec::new();
        for _ in 0..n {
            positions.push(position(&self.next().await));
        }
        positions
    }

    /// The close frame, after whatever comes before it.
    pub(crate) async fn closed(&mut self) -> CloseFrame {
        loop {
            if let Message::Close(frame) = self.message().await {
                return frame.expect("a code");
            }
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }
}

/// The position of an event.
pub(crate) fn position(event: &Value) -> Position {
    let id = event["id"].as_str().unwrap();
    let cursor: model::Cursor = id.parse().unwrap_or_else(|_| panic!("{event}"));
    cursor.position
}

/// Everything from the next event on.
pub(crate) fn everything() -> Subscription {
    wanting(&[], Start::Live)
}

/// What these query parameters ask for.
pub(crate) fn wanting(parameters: &[(&str, &str)], from: Start) -> Subscription {
    let mut spec = FilterSpec::default();
    for (parameter, value) in parameters {
        assert!(spec.set(parameter, value).unwrap());
    }
    let narrowing = Narrowing::none().with_pii(true);
    Subscription {
        filter: Arc::new(Filter::compile(&spec, &narrowing)),
        variant: Variant::of(&spec, &narrowing),
        from,
        snapshot: None,
        announcement: Announcement {
            filter: spec,
            scope: narrowing,
            scopes: Vec::new(),
            warnings: Vec::new(),
        },
        reset: None,
    }
}

/// An event of the source `hq` with a native body of about `bytes`.
pub(crate) fn event(kind: EventType, extension: &str, bytes: usize) -> Draft {
    let hq = SourceId::new("hq").unwrap();
    let mut data = Data::default();
    let body = serde_json::json!({ "filler": "x".repeat(bytes) });
    data.origin.payload = Some(Payload::from_value(&body));
    Draft {
        kind,
        source: Some(hq),
        subject: "calls/hq:1".into(),
        time: Timestamp::from_secs(1_700_000_000),
        recorded: Timestamp::from_secs(1_700_000_000),
        tenant: None,
        partitionkey: "hq:1".into(),
        correlationid: None,
        version: 1,
        expires: None,
        data,
        extensions: [Key::of(extension)].into_iter().collect(),
        queues: Default::default(),
        private: false,
        mixed: false,
        closes: None,
    }
}

/// Waits until something holds, which nothing announces.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

impl Log {
    /// From now on the log does not help.
    pub(crate) fn break_with(&self, fault: Fault) {
        *self.broken.lock().unwrap() = Some(fault);
    }

    fn fault(&self) -> Option<Fault> {
        *self.broken.lock().unwrap()
    }

    fn blocks(&self) -> MutexGuard<'_, Vec<Arc<Block>>> {
        self.blocks.lock().unwrap()
    }
}

impl History for Log {
    fn page(
        &self,
        after: Position,
        _: &Filter,
        max_bytes: usize,
    ) -> Result<HistoryPage, HistoryError> {
        if let Some(fault) = self.fault() {
            return Err(fault(after));
        }
        let blocks = self.blocks();
        let mut bytes = 0;
        let page: Vec<Arc<Block>> = blocks
            .iter()
            .filter(|block| block.last() > after)
            .take_while(|block| {
                let fits = bytes == 0 || bytes + block.body.len() <= max_bytes;
                bytes += block.body.len();
                fits
            })
            .cloned()
            .collect();
        let scanned_to = page.last().map_or(after, |block| block.last());
        Ok(HistoryPage {
            blocks: page,
            scanned_to,
        })
    }
}

impl Control for Ears {
    fn text(&self, connection: ConnectionId, text: String) {
        let _ = self.0.send(Asked::Text(connection, text));
    }

    fn closed(&self, connection: ConnectionId) {
        let _ = self.0.send(Asked::Closed(connection));
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Now {
            mono: self.0.elapsed(),
            wall: Timestamp::from_micros(i64::try_from(wall.as_micros()).unwrap()),
        }
    }
}

/// The answer to what a client said, given by the server.
pub(crate) fn answer(rig: &Rig, client: &Client, command: Command) {
    rig.fanout.command(client.id, command);
}
