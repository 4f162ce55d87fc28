//! The simulator on the network: REST and Socket.IO on one port, a world that lives, and levers.

mod connection;
mod driver;
mod front;
mod polling;

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc, watch},
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::{Bytes, Utf8Bytes};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    account::Account,
    lever::{Hang, Lever, Refusal},
    mangle::{Frame, Mangler},
    profile::{Profile, seconds},
    subscriber::{Circumstances, Relay, Subscriber},
};
use crate::link::packet;

/// Frames that wait for one slow client. When they are so many it holds the others up, and is cut off after a while.
const QUEUE: usize = 65_536;
const STUCK: Duration = Duration::from_secs(5);

/// What the simulated service is about, apart from its wire.
pub trait World: Send + 'static {
    /// Lives up to a moment of its own time, counted from its start. Yields what it told meanwhile, in order.
    fn advance(&mut self, now: Duration) -> Vec<Told>;

    /// When [`Self::advance`] wants to be called next.
    fn poll_timeout(&self) -> Option<Duration>;

    /// Answers a REST request of somebody who is known.
    fn rest(&mut self, asked: &Asked<'_>) -> Answer;

    /// An event that changes nothing that matters, for load.
    fn chatter(&mut self, n: u64) -> Option<Told>;

    /// The service restarts: its calls are gone.
    fn restart(&mut self);
}

/// An event that the world tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Its type, which is the name of the Socket.IO event: `PBX`, `CALL`, `REGISTER`, `CONFIG`, `TRUNK`, `REDIS`, `REALTIME`.
    pub kind: &'static str,
    /// The customer it is about.
    pub customer: Option<String>,
    /// The name within the type, for filters: `CALL_RING`.
    pub event: String,
    /// Whether only admins hear it.
    pub admin: bool,
    /// The argument.
    pub body: Value,
}

/// A REST request.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// Without the query: `/pbx/app/queues`.
    pub path: &'a str,
    /// The query, decoded, without the token.
    pub query: &'a [(String, String)],
    /// The body; null when there is none.
    pub body: Value,
    /// Who asks.
    pub account: &'a Account,
}

/// The answer to a REST request.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

/// A running simulated service. It ends when this is dropped.
pub struct Sim<W: World> {
    address: SocketAddr,
    url: String,
    shared: Arc<Shared<W>>,
    _stop: DropGuard,
}

/// How a simulated service is reached.
#[derive(Clone, Default)]
pub struct Listen {
    /// Where; a free port of the loopback interface unless told otherwise.
    pub address: Option<SocketAddr>,
    /// With TLS, `https://`.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// What a simulated service has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// WebSockets opened.
    pub connections: u64,
    /// WebSockets open now.
    pub open: u64,
    /// Polling handshakes.
    pub probes: u64,
    /// Logins with a password accepted.
    pub logins: u64,
    /// Credentials refused, on whatever way.
    pub refused: u64,
    /// Sockets that authenticated.
    pub authenticated: u64,
    /// Sockets that authenticated and are open.
    pub known: u64,
    /// Subscriptions accepted.
    pub subscriptions: u64,
    /// Heartbeats completed.
    pub heartbeats: u64,
    /// REST requests answered.
    pub rest: u64,
    /// Events received.
    pub events: u64,
    /// Frames sent.
    pub sent: u64,
    /// Logouts, of which there should be none.
    pub logouts: u64,
}

struct Shared<W> {
    profile: Profile,
    tls: Option<tokio_rustls::TlsAcceptor>,
    born: Instant,
    state: Mutex<State<W>>,
    /// Held from the making of events until they are queued.
    turn: tokio::sync::Mutex<()>,
    /// The world has something new to do.
    wake: Notify,
    counts: watch::Sender<Counts>,
    stop: CancellationToken,
}

struct State<W> {
    world: W,
    mangler: Mangler,
    clients: BTreeMap<u64, Client>,
    /// Tokens of logins, and until when they are good.
    tokens: BTreeMap<String, (Account, Option<Instant>)>,
    hang: Hang,
    refusal: Refusal,
    refuse_logins: bool,
    deaf: bool,
    requests: u64,
    /// Nobody answers before this.
    down_until: Option<Instant>,
}

struct Client {
    subscriber: Subscriber,
    queue: mpsc::Sender<Out>,
}

/// What a connection is told to do.
#[derive(Clone, Debug)]
enum Out {
    Text(Utf8Bytes),
    Binary(Bytes),
    Close,
    Abort,
    Mute,
    StopHeartbeat,
}

impl<W: World> Sim<W> {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start(profile: Profile, world: W) -> io::Result<Self> {
        Self::listen(profile, world, Listen::default()).await
    }

    /// Starts one somewhere in particular.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn listen(profile: Profile, world: W, listen: Listen) -> io::Result<Self> {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(listen.address.unwrap_or(free)).await?;
        let address = listener.local_addr()?;
        let scheme = if listen.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            tls: listen.tls.map(Into::into),
            born: Instant::now(),
            state: Mutex::new(State {
                world,
                mangler: Mangler::new(profile.chaos.clone(), profile.seed),
                clients: BTreeMap::new(),
                tokens: BTreeMap::new(),
                hang: Hang::Nowhere,
                refusal: Refusal::default(),
                refuse_logins: false,
                deaf: false,
                requests: 0,
                down_until: None,
            }),
            turn: tokio::sync::Mutex::new(()),
            wake: Notify::new(),
            counts: watch::Sender::default(),
            stop: stop.clone(),
            profile,
        });
        tokio::spawn(front::accept(Arc::clone(&shared), listener));
        driver::spawn(&shared);
        Ok(Self {
            address,
            url: format!("{scheme}://{address}"),
            shared,
            _stop: stop.drop_guard(),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for a client.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The profile it runs with.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.shared.profile
    }

    /// Does something with the world as it is now.
    pub async fn with<T>(&self, act: impl FnOnce(&mut W) -> T) -> T {
        let act = |state: &mut State<W>| {
            let letters = self.shared.catch_up(state);
            (letters, act(&mut state.world))
        };
        let value = self.shared.in_turn(act).await;
        self.shared.wake.notify_one();
        value
    }

    /// Looks at the world as it was when it last did something.
    pub fn look<T>(&self, look: impl FnOnce(&mut W) -> T) -> T {
        look(&mut self.shared.lock().world)
    }

    /// Tells an event, as if the world had.
    pub async fn tell(&self, told: Told) {
        let tell = |state: &mut State<W>| (self.shared.address(state, &[Frame::Event(told)]), ());
        self.shared.in_turn(tell).await;
    }

    /// Sends a text frame to everybody who is known.
    pub async fn send(&self, frame: impl Into<String>) {
        let frames = [Frame::Raw(frame.into())];
        let send = |state: &mut State<W>| (self.shared.address(state, &frames), ());
        self.shared.in_turn(send).await;
    }

    /// Sends a binary frame to everybody who is known, after what was sent before.
    pub async fn send_binary(&self, bytes: impl Into<Bytes>) {
        let out = Out::Binary(bytes.into());
        let send = |state: &mut State<W>| {
            let known = state
                .clients
                .iter()
                .filter(|(_, client)| client.subscriber.account.is_some());
            let letters = known.map(|(id, client)| Letter {
                client: *id,
                queue: client.queue.clone(),
                out: out.clone(),
            });
            (letters.collect(), ())
        };
        self.shared.in_turn(send).await;
    }

    /// Pulls a lever.
    pub fn pull(&self, lever: Lever) {
        self.shared.pull(lever);
    }

    /// How far new clients get from now on.
    pub fn hang(&self, hang: Hang) {
        self.shared.lock().hang = hang;
    }

    /// How a token is refused on a socket from now on.
    pub fn refuse_with(&self, refusal: Refusal) {
        self.shared.lock().refusal = refusal;
    }

    /// What it has seen so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.shared.counts.borrow()
    }

    /// Waits until it has seen enough.
    pub async fn until(&self, enough: impl FnMut(&Counts) -> bool) -> Counts {
        let mut counts = self.shared.counts.subscribe();
        // The sender lives as long as this, so the wait cannot fail.
        counts
            .wait_for(enough)
            .await
            .map_or_else(|_| self.counts(), |counts| *counts)
    }
}

impl<W: World> Shared<W> {
    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        self.counts.send_modify(change);
    }

    /// The world's time.
    fn now(&self) -> Duration {
        self.born.elapsed().mul_f64(self.pace())
    }

    /// How long a span of the world's time takes.
    fn real(&self, span: Duration) -> Duration {
        span.div_f64(self.pace())
    }

    fn pace(&self) -> f64 {
        self.profile.pace.clamp(0.001, 100_000.0)
    }

    /// Lets the world live up to now, and addresses what it said.
    fn catch_up(&self, state: &mut State<W>) -> Vec<Letter> {
        let told = state.world.advance(self.now());
        self.post_of(state, told)
    }

    fn post_of(&self, state: &mut State<W>, told: Vec<Told>) -> Vec<Letter> {
        let frames = state.mangler.mangle(told);
        self.address(state, &frames)
    }

    /// Finds out who gets what.
    fn address(&self, state: &State<W>, frames: &[Frame]) -> Vec<Letter> {
        let mut letters = Vec::new();
        for frame in frames {
            let (told, written) = match frame {
                Frame::Event(told) => (Some(told), event(&json!([told.kind, told.body]))),
                Frame::Raw(raw) => (None, raw.clone()),
            };
            let out = Out::Text(written.into());
            for (id, client) in &state.clients {
                let subscriber = &client.subscriber;
                let times = told.map_or_else(
                    || usize::from(subscriber.account.is_some()),
                    |told| subscriber.hears(told),
                );
                letters.extend((0..times).map(|_| Letter {
                    client: *id,
                    queue: client.queue.clone(),
                    out: out.clone(),
                }));
            }
        }
        letters
    }

    /// Does something that makes events, and queues them before anybody else makes some: what was said first is heard
    /// first.
    async fn in_turn<T>(&self, act: impl FnOnce(&mut State<W>) -> (Vec<Letter>, T)) -> T {
        let _turn = self.turn.lock().await;
        let (letters, value) = act(&mut self.lock());
        self.post(letters).await;
        value
    }

    /// Queues what was addressed. A client that takes nothing for seconds is cut off.
    async fn post(&self, letters: Vec<Letter>) {
        for letter in letters {
            let sent = timeout(STUCK, letter.queue.send(letter.out)).await;
            if sent.is_err() {
                self.lock().clients.remove(&letter.client);
            }
        }
    }

    /// Answers an event of a client. Yields what it is told, and how it is refused if it is.
    async fn event(&self, client: u64, args: &Value, ack: Option<u64>) -> Option<Refusal> {
        self.count(|counts| counts.events += 1);
        let answer = |state: &mut State<W>| self.answer(state, client, args, ack);
        let (refused, was_known, known, subscriptions) = self.in_turn(answer).await;
        self.count(|counts| {
            counts.refused += u64::from(refused.is_some());
            counts.authenticated += u64::from(known && !was_known);
            counts.known += u64::from(known && !was_known);
            counts.subscriptions += subscriptions;
        });
        refused
    }

    fn answer(
        &self,
        state: &mut State<W>,
        client: u64,
        args: &Value,
        ack: Option<u64>,
    ) -> (Vec<Letter>, (Option<Refusal>, bool, bool, u64)) {
        state.requests += 1;
        let (n, refusal) = (state.requests, state.refusal);
        if state.deaf {
            return (Vec::new(), (None, false, false, 0));
        }
        let Some(mut taken) = state.clients.remove(&client) else {
            return (Vec::new(), (None, false, false, 0));
        };
        let was_known = taken.subscriber.account.is_some();
        let channels = taken.subscriber.channels();
        let refuses = state.refuse_logins;
        let answer = {
            let account = |token: &str| {
                if refuses {
                    None
                } else {
                    self.account(state, token)
                }
            };
            let around = Circumstances {
                account: &account,
                refusal,
                tell_refusals: self.profile.tell_refusals,
                n,
            };
            taken.subscriber.event(args, &around)
        };
        let mut outs: Vec<Out> = answer
            .events
            .iter()
            .map(|args| Out::Text(event(args).into()))
            .collect();
        if let (Some(id), Some(args)) = (ack, &answer.ack) {
            outs.push(Out::Text(packet::ack(id, &args.to_string()).into()));
        }
        let letter = |out| Letter {
            client,
            queue: taken.queue.clone(),
            out,
        };
        let mut letters: Vec<Letter> = outs.into_iter().map(letter).collect();
        let known = taken.subscriber.account.is_some();
        let more = taken.subscriber.channels().saturating_sub(channels);
        state.clients.insert(client, taken);
        letters.extend(answer.relay.iter().flat_map(|relay| relayed(state, relay)));
        let subscriptions = u64::try_from(more).unwrap_or(0);
        (letters, (answer.refused, was_known, known, subscriptions))
    }

    /// Whose token that is, if it is good.
    fn account(&self, state: &State<W>, token: &str) -> Option<Account> {
        if let Some((account, until)) = state.tokens.get(token) {
            let good = until.is_none_or(|until| Instant::now() < until);
            return good.then(|| account.clone());
        }
        let of_machine = |account: &&Account| account.token.as_deref() == Some(token);
        self.profile.accounts.iter().find(of_machine).cloned()
    }

    fn pull(&self, lever: Lever) {
        let mut state = self.lock();
        let say = |text: &'static str| Out::Text(Utf8Bytes::from_static(text));
        match lever {
            Lever::Drop => state.everybody(|| Out::Abort),
            Lever::Close => state.everybody(|| Out::Close),
            Lever::HalfOpen => {
                state.everybody(|| Out::Mute);
                // Nobody queues anything for those who are not served any more.
                let known = |client: &&Client| client.subscriber.account.is_some();
                let left = state.clients.values().filter(known).count();
                self.count(|counts| counts.known -= u64::try_from(left).unwrap_or(0));
                state.clients.clear();
            }
            Lever::Disconnect => {
                state.everybody(|| say("41"));
                for client in state.clients.values_mut() {
                    let left = std::mem::take(&mut client.subscriber);
                    let known = u64::from(left.account.is_some());
                    self.count(|counts| counts.known -= known);
                }
            }
            Lever::Refuse => state.everybody(|| say(r#"44{"message":"not here"}"#)),
            Lever::EngineClose => state.everybody(|| say("1")),
            Lever::StopHeartbeat => state.everybody(|| Out::StopHeartbeat),
            Lever::Restart => {
                state.everybody(|| Out::Abort);
                state.world.restart();
                state.tokens.clear();
                let takes = seconds(self.profile.chaos.restart_takes_s).unwrap_or_default();
                state.down_until = Some(Instant::now() + takes);
            }
            Lever::RefuseLogins => state.refuse_logins = true,
            Lever::AcceptLogins => state.refuse_logins = false,
            Lever::Deaf => state.deaf = true,
        }
    }
}

impl<W> State<W> {
    /// Tells every connection to do something. One with a full queue is cut off instead.
    fn everybody(&mut self, out: impl Fn() -> Out) {
        self.clients
            .retain(|_, client| client.queue.try_send(out()).is_ok());
    }

    fn is_down(&self) -> bool {
        self.down_until.is_some_and(|until| Instant::now() < until)
    }
}

struct Letter {
    client: u64,
    queue: mpsc::Sender<Out>,
    out: Out,
}

/// Who hears an event of another client.
fn relayed<W>(state: &State<W>, relay: &Relay) -> Vec<Letter> {
    let hears = |client: &Client| {
        let subscriber = &client.subscriber;
        let employee = subscriber.account.as_ref().map(|account| &account.employee);
        employee == Some(&relay.employee)
            && (relay.instance.is_none() || relay.instance == subscriber.instance)
    };
    let text = Utf8Bytes::from(event(&relay.event));
    let clients = state.clients.iter().filter(|(_, client)| hears(client));
    clients
        .map(|(id, client)| Letter {
            client: *id,
            queue: client.queue.clone(),
            out: Out::Text(text.clone()),
        })
        .collect()
}

fn event(args: &Value) -> String {
    packet::event(None, &args.to_string())
}
