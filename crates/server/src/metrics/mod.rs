//! `GET /metrics`: everything that is counted and timed, put together when somebody asks.
//!
//! Whoever counts owns its figures: links in [`adapter::Counters`], the writer in [`hub::meters::Meters`], shards in
//! [`hub::fanout::Counters`], and so on. Here they get names, and here it is decided who may see which of them.

mod door;
pub mod families;
mod process;
mod sources;
pub mod text;

use std::time::Duration;

use hub::filter::Narrowing;

pub(crate) use self::door::{Door, count};
use self::{families as family, text::Page};
use crate::api::Surface;

/// The text format of Prometheus.
pub const MEDIA: &str = "text/plain; version=0.0.4; charset=utf-8";

const NANO: f64 = 1e-9;

/// A token that is limited in any way sees figures of sources alone: all others are sums over everybody.
pub(crate) fn page(surface: &Surface, narrowing: &Narrowing) -> String {
    let mut page = Page::default();
    sources::write(&mut page, &sources::read(surface, narrowing));
    let Narrowing {
        tenants: None,
        sources: None,
        types: None,
        pii: _,
    } = narrowing
    else {
        return page.into_text();
    };
    hub(&mut page, surface);
    streams(&mut page, surface);
    webhooks(&mut page, surface);
    surface.door.write(&mut page);
    process::write(&mut page, surface.started);
    page.into_text()
}

fn hub(page: &mut Page, surface: &Surface) {
    let meters = surface.backend.meters();
    let writable = u64::from(surface.backend.health().log_writable);
    page.family(&family::HUB_LOG_WRITABLE).value(&[], writable);
    page.family(&family::HUB_APPEND)
        .distribution(&[], &meters.append.read(), NANO);
    page.family(&family::HUB_PUBLISH_LAG)
        .distribution(&[], &meters.publish_lag.read(), NANO);
    page.family(&family::HUB_BATCH)
        .distribution(&[], &meters.batch.read(), 1.0);
    let mut violations = page.family(&family::HUB_VIOLATIONS);
    for (rule, count) in meters.violations() {
        violations.value(&[rule.as_str()], count);
    }
}

fn streams(page: &mut Page, surface: &Surface) {
    let (sockets, sse) = (surface.fanout.counters(), &surface.sse);
    let mut both = |family, websocket, sse| {
        let mut samples = page.family(family);
        samples.value(&["websocket"], websocket);
        samples.value(&["sse"], sse);
    };
    both(
        &family::STREAMS_OPEN,
        sockets.connections as u64,
        sse.open() as u64,
    );
    both(&family::STREAMS_SENT, sockets.delivered, sse.sent.get());
    both(&family::STREAMS_SLOW, sockets.slow, sse.slow.get());
    page.family(&family::STREAMS_QUEUE)
        .value(&[], sockets.held as u64);
}

fn webhooks(page: &mut Page, surface: &Surface) {
    let Some(webhooks) = &surface.webhooks else {
        return;
    };
    let now = surface.clock.now().wall;
    let figures = webhooks.figures(now);
    let mut attempts = page.family(&family::WEBHOOKS_ATTEMPTS);
    for (result, count) in figures.attempts {
        attempts.value(&[result], count);
    }
    let lag: Duration = figures.lag;
    page.family(&family::WEBHOOKS_LAG)
        .value(&[], lag.as_secs_f64());
    page.family(&family::WEBHOOKS_LANES)
        .value(&[], figures.lanes as u64);
}
