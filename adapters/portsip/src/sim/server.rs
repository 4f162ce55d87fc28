//! The simulator on the network: accepts connections, lets the world live, and is driven by levers.

mod connection;
mod driver;

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use adapter::truth::TrueCall;
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc, watch},
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    mangle::{Frame, Mangler},
    profile::{Profile, seconds},
    scenario::{Act, Lever, Scenario},
    subscriber::{Subscriber, text},
    voice::Emission,
    world::{Order, World},
};

/// Messages that wait for one slow client. When they are so many it holds the others up, and is cut off after a while.
const QUEUE: usize = 65_536;
const STUCK: Duration = Duration::from_secs(5);

/// A running simulated PBX. It ends when this is dropped.
pub struct Sim {
    address: SocketAddr,
    url: String,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

/// How a simulated PBX is reached.
#[derive(Clone, Default)]
pub struct Listen {
    /// Where; a free port of the loopback interface unless told otherwise.
    pub address: Option<SocketAddr>,
    /// With TLS, `wss://`.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// What a simulated PBX has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open: u64,
    /// Commands received, answered or not.
    pub commands: u64,
    /// Logins accepted.
    pub logins: u64,
    /// Logins refused.
    pub refused: u64,
    /// Topics subscribed to.
    pub subscriptions: u64,
    /// Pings received.
    pub pings: u64,
    /// Text frames sent.
    pub sent: u64,
}

/// How far a new client gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hang {
    /// As it should.
    #[default]
    Nowhere,
    /// TCP is accepted, then nothing more is said.
    Accepted,
    /// The WebSocket is open, but a login is never answered.
    LoggingIn,
}

struct Shared {
    profile: Profile,
    tls: Option<tokio_rustls::TlsAcceptor>,
    born: Instant,
    state: Mutex<State>,
    /// Held from the making of messages until they are queued.
    turn: tokio::sync::Mutex<()>,
    /// The world has something new to do.
    wake: Notify,
    counts: watch::Sender<Counts>,
    stop: CancellationToken,
}

struct State {
    world: World,
    mangler: Mangler,
    clients: BTreeMap<u64, Client>,
    hang: Hang,
    refuse_logins: bool,
    /// Nobody answers before this.
    down_until: Option<Instant>,
}

struct Client {
    subscriber: Subscriber,
    queue: mpsc::Sender<Out>,
}

/// What a connection is told to do.
enum Out {
    Text(Utf8Bytes),
    Close,
    Abort,
    Mute,
}

impl Sim {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start(profile: Profile) -> io::Result<Self> {
        Self::listen(profile, Listen::default()).await
    }

    /// Starts one somewhere in particular.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn listen(profile: Profile, listen: Listen) -> io::Result<Self> {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(listen.address.unwrap_or(free)).await?;
        let address = listener.local_addr()?;
        let scheme = if listen.tls.is_some() { "wss" } else { "ws" };
        let url = format!("{scheme}://{address}{}", profile.path());
        let stop = CancellationToken::new();
        let start = SystemTime::now().duration_since(UNIX_EPOCH);
        let start = start.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0));
        let shared = Arc::new(Shared {
            tls: listen.tls.map(Into::into),
            born: Instant::now(),
            state: Mutex::new(State {
                world: World::new(&profile, start),
                mangler: Mangler::new(profile.chaos.clone(), profile.seed),
                clients: BTreeMap::new(),
                hang: Hang::Nowhere,
                refuse_logins: false,
                down_until: None,
            }),
            turn: tokio::sync::Mutex::new(()),
            wake: Notify::new(),
            counts: watch::Sender::default(),
            stop: stop.clone(),
            profile,
        });
        tokio::spawn(connection::accept(Arc::clone(&shared), listener));
        driver::spawn(&shared);
        Ok(Self {
            address,
            url,
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

    /// Begins a call. Yields its session id, or nothing when nobody is free to take part.
    pub async fn call(&self, order: &Order) -> Option<String> {
        let begin = |state: &mut State| {
            let letters = self.shared.catch_up(state);
            (letters, state.world.begin(order))
        };
        let session = self.shared.in_turn(begin).await;
        self.shared.wake.notify_one();
        session.map(|session| session.to_string())
    }

    /// Sends a text to everybody who is logged in.
    pub async fn send(&self, native: impl Into<String>) {
        let frames = [Frame::Raw(native.into())];
        let address = |state: &mut State| (self.shared.address(state, &frames), ());
        self.shared.in_turn(address).await;
    }

    /// Plays a scenario to its end, at the profile's pace. Calls may go on after it.
    pub async fn play(&self, scenario: &Scenario) {
        let begun = self.shared.now();
        for moment in &scenario.moments {
            let due = begun + seconds(moment.at).unwrap_or_default();
            tokio::time::sleep(self.shared.real(due.saturating_sub(self.shared.now()))).await;
            match &moment.act {
                Act::Call(order) => {
                    if self.call(order).await.is_none() {
                        tracing::warn!(?order, "nobody is free for this call");
                    }
                }
                Act::Raw(body) => self.send(body.to_string()).await,
                Act::Text(text) => self.send(text.as_str()).await,
                Act::Lever(lever) => self.pull(*lever),
            }
        }
    }

    /// Pulls a lever.
    pub fn pull(&self, lever: Lever) {
        self.shared.pull(lever);
    }

    /// How far new clients get from now on.
    pub fn hang(&self, hang: Hang) {
        self.shared.lock().hang = hang;
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

    /// From here on no call begins by itself.
    pub fn last_orders(&self) {
        self.shared.lock().world.last_orders();
    }

    /// What really happened to its calls.
    #[must_use]
    pub fn truth(&self) -> Vec<TrueCall> {
        self.shared.lock().world.truth()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
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
    fn catch_up(&self, state: &mut State) -> Vec<Letter> {
        let told = state.world.advance(self.now());
        self.tell(state, told)
    }

    fn tell(&self, state: &mut State, told: Vec<Emission>) -> Vec<Letter> {
        let frames = state.mangler.mangle(told);
        self.address(state, &frames)
    }

    /// Finds out who gets what.
    fn address(&self, state: &State, frames: &[Frame]) -> Vec<Letter> {
        let mut letters = Vec::new();
        for frame in frames {
            let (event, written) = match frame {
                Frame::Event(emission) => (Some(emission), text(&emission.body)),
                Frame::Raw(raw) => (None, raw.clone()),
            };
            let written = Utf8Bytes::from(written);
            for (id, client) in &state.clients {
                let subscriber = &client.subscriber;
                let hears = event.map_or_else(
                    || subscriber.is_logged_in(),
                    |event| subscriber.hears(&self.profile, event),
                );
                if hears {
                    letters.push(Letter {
                        client: *id,
                        queue: client.queue.clone(),
                        text: written.clone(),
                    });
                }
            }
        }
        letters
    }

    /// Does something that makes messages, and queues them before anybody else makes some: what was said first is
    /// heard first.
    async fn in_turn<T>(&self, act: impl FnOnce(&mut State) -> (Vec<Letter>, T)) -> T {
        let _turn = self.turn.lock().await;
        let (letters, value) = act(&mut self.lock());
        self.post(letters).await;
        value
    }

    /// Queues what was addressed. A client that takes nothing for seconds is cut off.
    async fn post(&self, letters: Vec<Letter>) {
        for letter in letters {
            let sent = timeout(STUCK, letter.queue.send(Out::Text(letter.text))).await;
            if sent.is_err() {
                self.lock().clients.remove(&letter.client);
            }
        }
    }

    fn pull(&self, lever: Lever) {
        let mut state = self.lock();
        match lever {
            Lever::Drop => state.everybody(|| Out::Abort),
            Lever::Close => state.everybody(|| Out::Close),
            Lever::HalfOpen => {
                state.everybody(|| Out::Mute);
                // Nobody queues anything for those who are not served any more.
                state.clients.clear();
            }
            Lever::Restart => {
                state.everybody(|| Out::Abort);
                state.world.restart();
                let takes = seconds(self.profile.chaos.restart_takes_s).unwrap_or_default();
                state.down_until = Some(Instant::now() + takes);
            }
            Lever::RefuseLogins => state.refuse_logins = true,
            Lever::AcceptLogins => state.refuse_logins = false,
        }
    }
}

impl State {
    /// Tells every connection to do something. One with a full queue is cut off instead.
    fn everybody(&mut self, out: impl Fn() -> Out) {
        self.clients
            .retain(|_, client| client.queue.try_send(out()).is_ok());
    }
}

struct Letter {
    client: u64,
    queue: mpsc::Sender<Out>,
    text: Utf8Bytes,
}
