//! The simulator on the network: accepts connections, lets the world live, and is driven by levers.

mod connection;
mod driver;
mod login;

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use adapter::truth::TrueCall;
use bytes::Bytes;
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc, watch},
    time::{Instant, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    mangle::{Frame, Mangler},
    notation::Notation,
    profile::{Profile, seconds},
    row::Told,
    scenario::{Act, Lever, Scenario},
    voice::Voice,
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
    /// Commands received.
    pub commands: u64,
    /// Logins accepted.
    pub logins: u64,
    /// Logins refused.
    pub refused: u64,
    /// Tickets drawn.
    pub tickets: u64,
    /// Connections that found no room.
    pub limited: u64,
    /// Connections that had to make room.
    pub replaced: u64,
    /// Pings received.
    pub pings: u64,
    /// Frames sent.
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
    /// The WebSocket is open, but nothing is told.
    Open,
}

struct Shared {
    profile: Profile,
    voice: Voice,
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
    notation: Notation,
    clients: BTreeMap<u64, Client>,
    tickets: BTreeMap<String, String>,
    hang: Hang,
    refuse_logins: bool,
    /// Nobody answers before this.
    down_until: Option<Instant>,
}

/// Who listens.
struct Client {
    /// The user and `app_name` that share a number of connections.
    account: (String, String),
    /// The user whose legs alone are told.
    watched: Option<i64>,
    queue: mpsc::Sender<Out>,
}

/// What a connection is told to do.
enum Out {
    Frame(Bytes),
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
        let url = format!("{scheme}://{address}{}", Profile::PATH);
        let stop = CancellationToken::new();
        let start = SystemTime::now().duration_since(UNIX_EPOCH);
        let start = start.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(0));
        let shared = Arc::new(Shared {
            tls: listen.tls.map(Into::into),
            born: Instant::now(),
            voice: Voice::new(&profile),
            state: Mutex::new(State {
                world: World::new(&profile, start),
                mangler: Mangler::new(profile.chaos.clone(), profile.seed),
                notation: Notation::default(),
                clients: BTreeMap::new(),
                tickets: BTreeMap::new(),
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

    /// Begins a call. Yields the uuid of its first leg, or nothing when nobody is free to take part.
    pub async fn call(&self, order: &Order) -> Option<String> {
        let begin = |state: &mut State| {
            let letters = self.shared.catch_up(state);
            (letters, state.world.begin(order))
        };
        let uuid = self.shared.in_turn(begin).await;
        self.shared.wake.notify_one();
        uuid
    }

    /// Sends bytes to everybody.
    pub async fn send(&self, frame: impl Into<Bytes>) {
        let frames = [Frame::Raw(frame.into())];
        let address = |state: &mut State| (self.shared.address(state, &frames), ());
        self.shared.in_turn(address).await;
    }

    /// Sends a frame to everybody, written in the notation for people; false when it is none.
    pub async fn write(&self, frame: &serde_json::Value) -> bool {
        let written = self.shared.lock().notation.frame(frame);
        match written {
            Ok(frame) => {
                self.send(frame).await;
                true
            }
            Err(error) => {
                tracing::warn!(%frame, %error, "not sent");
                false
            }
        }
    }

    /// Sends the dossier's hostile frames, one after another.
    pub async fn send_hostile(&self) {
        for frame in super::mangle::hostile() {
            self.send(frame).await;
        }
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
                Act::Raw(frame) => {
                    self.write(frame).await;
                }
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

    fn tell(&self, state: &mut State, told: Vec<Told>) -> Vec<Letter> {
        let frames = state.mangler.mangle(self.voice.of_known(told));
        self.address(state, &frames)
    }

    /// Finds out who gets what.
    fn address(&self, state: &State, frames: &[Frame]) -> Vec<Letter> {
        let mut letters = Vec::new();
        for frame in frames {
            let (bytes, user, is_leg) = match frame {
                Frame::Event(told, extra) => {
                    let bytes = self.voice.info_event(told, *extra).into();
                    (bytes, told.user, told.element == "channel")
                }
                Frame::Raw(raw) => (raw.clone(), None, false),
            };
            for (id, client) in &state.clients {
                if is_leg && client.watched.is_some() && client.watched != user {
                    continue;
                }
                letters.push(Letter {
                    client: *id,
                    queue: client.queue.clone(),
                    frame: Bytes::clone(&bytes),
                });
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
            let sent = timeout(STUCK, letter.queue.send(Out::Frame(letter.frame))).await;
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
    frame: Bytes,
}
