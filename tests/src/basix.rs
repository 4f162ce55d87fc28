//! A scripted Basix PBX: it says in BERT what a test wants said, and lists the legs that the test says there are.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{StatusCode, header},
    },
};

use crate::wait;

/// `test1.com:let-me-in`, as HTTP spells it.
const CREDENTIALS: &str = "Basic dGVzdDEuY29tOmxldC1tZS1pbg==";

/// The fields of a leg, in an order of our own.
const FIELDS: [&str; 15] = [
    "last_event",
    "uuid",
    "state",
    "direction",
    "peer_location",
    "user_id",
    "calling_number",
    "called_number",
    "offer_timestamp",
    "answer_timestamp",
    "hangup_timestamp",
    "other_uuid",
    "last_event_data",
    "target",
    "call_id",
];

/// A PBX on a free port of this machine, with user 1001.
#[derive(Debug)]
pub struct Basix {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    listener: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    legs: Vec<Leg>,
    heard: Vec<String>,
    live: Vec<mpsc::Sender<Option<Vec<u8>>>>,
    accepted: usize,
}

/// A leg as it is. Times are Unix microseconds.
#[derive(Clone, Debug, Default)]
pub struct Leg {
    /// Its uuid.
    pub uuid: String,
    /// Offered by the PBX to user 1001; else from outside.
    pub outbound: bool,
    /// When it began.
    pub offered: i64,
    /// When it was answered.
    pub answered: Option<i64>,
    /// The leg it talks with, or was made for.
    pub other: Option<String>,
    /// It talks.
    pub bridged: bool,
}

impl Basix {
    /// The token of the domain `test1.com`.
    pub const TOKEN: &str = "let-me-in";

    /// A PBX without calls.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Mutex::new(Shared::default()));
        let task = accept(listener, Arc::clone(&shared));
        Self {
            address,
            shared,
            listener: tokio::spawn(task),
        }
    }

    /// The lines of a source that listens to it.
    #[must_use]
    pub fn source(&self, id: &str) -> String {
        format!(
            "
[sources.{id}]
adapter = \"basix\"
url = \"ws://{}/basix/api/ws_cti\"
domain = \"test1.com\"
token = \"{}\"
region = \"JP\"
reconnect = {{ initial = \"50ms\", max = \"500ms\", budget_per_min = 600 }}
",
            self.address,
            Self::TOKEN
        )
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        lock(&self.shared).accepted
    }

    /// Commands heard so far, over all connections.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        lock(&self.shared).heard.clone()
    }

    /// Whoever connects from now on is told of these legs.
    pub fn list(&self, legs: &[Leg]) {
        lock(&self.shared).legs = legs.to_vec();
    }

    /// Says that a leg came, changed or went: `added`, `updated`, `removed`.
    pub async fn say(&self, change: &str, leg: &Leg, event: &str, data: &str) {
        let frame = [
            atom("info_event"),
            chars("channel"),
            leg.row(event, data),
            chars(change),
        ];
        self.say_bytes(&frame_of(&frame)).await;
    }

    /// Says any bytes.
    pub async fn say_bytes(&self, frame: &[u8]) {
        let clients = wait::until("a client listens", || {
            let mut shared = lock(&self.shared);
            shared.live.retain(|client| !client.is_closed());
            let live = shared.live.clone();
            async move { (!live.is_empty()).then_some(live) }
        })
        .await;
        for client in clients {
            // A client that has just gone hears nothing.
            let _ = client.send(Some(frame.to_vec())).await;
        }
    }

    /// Drops every connection without a word.
    pub async fn hang_up(&self) {
        let clients = std::mem::take(&mut lock(&self.shared).live);
        for client in clients {
            let _ = client.send(None).await;
        }
    }

    /// A call from outside to user 1001, who answers. Yields the legs: the caller's and the user's.
    pub async fn answered_call(&self, name: &str, at: i64) -> (Leg, Leg) {
        let (mut caller, mut user) = self.ringing_call(name, at).await;
        user.answered = Some(at + 3_000_000);
        self.say("updated", &user, "CHANNEL_ANSWER", "").await;
        caller.answered = Some(at + 3_000_100);
        self.say("updated", &caller, "CHANNEL_ANSWER", "").await;
        (caller.bridged, user.bridged) = (true, true);
        caller.other = Some(user.uuid.clone());
        self.say("updated", &caller, "CHANNEL_BRIDGE", "").await;
        self.say("updated", &user, "CHANNEL_BRIDGE", "").await;
        (caller, user)
    }

    /// The same, as far as it rings.
    pub async fn ringing_call(&self, name: &str, at: i64) -> (Leg, Leg) {
        let caller = Leg {
            uuid: format!("{name}-caller"),
            offered: at,
            ..Leg::default()
        };
        self.say("added", &caller, "NEW_CHANNEL", "").await;
        let user = Leg {
            uuid: format!("{name}-user"),
            outbound: true,
            offered: at + 200_000,
            other: Some(caller.uuid.clone()),
            ..Leg::default()
        };
        self.say("added", &user, "CHANNEL_ORIGINATE", "").await;
        (caller, user)
    }

    /// The caller hangs up.
    pub async fn end(&self, caller: &Leg, user: &Leg) {
        self.say(
            "removed",
            caller,
            "CHANNEL_HANGUP",
            "recv_bye,NORMAL_CLEARING",
        )
        .await;
        self.say(
            "removed",
            user,
            "CHANNEL_HANGUP",
            "send_bye,NORMAL_CLEARING",
        )
        .await;
    }
}

impl Drop for Basix {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Leg {
    fn row(&self, event: &str, data: &str) -> Vec<u8> {
        let state = if self.bridged {
            tuple(&[int(self.answered.unwrap_or(self.offered)), atom("bridged")])
        } else {
            undefined()
        };
        let text = |value: &str| {
            if value.is_empty() {
                undefined()
            } else {
                binary(value)
            }
        };
        let time = |value: Option<i64>| value.map_or_else(undefined, int);
        let ended = (event == "CHANNEL_HANGUP")
            .then_some(self.answered.unwrap_or(self.offered) + 60_000_000);
        tuple(&[
            binary(event),
            binary(&self.uuid),
            state,
            atom(if self.outbound { "outbound" } else { "inbound" }),
            atom(if self.outbound {
                "internal"
            } else {
                "external"
            }),
            if self.outbound {
                int(10_001_001)
            } else {
                undefined()
            },
            binary("0312341234"),
            binary(if self.outbound { "1001" } else { "05068680001" }),
            int(self.offered),
            time(self.answered),
            time(ended),
            self.other.as_deref().map_or_else(undefined, binary),
            text(data),
            undefined(),
            undefined(),
        ])
    }
}

async fn accept(listener: TcpListener, shared: Arc<Mutex<Shared>>) {
    while let Ok((socket, _)) = listener.accept().await {
        lock(&shared).accepted += 1;
        // One small frame after another: each is to leave at once.
        let _ = socket.set_nodelay(true);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { serve(socket, &shared).await });
    }
}

#[expect(
    clippy::result_large_err,
    reason = "the callback's type is tungstenite's"
)]
async fn serve(socket: TcpStream, shared: &Mutex<Shared>) {
    let check = |request: &Request, response: Response| {
        let query = request.uri().query().unwrap_or_default();
        let known = request
            .headers()
            .get(header::AUTHORIZATION)
            .is_some_and(|value| value == CREDENTIALS);
        if known && query.contains("app_name=") && query.contains("full_events=true") {
            return Ok(response);
        }
        let mut refusal = ErrorResponse::new(None);
        *refusal.status_mut() = StatusCode::UNAUTHORIZED;
        Err(refusal)
    };
    let Ok(mut socket) = accept_hdr_async(socket, check).await else {
        return;
    };
    let (sender, mut says) = mpsc::channel(256);
    let greeting = {
        let mut shared = lock(shared);
        shared.live.push(sender);
        greeting(&shared.legs)
    };
    for frame in greeting {
        if socket.send(Message::binary(frame)).await.is_err() {
            return;
        }
    }
    loop {
        tokio::select! {
            say = says.recv() => match say {
                Some(Some(frame)) => if socket.send(Message::binary(frame)).await.is_err() { return },
                Some(None) | None => return,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => lock(shared).heard.push(text.to_string()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            }
        }
    }
}

/// An element, its fields, and its entities.
type Listed<'a> = (&'a str, &'a [&'a str], &'a [Vec<u8>]);

/// What somebody hears first: the fields and entities of every element.
fn greeting(legs: &[Leg]) -> Vec<Vec<u8>> {
    let user = ["label", "id", "main_extension", "name"];
    let rows = [tuple(&[
        binary("波也 太郎"),
        int(10_001_001),
        binary("1001"),
        binary("user1"),
    ])];
    let legs: Vec<Vec<u8>> = legs.iter().map(|leg| leg.row("STATE_CHANGE", "")).collect();
    let elements: [Listed<'_>; 5] = [
        ("user", &user[..], &rows[..]),
        ("group", &["id", "name"], &[]),
        (
            "group_member",
            &["id", "group_id", "user_id", "login_status"],
            &[],
        ),
        ("channel", &FIELDS[..], &legs[..]),
        ("channel_waiting", &["uuid", "state"], &[]),
    ];
    let mut frames = Vec::new();
    for (element, fields, rows) in elements {
        let fields: Vec<Vec<u8>> = fields.iter().map(|name| atom(name)).collect();
        frames.push(frame_of(&[
            atom("field_spec"),
            chars(element),
            list(&fields),
        ]));
        frames.push(frame_of(&[
            atom("initial_info"),
            chars(element),
            list(rows),
        ]));
    }
    frames
}

fn frame_of(parts: &[Vec<u8>]) -> Vec<u8> {
    [vec![131], tuple(parts)].concat()
}

fn tuple(parts: &[Vec<u8>]) -> Vec<u8> {
    let arity = u8::try_from(parts.len()).expect("a small tuple");
    [vec![104, arity], parts.concat()].concat()
}

fn list(parts: &[Vec<u8>]) -> Vec<u8> {
    if parts.is_empty() {
        // As the BERT library has it.
        return tuple(&[atom("bert"), atom("nil")]);
    }
    let length = u32::try_from(parts.len()).expect("a short list");
    [
        vec![108],
        length.to_be_bytes().to_vec(),
        parts.concat(),
        vec![106],
    ]
    .concat()
}

fn atom(name: &str) -> Vec<u8> {
    sized(100, name)
}

fn chars(text: &str) -> Vec<u8> {
    sized(107, text)
}

fn sized(tag: u8, text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text");
    [
        vec![tag],
        length.to_be_bytes().to_vec(),
        text.as_bytes().to_vec(),
    ]
    .concat()
}

fn binary(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("a text");
    [
        vec![109],
        length.to_be_bytes().to_vec(),
        text.as_bytes().to_vec(),
    ]
    .concat()
}

/// Erlang writes what does not fit in four bytes as a big integer.
fn int(value: i64) -> Vec<u8> {
    match i32::try_from(value) {
        Ok(value) => [vec![98], value.to_be_bytes().to_vec()].concat(),
        Err(_) => [
            vec![110, 8, u8::from(value < 0)],
            value.unsigned_abs().to_le_bytes().to_vec(),
        ]
        .concat(),
    }
}

fn undefined() -> Vec<u8> {
    atom("undefined")
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().expect("nobody panics with the lock")
}
