//! The connection to a PortSIP PBX: open, log in, subscribe, read, keep alive. Knows no meaning.
//!
//! Tenant topics and `global_*` topics travel on separate sockets, because one login with both could lose the tenant's
//! (fixed only in 22.3.23). Acknowledgements are not waited for: a refusal is a frame like any other, and the map says
//! what it means. Only the dialect of 8885 needs a look at the first answers.

mod login;
mod target;

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use adapter::{
    Direction, Limits, Link, LinkError, LinkErrorKind, Tap, TlsOptions,
    socket::{self, Place, Socket},
};
use async_trait::async_trait;
use bytes::Bytes;
use model::{Collection, Text};
use serde_json::Value;

use self::{
    login::{Opened, Opening},
    target::candidates,
};
use crate::{
    config::Config,
    wire::{Dialect, Topic},
};

/// Connects, logs in and subscribes.
///
/// # Errors
/// With the class that decides when to try again. Each step is bounded in time.
pub async fn connect(
    config: &Config,
    limits: Limits,
    tap: Arc<dyn Tap>,
) -> Result<Connection, LinkError> {
    if config.insecure_tls {
        tracing::warn!(
            url = config.url,
            "insecure_tls: the certificate is not checked, anybody in between can read and change everything"
        );
    }
    let topics = config.known_topics();
    let has_tenant = topics.iter().any(|topic| !topic.is_global());
    let has_global = topics.iter().any(|topic| topic.is_global());
    let targets = candidates(&config.url, config.dialect)?;
    let opening = Opening {
        config,
        limits,
        tap: &tap,
        global: !has_tenant,
    };
    let opened = opening.first_of(&targets).await?;
    let dialect = opened.dialect;
    let mut connection = Connection {
        dialect,
        topics,
        global: None,
        kept: opened.kept,
        sockets: vec![opened.socket],
        tap: Arc::clone(&tap),
    };
    if has_tenant && has_global && dialect >= Dialect::V22 {
        let opening = Opening {
            global: true,
            ..opening
        };
        let Opened { socket, kept, .. } = opening.one(&opened.target, Some(dialect)).await?;
        connection.kept.extend(kept);
        connection.global = Some(connection.sockets.len());
        connection.sockets.push(socket);
    }
    Ok(connection)
}

/// Where it connects to, in the order in which it tries.
///
/// # Errors
/// When the configured URL cannot be used.
pub fn places(config: &Config) -> Result<Vec<Place>, LinkError> {
    candidates(&config.url, config.dialect)
}

/// An open connection: one socket, or two when tenant and `global_*` topics are wanted.
pub struct Connection {
    dialect: Dialect,
    topics: Vec<Topic>,
    sockets: Vec<Socket>,
    /// The socket for requests about `global_*` topics, when it is not the only one.
    global: Option<usize>,
    /// Frames that came before all was subscribed.
    kept: Vec<Bytes>,
    tap: Arc<dyn Tap>,
}

#[async_trait]
impl Link for Connection {
    fn dialect(&self) -> Option<Text> {
        Some(self.dialect.as_str().into())
    }

    fn reconciles(&self) -> Vec<Collection> {
        listed(&self.topics, self.dialect)
    }

    async fn read(&mut self, frames: &mut Vec<Bytes>) -> Result<(), LinkError> {
        if !self.kept.is_empty() {
            frames.append(&mut self.kept);
            return Ok(());
        }
        poll_fn(|cx| self.poll_read(cx, frames)).await
    }

    async fn send(&mut self, request: Bytes) -> Result<(), LinkError> {
        let index = self.global.filter(|_| is_global(&request)).unwrap_or(0);
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
        let before = frames.len();
        for socket in &mut self.sockets {
            let from = frames.len();
            let polled = socket.poll_frames(cx, frames);
            for frame in frames.iter().skip(from) {
                self.tap.frame(Direction::Received, frame);
            }
            let polled = match polled {
                Poll::Pending if frames.len() == from => socket.poll_idle(cx),
                polled => polled,
            };
            if let Poll::Ready(error) = polled {
                return Poll::Ready(Err(error));
            }
        }
        if frames.len() > before {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }
}

/// What a PBX lists after subscriptions to these topics.
pub(crate) fn listed(topics: &[Topic], dialect: Dialect) -> Vec<Collection> {
    let mut collections = Vec::new();
    for topic in topics {
        for collection in listed_by(*topic, dialect) {
            if !collections.contains(collection) {
                collections.push(*collection);
            }
        }
    }
    collections
}

/// What a PBX lists after a subscription to the topic.
fn listed_by(topic: Topic, dialect: Dialect) -> &'static [Collection] {
    match topic {
        Topic::Extensions | Topic::GlobalExtensions if dialect.gives_snapshots() => {
            &[Collection::Extensions]
        }
        Topic::Queues | Topic::GlobalQueues if dialect.gives_snapshots() => {
            &[Collection::Queues, Collection::Callers, Collection::Agents]
        }
        Topic::QueueManagement | Topic::GlobalQueueManagement if topic.exists_in(dialect) => {
            &[Collection::Queues]
        }
        _ => &[],
    }
}

/// Whether a request is about a `global_*` topic.
fn is_global(request: &Bytes) -> bool {
    let request: Value = serde_json::from_slice(request).unwrap_or_default();
    let topic = request
        .get("topics")
        .and_then(|topics| topics.get(0)?.as_str());
    topic.and_then(Topic::parse).is_some_and(Topic::is_global)
}

fn socket_opening(config: &Config, limits: Limits) -> socket::Opening {
    let tls = TlsOptions {
        ca_file: config.ca_file.clone(),
        insecure: config.insecure_tls,
    };
    socket::Opening::new(limits, tls)
}

fn unreachable(
    doing: impl Into<String>,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> LinkError {
    LinkError::new(LinkErrorKind::Unreachable, doing, source)
}
