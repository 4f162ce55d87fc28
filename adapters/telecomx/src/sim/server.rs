//! The simulator on the network: REST and Socket.IO on one port, a world that lives, and levers.

mod connection;
mod front;
mod polling;

use std::{collections::BTreeMap, io, net::SocketAddr, ops::Range, sync::Arc, time::Duration};

use adapter::sim::{self, Clients, House, Listen, Living, Mangler, seconds};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::Instant};
use tokio_tungstenite::tungstenite::{Bytes, Utf8Bytes};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    account::Account,
    lever::{Hang, Lever, Refusal},
    mangle::Frame,
    profile::Profile,
    subscriber::{Circumstances, Relay, Subscriber},
};
use crate::link::packet;

/// Frames that wait for one slow client. When they are so many it holds the others up, and is cut off after a while.
const QUEUE: usize = 65_536;

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
    house: House<State<W>, Counts>,
}

struct State<W> {
    world: W,
    mangler: Mangler<Told>,
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
        let listener = listen.bind().await?;
        let address = listener.local_addr()?;
        let scheme = if listen.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let stop = CancellationToken::new();
        let state = State {
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
        };
        let shared = Arc::new(Shared {
            house: House::new(state, profile.pace, stop.clone()),
            tls: listen.tls.map(Into::into),
            profile,
        });
        tokio::spawn(front::accept(Arc::clone(&shared), listener));
        sim::set_going(&shared);
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
        let value = self.shared.house.in_turn(act).await;
        self.shared.house.wake();
        value
    }

    /// Looks at the world as it was when it last did something.
    pub fn look<T>(&self, look: impl FnOnce(&mut W) -> T) -> T {
        look(&mut self.shared.house.lock().world)
    }

    /// Tells an event, as if the world had.
    pub async fn tell(&self, told: Told) {
        let tell = |state: &mut State<W>| (self.shared.address(state, &[Frame::Event(told)]), ());
        self.shared.house.in_turn(tell).await;
    }

    /// Sends a text frame to everybody who is known.
    pub async fn send(&self, frame: impl Into<String>) {
        let frames = [Frame::Raw(frame.into())];
        let send = |state: &mut State<W>| (self.shared.address(state, &frames), ());
        self.shared.house.in_turn(send).await;
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
        self.shared.house.in_turn(send).await;
    }

    /// Pulls a lever.
    pub fn pull(&self, lever: Lever) {
        self.shared.obey(lever);
    }

    /// How far new clients get from now on.
    pub fn hang(&self, hang: Hang) {
        self.shared.house.lock().hang = hang;
    }

    /// How a token is refused on a socket from now on.
    pub fn refuse_with(&self, refusal: Refusal) {
        self.shared.house.lock().refusal = refusal;
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
}

impl<W: World> Shared<W> {
    /// Answers an event of a client. Yields what it is told, and how it is refused if it is.
    async fn event(&self, client: u64, args: &Value, ack: Option<u64>) -> Option<Refusal> {
        self.house.count(|counts| counts.events += 1);
        let answer = |state: &mut State<W>| self.answer(state, client, args, ack);
        let (refused, was_known, known, subscriptions) = self.house.in_turn(answer).await;
        self.house.count(|counts| {
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

    fn obey(&self, lever: Lever) {
        let mut state = self.house.lock();
        let say = |text: &'static str| Out::Text(Utf8Bytes::from_static(text));
        match lever {
            Lever::Drop => state.everybody(|| Out::Abort),
            Lever::Close => state.everybody(|| Out::Close),
            Lever::HalfOpen => {
                state.everybody(|| Out::Mute);
                // Nobody queues anything for those who are not served any more.
                let known = |client: &&Client| client.subscriber.account.is_some();
                let left = state.clients.values().filter(known).count();
                self.house
                    .count(|counts| counts.known -= u64::try_from(left).unwrap_or(0));
                state.clients.clear();
            }
            Lever::Disconnect => {
                state.everybody(|| say("41"));
                for client in state.clients.values_mut() {
                    let left = std::mem::take(&mut client.subscriber);
                    let known = u64::from(left.account.is_some());
                    self.house.count(|counts| counts.known -= known);
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

impl<W: World> Living for Shared<W> {
    type State = State<W>;
    type Counts = Counts;
    type Told = Told;

    fn house(&self) -> &House<State<W>, Counts> {
        &self.house
    }

    fn chaos(&self) -> &sim::Chaos {
        &self.profile.chaos
    }

    fn load(&self) -> u32 {
        self.profile.events_per_s
    }

    fn mangler(state: &mut State<W>) -> &mut Mangler<Told> {
        &mut state.mangler
    }

    fn poll_timeout(state: &State<W>) -> Option<Duration> {
        state.world.poll_timeout()
    }

    fn advance(&self, state: &mut State<W>, now: Duration) -> Vec<Told> {
        state.world.advance(now)
    }

    fn chatter(&self, state: &mut State<W>, numbers: Range<u64>) -> Vec<Told> {
        numbers.filter_map(|n| state.world.chatter(n)).collect()
    }

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

    fn pull(&self, lever: sim::Lever) {
        self.obey(lever.into());
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

impl<W> Clients for State<W> {
    type Out = Out;

    fn cut_off(&mut self, client: u64) {
        self.clients.remove(&client);
    }
}

type Letter = sim::Letter<Out>;

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
