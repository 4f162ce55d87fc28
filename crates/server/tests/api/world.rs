//! A gateway without a PBX: the real HTTP surface and fan-out before a hub in memory.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hub::{
    fanout::{self, Control, Fanout, History},
    tail::{Tail, TailLimits},
};
use model::{Clock, Epoch, Now, Position, Timestamp};
use server::{
    api::{self, Pace, Parts, Surface, backend::Backend, control},
    auth::{Authority, Entropy, Policy, Quota, Scope, StaticToken},
    config::Digest,
    http::{self, Limits, Tls, envelope::Rules, forwarded::TrustedProxies, origin::OriginPolicy},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    backend::{Hub, START},
    client::{Client, Reply},
};

pub(crate) const EPOCH: [u8; 8] = [7; 8];

/// What a test changes about the world.
pub(crate) struct Setup {
    pub(crate) policy: Policy,
    pub(crate) quota: Quota,
    pub(crate) pace: Pace,
    pub(crate) limits: Limits,
    pub(crate) tail: TailLimits,
    pub(crate) heartbeat: Duration,
    pub(crate) tls: Option<Tls>,
    pub(crate) proxies: TrustedProxies,
    /// Anything but loopback makes this machine a stranger.
    pub(crate) listen: [u8; 4],
}

pub(crate) struct World {
    pub(crate) hub: Arc<Hub>,
    pub(crate) address: SocketAddr,
    pub(crate) surface: Arc<Surface>,
    pub(crate) fanout: Fanout,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) stop: CancellationToken,
    pub(crate) server: JoinHandle<std::io::Result<()>>,
}

/// Runs with the machine from a fixed point, and can be pushed.
pub(crate) struct TestClock {
    started: Instant,
    pushed: Mutex<Duration>,
    frozen: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            policy: Policy::None,
            quota: Quota::default(),
            pace: Pace::default(),
            limits: Limits::default(),
            tail: TailLimits::default(),
            heartbeat: Duration::from_secs(30),
            tls: None,
            proxies: TrustedProxies::default(),
            listen: [127, 0, 0, 1],
        }
    }
}

impl Setup {
    /// Tokens: `reader` may read, `admin` all, `operator` operate, `acme` sees one tenant, `hq` one source, `calls`
    /// some types, `pii` private parties, `nobody` nothing.
    pub(crate) fn tokens() -> Self {
        Self {
            policy: by(tokens()),
            ..Self::default()
        }
    }
}

pub(crate) fn tokens() -> Vec<StaticToken> {
    let read = [Scope::EventsRead, Scope::StateRead];
    vec![
        token("reader", &read),
        token("events", &[Scope::EventsRead]),
        token("state", &[Scope::StateRead]),
        token("admin", &[Scope::Admin]),
        token("operator", &[Scope::SourcesOperate]),
        token(
            "pii",
            &[Scope::EventsRead, Scope::StateRead, Scope::PiiRead],
        ),
        StaticToken {
            tenants: Some(vec!["acme".into()]),
            ..token("acme", &read)
        },
        StaticToken {
            tenants: Some(vec!["acme".into()]),
            ..token("acme-admin", &[Scope::Admin])
        },
        StaticToken {
            sources: Some(vec!["hq".into()]),
            ..token("hq", &read)
        },
        StaticToken {
            sources: Some(Vec::new()),
            ..token("nobody", &read)
        },
        StaticToken {
            types: Some(vec!["call.*".into()]),
            ..token("calls", &read)
        },
    ]
}

/// Static tokens alone.
pub(crate) fn by(tokens: Vec<StaticToken>) -> Policy {
    Policy::Tokens { tokens, jwt: None }
}

/// A token whose text is its name.
pub(crate) fn token(name: &str, scopes: &[Scope]) -> StaticToken {
    StaticToken {
        name: name.into(),
        sha256: Digest::of(name),
        scopes: scopes.to_vec(),
        tenants: None,
        sources: None,
        types: None,
        expires: None,
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::start(Setup::default()).await
    }

    pub(crate) async fn start(setup: Setup) -> Self {
        Self::start_with(setup, TestClock::new(false)).await
    }

    pub(crate) async fn start_with(setup: Setup, clock: TestClock) -> Self {
        let clock = Arc::new(clock);
        let dyn_clock: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let tail = Tail::new(Epoch::from_random(EPOCH), Position(0), setup.tail);
        let hub = Arc::new(Hub::new(tail.clone()));
        let (said, inbox) = control::channel();
        let options = fanout::Options {
            heartbeat: setup.heartbeat,
            ..fanout::Options::default()
        };
        let history: Arc<dyn History> = Arc::clone(&hub) as _;
        let control: Arc<dyn Control> = said;
        let fanout = fanout::start(&options, &tail, &history, &control, &dyn_clock).unwrap();
        drop(control);
        let stop = CancellationToken::new();
        let count = AtomicU64::new(0);
        let entropy: Entropy = Arc::new(move || {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&count.fetch_add(1, Ordering::Relaxed).to_le_bytes());
            Ok(bytes)
        });
        let surface = Surface::new(Parts {
            backend: Arc::clone(&hub) as Arc<dyn Backend>,
            tail,
            authority: Authority::new(
                setup.policy,
                setup.quota,
                Arc::clone(&dyn_clock),
                Arc::clone(&entropy),
            ),
            fanout: fanout.clone(),
            rules: Rules {
                limits: setup.limits,
                origins: OriginPolicy {
                    allowed: vec!["https://wallboard.example.com".parse().unwrap()],
                    public: None,
                },
                proxies: setup.proxies,
            },
            pace: Pace {
                heartbeat: setup.heartbeat,
                ..setup.pace
            },
            clock: dyn_clock,
            entropy,
            webhooks: None,
            stop: stop.clone(),
        });
        tokio::spawn(control::run(Arc::clone(&surface), inbox));
        let listener = TcpListener::bind(SocketAddr::from((setup.listen, 0)))
            .await
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let server = tokio::spawn(http::serve(
            listener,
            setup.tls,
            api::routers(&surface),
            surface.rules(),
            stop.clone(),
        ));
        Self {
            hub,
            address,
            surface,
            fanout,
            clock,
            stop,
            server,
        }
    }

    /// A connection for requests without a credential.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// A connection for requests with a token.
    pub(crate) fn bearer(&self, token: &str) -> Client {
        self.client()
            .header("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.client().get(path).await
    }
}

impl TestClock {
    pub(crate) fn new(frozen: bool) -> Self {
        Self {
            started: Instant::now(),
            pushed: Mutex::default(),
            frozen,
        }
    }

    pub(crate) fn push(&self, by: Duration) {
        *self.pushed.lock().unwrap() += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Now {
        let passed = if self.frozen {
            Duration::ZERO
        } else {
            self.started.elapsed()
        };
        let mono = passed + *self.pushed.lock().unwrap();
        Now {
            mono,
            wall: Timestamp::after(START, mono),
        }
    }
}
