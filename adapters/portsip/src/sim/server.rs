//! The simulator on the network: accepts connections, lets the world live, and is driven by levers.

mod connection;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use adapter::{
    sim::{self, Clients, House, Lever, Listen, Living, Mangler, seconds},
    truth::TrueCall,
};
use tokio::{sync::mpsc, time::Instant};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    mangle::Frame,
    profile::Profile,
    scenario::{Act, Scenario},
    subscriber::{Subscriber, text},
    voice::Emission,
    world::{Order, World},
};

/// Messages that wait for one slow client. When they are so many it holds the others up, and is cut off after a while.
const QUEUE: usize = 65_536;

/// A running simulated PBX. It ends when this is dropped.
pub struct Sim {
    address: SocketAddr,
    url: String,
    shared: Arc<Shared>,
    _stop: DropGuard,
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
    house: House<State, Counts>,
}

struct State {
    world: World,
    mangler: Mangler<Emission>,
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
        let listener = listen.bind().await?;
        let address = listener.local_addr()?;
        let scheme = if listen.tls.is_some() { "wss" } else { "ws" };
        let url = format!("{scheme}://{address}{}", profile.path());
        let stop = CancellationToken::new();
        let start = SystemTime::now().duration_since(UNIX_EPOCH);
        let start = start.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0));
        let state = State {
            world: World::new(&profile, start),
            mangler: Mangler::new(profile.chaos.clone(), profile.seed),
            clients: BTreeMap::new(),
            hang: Hang::Nowhere,
            refuse_logins: false,
            down_until: None,
        };
        let shared = Arc::new(Shared {
            house: House::new(state, profile.pace, stop.clone()),
            tls: listen.tls.map(Into::into),
            profile,
        });
        tokio::spawn(connection::accept(Arc::clone(&shared), listener));
        sim::set_going(&shared);
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
        let session = self.shared.house.in_turn(begin).await;
        self.shared.house.wake();
        session.map(|session| session.to_string())
    }

    /// Sends a text to everybody who is logged in.
    pub async fn send(&self, native: impl Into<String>) {
        let frames = [Frame::Raw(native.into())];
        let address = |state: &mut State| (self.shared.address(state, &frames), ());
        self.shared.house.in_turn(address).await;
    }

    /// Plays a scenario to its end, at the profile's pace. Calls may go on after it.
    pub async fn play(&self, scenario: &Scenario) {
        let house = &self.shared.house;
        let begun = house.now();
        for moment in &scenario.moments {
            let due = begun + seconds(moment.at).unwrap_or_default();
            tokio::time::sleep(house.real(due.saturating_sub(house.now()))).await;
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
        self.shared.house.lock().hang = hang;
    }

    /// What it has seen so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.house.counts()
    }

    /// Waits until it has seen enough.
    pub async fn until(&self, enough: impl FnMut(&Counts) -> bool) -> Counts {
        self.shared.house.until(enough).await
    }

    /// From here on no call begins by itself.
    pub fn last_orders(&self) {
        self.shared.house.lock().world.last_orders();
    }

    /// What really happened to its calls.
    #[must_use]
    pub fn truth(&self) -> Vec<TrueCall> {
        self.shared.house.lock().world.truth()
    }
}

impl Living for Shared {
    type State = State;
    type Counts = Counts;
    type Told = Emission;

    fn house(&self) -> &House<State, Counts> {
        &self.house
    }

    fn chaos(&self) -> &sim::Chaos {
        &self.profile.chaos
    }

    fn load(&self) -> u32 {
        self.profile.frames_per_s
    }

    fn mangler(state: &mut State) -> &mut Mangler<Emission> {
        &mut state.mangler
    }

    fn poll_timeout(state: &State) -> Option<Duration> {
        state.world.poll_timeout()
    }

    fn advance(&self, state: &mut State, now: Duration) -> Vec<Emission> {
        state.world.advance(now)
    }

    fn chatter(&self, state: &mut State, numbers: Range<u64>) -> Vec<Emission> {
        numbers.filter_map(|n| state.world.chatter(n)).collect()
    }

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
                        out: Out::Text(written.clone()),
                    });
                }
            }
        }
        letters
    }

    fn pull(&self, lever: Lever) {
        let mut state = self.house.lock();
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

impl Clients for State {
    type Out = Out;

    fn cut_off(&mut self, client: u64) {
        self.clients.remove(&client);
    }
}

type Letter = sim::Letter<Out>;
