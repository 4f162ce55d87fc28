//! The connection to a PortSIP PBX: open, log in, subscribe, read, keep alive. Knows no meaning.
//!
//! Tenant topics and `global_*` topics travel on separate sockets, because one login with both could lose the tenant's
//! (fixed only in 22.3.23). Acknowledgements are not waited for: a refusal is a frame like any other, and the map says
//! what it means. Only the dialect of 8885 needs a look at the first answers.

mod login;
mod request;
mod socket;
mod target;

use std::{
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use adapter::{Direction, Link, LinkError, LinkErrorKind, Tap, TlsOptions};
use async_trait::async_trait;
use bytes::Bytes;
use model::{Collection, Text};
use serde::{Deserialize, Serialize};

use self::{login::Opened, socket::Socket, target::Target};

/// What the link needs to know of the configuration.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// `wss://host`, or with a port and path to leave nothing to find out.
    pub url: String,
    /// None: find out.
    pub dialect: Option<Dialect>,
    /// As whom.
    pub login: Login,
    /// The topics to subscribe to.
    pub topics: Vec<String>,
    /// Extension numbers, for `extension_events`.
    pub extensions: Vec<String>,
    /// Queue numbers, for `queue_events`.
    pub queues: Vec<String>,
    /// Tenant ids, for `global_*` topics.
    pub tenants: Vec<String>,
    /// How to check the PBX's certificate.
    pub tls: TlsOptions,
    /// Ping when idle this long; three such times in a row end the link.
    pub silence: Duration,
    /// The longest frame, in bytes. A longer one ends the link.
    pub max_frame: usize,
}

/// Whom to log in as. `Debug` shows no password.
#[derive(Clone)]
pub struct Login {
    /// The user, the system administrator (without `domain`), or a v12 tenant (without `domain`).
    pub username: Option<String>,
    /// Or the extension.
    pub extension_number: Option<String>,
    /// The SIP domain of the tenant.
    pub domain: Option<String>,
    /// The password.
    pub password: String,
}

/// The dialects of the protocol, by the version that brought them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Dialect {
    /// v12: topic objects.
    #[serde(rename = "v12")]
    V12,
    /// v16.0 and v16.1: topic strings, per-call events.
    #[serde(rename = "v16")]
    V16,
    /// v16.2 to v16.4: extension status events.
    #[serde(rename = "v16.2")]
    V16_2,
    /// v22.0 to v22.2: `/wsi`, enumerations in upper case, `global_*` topics.
    #[serde(rename = "v22")]
    V22,
    /// v22.3 and later: subscriptions by permission.
    #[serde(rename = "v22.3")]
    V22_3,
}

/// Connects, logs in and subscribes.
///
/// # Errors
/// With the class that decides when to try again. Each step is bounded in time.
pub async fn connect(config: &LinkConfig, tap: Arc<dyn Tap>) -> Result<Connection, LinkError> {
    if config.tls.insecure && config.url.starts_with("wss") {
        tracing::warn!(
            url = config.url,
            "insecure_tls: the certificate is not checked, anybody in between can read and change everything"
        );
    }
    let (global, tenant): (Vec<&String>, Vec<&String>) = config
        .topics
        .iter()
        .partition(|topic| topic.starts_with(GLOBAL));
    let targets = Target::candidates(&config.url, config.dialect)?;
    let (first, second) = match (tenant.is_empty(), global.is_empty()) {
        (true, _) => (global, Vec::new()),
        (false, _) => (tenant, global),
    };
    let opened = login::open_first(config, &targets, &first, &tap).await?;
    let mut connection = Connection {
        dialect: opened.dialect,
        topics: config.topics.clone(),
        global: None,
        kept: opened.kept,
        sockets: vec![opened.socket],
        tap,
    };
    if second.is_empty() {
        return Ok(connection);
    }
    let tap = &connection.tap;
    let Opened { socket, kept, .. } =
        login::open(config, &opened.target, Some(opened.dialect), &second, tap).await?;
    connection.kept.extend(kept);
    connection.global = Some(connection.sockets.len());
    connection.sockets.push(socket);
    Ok(connection)
}

/// An open connection: one socket, or two when tenant and `global_*` topics are wanted.
pub struct Connection {
    dialect: Dialect,
    topics: Vec<String>,
    sockets: Vec<Socket>,
    /// The socket for requests about `global_*` topics, when it is not the only one.
    global: Option<usize>,
    /// Frames that came before all was subscribed.
    kept: Vec<Bytes>,
    tap: Arc<dyn Tap>,
}

const GLOBAL: &str = "global_";

#[async_trait]
impl Link for Connection {
    fn dialect(&self) -> Option<Text> {
        Some(self.dialect.as_str().into())
    }

    fn reconciles(&self) -> Vec<Collection> {
        let mut collections = Vec::new();
        for topic in &self.topics {
            let listed: &[Collection] = match topic.strip_prefix(GLOBAL).unwrap_or(topic) {
                "extension_events" if self.dialect >= Dialect::V16_2 => &[Collection::Extensions],
                "queue_events" if self.dialect >= Dialect::V16 => {
                    &[Collection::Queues, Collection::Callers, Collection::Agents]
                }
                "queue_management_events" => &[Collection::Queues],
                _ => &[],
            };
            for collection in listed {
                if !collections.contains(collection) {
                    collections.push(*collection);
                }
            }
        }
        collections
    }

    async fn read(&mut self, frames: &mut Vec<Bytes>) -> Result<(), LinkError> {
        if !self.kept.is_empty() {
            frames.append(&mut self.kept);
            return Ok(());
        }
        poll_fn(|cx| self.poll_read(cx, frames)).await
    }

    async fn send(&mut self, request: Bytes) -> Result<(), LinkError> {
        let about_global = request::topics_start_with(&request, GLOBAL);
        let index = self.global.filter(|_| about_global).unwrap_or(0);
        let Some(socket) = self.sockets.get_mut(index) else {
            return Ok(());
        };
        self.tap.frame(Direction::Sent, &request);
        socket.send(request).await
    }

    async fn close(&mut self) {
        for socket in &mut self.sockets {
            socket.close().await;
        }
    }
}

impl Connection {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut Vec<Bytes>,
    ) -> Poll<Result<(), LinkError>> {
        for socket in &mut self.sockets {
            let from = frames.len();
            let polled = socket.poll_frames(cx, frames);
            for frame in frames.iter().skip(from) {
                self.tap.frame(Direction::Received, frame);
            }
            if let Poll::Ready(error) = polled {
                return Poll::Ready(Err(error));
            }
        }
        if !frames.is_empty() {
            return Poll::Ready(Ok(()));
        }
        for socket in &mut self.sockets {
            if let Poll::Ready(error) = socket.poll_idle(cx) {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Pending
    }
}

impl Dialect {
    /// Every dialect, oldest first.
    pub const ALL: [Self; 5] = [Self::V12, Self::V16, Self::V16_2, Self::V22, Self::V22_3];

    /// As it is written in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V12 => "v12",
            Self::V16 => "v16",
            Self::V16_2 => "v16.2",
            Self::V22 => "v22",
            Self::V22_3 => "v22.3",
        }
    }

    /// The dialect of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.as_str() == name)
    }
}

impl Login {
    /// For messages: who, without the password.
    #[must_use]
    pub fn name(&self) -> &str {
        self.extension_number
            .as_deref()
            .or(self.username.as_deref())
            .unwrap_or("nobody")
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("username", &self.username)
            .field("extension_number", &self.extension_number)
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

fn unreachable(
    doing: impl Into<String>,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> LinkError {
    LinkError::new(LinkErrorKind::Unreachable, doing, source)
}
