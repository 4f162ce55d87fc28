//! The public contract under `/v1`, and the open routes beside it.

pub mod backend;
mod commands;
pub mod control;
mod dashboard;
mod documents;
mod events;
mod expiry;
pub(crate) mod extract;
mod frame;
mod gaps;
mod metrics;
pub(crate) mod probes;
pub mod routes;
mod schemas;
mod sources;
pub(crate) mod state;
mod subscribers;
mod tickets;
mod webhooks;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use axum::{Router, middleware};
use http::header;
use hub::{fanout::Fanout, tail::Tail};
use model::{Clock, Timestamp};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    backend::Backend,
    events::sse,
    routes::{Access, Route, Routes},
    subscribers::Subscribers,
};
use crate::{
    auth::{Authority, Counts, Entropy, Policy, Quota},
    http::{
        Limits, Routers,
        envelope::{self, Rules, SharedRules},
    },
    metrics::{Door, count},
    problem::{Kind, Problem, page},
    webhooks::Webhooks,
};

/// Everything the handlers share.
pub struct Surface {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) tail: Tail,
    pub(crate) authority: Authority,
    pub(crate) fanout: Fanout,
    pub(crate) subscribers: Subscribers,
    pub(crate) rules: SharedRules,
    pub(crate) pace: Pace,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Entropy,
    pub(crate) webhooks: Option<Arc<Webhooks>>,
    pub(crate) stop: CancellationToken,
    /// Who was refused.
    pub(crate) door: Door,
    pub(crate) sse: sse::Counts,
    pub(crate) started: Timestamp,
    /// Streams and timers that are waited for at the end.
    pub(crate) tasks: TaskTracker,
}

/// What a surface is made of.
pub struct Parts {
    /// The hub.
    pub backend: Arc<dyn Backend>,
    /// The recent blocks.
    pub tail: Tail,
    /// Who may ask.
    pub authority: Authority,
    /// The fan-out.
    pub fanout: Fanout,
    /// Sizes and origins.
    pub rules: Rules,
    /// Times.
    pub pace: Pace,
    /// The clock of tokens, tickets and stream events.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids.
    pub entropy: Entropy,
    /// The endpoints; none where nothing is delivered.
    pub webhooks: Option<Arc<Webhooks>>,
    /// Ends streams.
    pub stop: CancellationToken,
}

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two bookmarks.
    pub heartbeat: Duration,
    /// How long a reader of SSE may take nothing.
    pub stall: Duration,
    /// How long a WebSocket may stay without its token.
    pub token_wait: Duration,
    /// How long before the end of a token `stream.expiring` is told.
    pub notice: Duration,
    /// How long `min_cursor` waits.
    pub cursor_wait: Duration,
    /// How long one page of history may look for events before it says how far it got.
    pub page_time: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(30),
            stall: Duration::from_secs(30),
            token_wait: Duration::from_secs(10),
            notice: Duration::from_secs(60),
            cursor_wait: Duration::from_secs(2),
            page_time: Duration::from_secs(1),
        }
    }
}

impl Surface {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            backend: parts.backend,
            tail: parts.tail,
            authority: parts.authority,
            fanout: parts.fanout,
            subscribers: Subscribers::default(),
            rules: Arc::new(ArcSwap::from_pointee(parts.rules)),
            pace: parts.pace,
            door: Door::default(),
            sse: sse::Counts::default(),
            started: parts.clock.now().wall,
            clock: parts.clock,
            entropy: parts.entropy,
            webhooks: parts.webhooks,
            stop: parts.stop,
            tasks: TaskTracker::new(),
        })
    }

    /// Takes over other tokens, and closes the streams of those that are gone.
    pub fn reload(&self, policy: Policy) {
        self.authority.reload(policy);
        self.subscribers.close_ended(&self.fanout);
    }

    /// Takes over other sizes, origins and proxies, and other quotas. What is open stays open.
    pub fn allow(&self, rules: Rules, quota: Quota) {
        self.rules.store(Arc::new(rules));
        self.authority.allow(quota);
    }

    /// The rules in force, for whoever accepts connections.
    #[must_use]
    pub fn rules(&self) -> SharedRules {
        Arc::clone(&self.rules)
    }

    pub(crate) fn limits(&self) -> Limits {
        self.rules.load().limits
    }

    /// How many attempts to come in have failed.
    #[must_use]
    pub fn attempts(&self) -> Counts {
        self.authority.attempts()
    }

    /// Waits, after the stop, until every stream served here has ended.
    pub async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Does what may touch the disk on a thread that may wait.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Arc<Self>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let surface = Arc::clone(self);
        match tokio::task::spawn_blocking(move || work(&surface)).await {
            Ok(result) => result,
            Err(error) => {
                tracing::error!(%error, "a request failed");
                Err(Problem::new(Kind::Internal, "the request failed"))
            }
        }
    }
}

/// Every route there is, and what it takes.
#[must_use]
pub fn table() -> Vec<Route> {
    routes().into_parts().1
}

fn routes() -> Routes {
    Routes::new()
        .merge(events::routes())
        .merge(state::routes())
        .merge(sources::routes())
        .merge(commands::routes())
        .merge(webhooks::routes())
        .merge(tickets::routes())
        .merge(probes::routes())
        .merge(metrics::routes())
        .merge(schemas::routes())
        .merge(documents::routes())
        .merge(dashboard::routes())
        .get("/problems/{slug}", Access::Open, page::show)
}

/// All routes, answered; and the one answer for those who have too many connections.
pub fn routers(surface: &Arc<Surface>) -> Routers {
    let refusal = Router::new()
        .fallback(async || {
            let detail = "there are as many connections from this address as there may be";
            let problem = Problem::new(Kind::TooManyConnections, detail).after(SOON);
            ([(header::CONNECTION, "close")], problem)
        })
        .layer(middleware::from_fn_with_state(Arc::clone(surface), count));
    Routers {
        all: router(surface),
        refusal,
    }
}

/// When it is worth trying to connect again.
const SOON: Duration = Duration::from_secs(5);

/// All routes, answered.
fn router(surface: &Arc<Surface>) -> Router {
    let rules = Arc::clone(&surface.rules);
    let (router, _) = routes().into_parts();
    router
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || {
            Problem::new(
                Kind::MethodNotAllowed,
                "`Allow` names the methods of this resource",
            )
        })
        .layer(middleware::from_fn_with_state(rules, envelope::wrap))
        .layer(middleware::from_fn_with_state(Arc::clone(surface), count))
        .with_state(Arc::clone(surface))
}
