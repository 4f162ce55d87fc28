//! The gateway put together: hub, fan-out, sources and HTTP, from the first byte to the last.

mod backend;
mod clock;
mod reload;
mod settings;
mod sources;
mod watch;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use adapter::Adapter;
use hub::{Hub, HubError, fanout, stream::Closing};
use model::Clock;
use thiserror::Error;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use self::clock::SystemClock;
pub(crate) use self::settings::only_source;
use self::{backend::HubBackend, sources::Sources};
use crate::{
    adapters,
    api::{self, Pace, Parts, Surface, control},
    auth::{Authority, Entropy},
    config::{Config, ConfigFile, Source},
    http::{self, Tls},
    trust::TrustError,
    webhooks::{Room, Webhooks},
};

/// Why the gateway does not start, or stopped by itself.
#[derive(Debug, Error)]
pub enum GatewayError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The log's folder cannot be made.
    #[error("cannot make the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error("cannot use the certificate of [server] tls")]
    Tls(#[source] http::TlsError),
    /// Deliveries, or what is sent to a collector, cannot be encrypted.
    #[error("cannot set up TLS for what the gateway sends")]
    Trust(#[source] TrustError),
    /// The operating system gives no random numbers, threads or timers.
    #[error("cannot {doing}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The hub cannot start, or stopped.
    #[error(transparent)]
    Hub(#[from] HubError),
}

/// A running gateway.
pub struct Gateway {
    address: SocketAddr,
    hub: Hub,
    writer: hub::Running,
    fanout: fanout::Fanout,
    surface: Arc<Surface>,
    sources: Arc<Sources>,
    webhooks: Arc<Webhooks>,
    tls: Option<Tls>,
    /// Ends the accept loop and the streams served by it.
    closing: CancellationToken,
    /// Ends the sending of traces.
    told: CancellationToken,
    traces: Option<JoinHandle<()>>,
    http: JoinHandle<io::Result<()>>,
    config: Config,
    build: Build,
}

/// How a configured source becomes an adapter.
pub type Build = fn(&Source) -> Option<Box<dyn Adapter>>;

/// What a gateway is made with beside its config.
pub struct Means {
    /// Makes adapters.
    pub build: Build,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// How much is kept of deliveries.
    pub room: Room,
}

impl Default for Means {
    fn default() -> Self {
        Self {
            build: adapters::build,
            clock: Arc::new(SystemClock::start()),
            room: Room::default(),
        }
    }
}

/// How long clients get to say goodbye.
const DRAIN: Duration = Duration::from_secs(5);

impl Gateway {
    /// Starts all parts. Requests are answered from when state is rebuilt.
    ///
    /// # Errors
    /// When a part cannot start. The config has been checked, but not the machine.
    pub async fn start(config: Config) -> Result<Self, GatewayError> {
        Self::start_with(config, Means::default()).await
    }

    /// The same with other adapters than those that are built in, or another clock.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(config: Config, means: Means) -> Result<Self, GatewayError> {
        let Means { build, clock, room } = means;
        let adapters = sources::adapters(&config, build);
        let address = config.server.listen;
        let listen = |source| GatewayError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let entropy: Entropy = Arc::new(random);
        let seed = random().map_err(|source| GatewayError::System {
            doing: "get random numbers",
            source,
        })?;
        let [epoch, first_connection, seeds, traces] = words(seed);
        let (tracer, exporter) = settings::tracing(&config, u64::from_le_bytes(traces))?;

        let options = settings::hub(&config, &adapters, epoch)?;
        let (hub, writer) = hub::start_traced(options, Arc::clone(&clock), tracer.clone())?;
        let (said, inbox) = control::channel();
        let sources = Arc::new(Sources::new(
            hub.clone(),
            Arc::clone(&clock),
            u64::from_le_bytes(seeds),
            tracer.clone(),
        ));
        let backend = Arc::new(HubBackend::new(
            hub.clone(),
            Arc::clone(&sources),
            Arc::clone(&clock),
        ));
        let fanout = fanout::start_traced(
            &settings::fanout(&config.limits, u64::from_le_bytes(first_connection)),
            hub.tail(),
            &(Arc::clone(&backend) as Arc<dyn fanout::History>),
            &(said as Arc<dyn fanout::Control>),
            &clock,
            tracer.clone(),
        )
        .map_err(|source| GatewayError::System {
            doing: "start the fan-out",
            source,
        })?;
        let closing = CancellationToken::new();
        let client = settings::webhook_client(&config).map_err(GatewayError::Trust)?;
        let tls = config
            .server
            .tls
            .as_ref()
            .map(Tls::load)
            .transpose()
            .map_err(GatewayError::Tls)?;
        let Ok(memos) = hub.rebuilt().await else {
            let why = tokio::task::spawn_blocking(move || writer.join()).await;
            return Err(why
                .unwrap_or(Err(HubError::Panicked))
                .err()
                .unwrap_or(HubError::Panicked)
                .into());
        };
        let webhooks = Webhooks::start(
            hub.clone(),
            settings::webhooks(&config),
            client,
            room,
            Arc::clone(&clock),
            Arc::clone(&entropy),
            tracer,
        )
        .await
        .map_err(|_| HubError::Panicked)?;
        let surface = Surface::new(Parts {
            backend,
            tail: hub.tail().clone(),
            authority: Authority::new(
                settings::policy(&config.auth),
                settings::quota(&config.limits),
                Arc::clone(&clock),
                Arc::clone(&entropy),
            ),
            fanout: fanout.clone(),
            rules: settings::rules(&config),
            pace: Pace::default(),
            clock,
            entropy,
            webhooks: Some(Arc::clone(&webhooks)),
            stop: closing.clone(),
        });
        tokio::spawn(control::run(Arc::clone(&surface), inbox));
        // Before the first request is answered: without them a required source would not be missed.
        sources.remember(memos.as_ref().clone());
        for (id, adapter) in adapters {
            if let Some(source) = config.sources.get(&id) {
                sources.start(source, adapter);
            }
        }
        // Whoever connects before waits in the backlog: nothing is answered from a state that is not whole.
        let http = tokio::spawn(http::serve(
            listener,
            tls.clone(),
            api::routers(&surface),
            surface.rules(),
            closing.clone(),
        ));
        let told = CancellationToken::new();
        let traces = exporter.map(|exporter| tokio::spawn(exporter.run(told.clone())));
        info!(%address, "listening");

        Ok(Self {
            address,
            hub,
            writer,
            fanout,
            surface,
            sources,
            webhooks,
            tls,
            closing,
            told,
            traces,
            http,
            config,
            build,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then drains. `file` is followed for changes.
    ///
    /// # Errors
    /// When the log fails for good.
    pub async fn run(
        self,
        file: Option<ConfigFile>,
        stop: CancellationToken,
    ) -> Result<(), GatewayError> {
        self.run_with(reload::follow(file), stop).await
    }

    /// The same with configs that come from elsewhere.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_with(
        mut self,
        mut changes: mpsc::Receiver<Config>,
        stop: CancellationToken,
    ) -> Result<(), GatewayError> {
        let mut certificate = reload::Certificate::of(&self.config);
        let failed = loop {
            tokio::select! {
                () = stop.cancelled() => break false,
                () = writer_ends(&self.writer) => break true,
                Some(config) = changes.recv() => self.reload(config).await,
                () = certificate.changes(&self.config) => self.renew_certificate(),
            }
        };
        if failed {
            warn!("the hub has stopped");
        }
        self.drain().await
    }

    /// Sources first, so that what they still told is published; then the log; then the clients.
    async fn drain(self) -> Result<(), GatewayError> {
        info!("draining");
        self.sources.stop_all().await;
        self.webhooks.stop().await;
        self.hub.stop().await;
        let Self {
            fanout,
            surface,
            closing,
            told,
            traces,
            http,
            writer,
            ..
        } = self;
        let joined = tokio::task::spawn_blocking(move || writer.join()).await;
        closing.cancel();
        fanout.drain(Closing::shutting_down(), DRAIN).await;
        surface.finished().await;
        match http.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(
                error = &error as &dyn std::error::Error,
                "the accept loop failed"
            ),
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                "the accept loop failed"
            ),
        }
        told.cancel();
        if let Some(traces) = traces
            && timeout(DRAIN, traces).await.is_err()
        {
            warn!("the collector is slow: the last traces are not sent");
        }
        joined.unwrap_or(Err(HubError::Panicked))?;
        info!("stopped");
        Ok(())
    }
}

/// A random id, for whoever asks.
fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::from)?;
    Ok(bytes)
}

fn words(bytes: [u8; 32]) -> [[u8; 8]; 4] {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|n| words[n])
}

/// The thread has no future of its own to wait for.
async fn writer_ends(writer: &hub::Running) {
    let mut look = tokio::time::interval(Duration::from_millis(250));
    while !writer.is_finished() {
        look.tick().await;
    }
}
