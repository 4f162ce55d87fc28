//! A PBX that says as much as it is asked to: phones that come and go, and after each round one that was never there.

use std::{
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use adapter::{
    Adapter, Capabilities, Descriptor, Link, LinkError, Output, Resume, Support, Tap, Translator,
};
use async_trait::async_trait;
use bytes::Bytes;
use model::{
    Collection, EventType, Fact, Now, Observation, Report, Text,
    observation::{ExtensionPatch, Ref},
};
use server::adapters::{Entry, SimulateError};
use tokio::sync::mpsc;

/// How many phones there are: each is a lane.
pub(crate) const EXTENSIONS: u64 = 1_000;
/// How many frames are heard at a time, as from a busy socket.
const AT_ONCE: u64 = 256;

pub(crate) const ENTRY: Entry = Entry {
    name: "feed",
    place: "feed",
    schemes: &["ws"],
    example: "ws://127.0.0.1:1",
    keys: &[],
    commands: Vec::new,
    check: |_| Vec::new(),
    build: |_| Box::new(Feed::new()),
    bare: "",
    notation: adapter::recording::plain,
    simulate: |_| Box::pin(async { Err(SimulateError::Dialect("feed".into(), "none")) }),
};

/// What the link is told to say: from one number to another. There is one feed at a time.
static WANTED: LazyLock<Mutex<Wanted>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Wanted {
    said: u64,
    link: Option<mpsc::UnboundedSender<(u64, u64)>>,
    waiting: Vec<(u64, u64)>,
}

/// Has so many changes said. The phone that is known once they all are.
pub(crate) fn say(count: u64) -> String {
    let mut wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner);
    let from = wanted.said;
    wanted.said += count;
    let order = (from, wanted.said);
    let lost = wanted
        .link
        .as_ref()
        .is_none_or(|link| link.send(order).is_err());
    if lost {
        wanted.waiting.push(order);
    }
    format!("last-{}", order.1)
}

pub(crate) struct Feed(Descriptor);

impl Feed {
    pub(crate) fn new() -> Self {
        let told = [
            EventType::ExtensionUpdated,
            EventType::ExtensionRegistrationChanged,
        ];
        Self(Descriptor {
            adapter: "feed",
            mapping: "feed/1",
            capabilities: Capabilities::default().with(Support::Native, &told),
            commands: Vec::new(),
            tenant: None,
            call_grace: Duration::from_secs(3),
            silence: Duration::from_secs(600),
        })
    }
}

#[async_trait]
impl Adapter for Feed {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    fn translator(&self, _: Resume) -> Box<dyn Translator> {
        Box::new(Phones)
    }

    async fn connect(&self, _: Arc<dyn Tap>) -> Result<Box<dyn Link>, LinkError> {
        let mut wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner);
        let (sender, orders) = mpsc::unbounded_channel();
        for order in wanted.waiting.drain(..) {
            // The other end is in this function's hands.
            let _ = sender.send(order);
        }
        wanted.link = Some(sender);
        Ok(Box::new(Mouth {
            orders,
            rest: (0, 0),
        }))
    }
}

struct Mouth {
    orders: mpsc::UnboundedReceiver<(u64, u64)>,
    rest: (u64, u64),
}

#[async_trait]
impl Link for Mouth {
    fn dialect(&self) -> Option<Text> {
        None
    }

    fn reconciles(&self) -> Vec<Collection> {
        Vec::new()
    }

    async fn read(&mut self, frames: &mut Vec<Bytes>) -> Result<(), LinkError> {
        while self.rest.0 >= self.rest.1 {
            match self.orders.recv().await {
                Some(order) => self.rest = order,
                None => std::future::pending().await,
            }
        }
        let (from, until) = self.rest;
        let next = until.min(from + AT_ONCE);
        frames.extend((from..next).map(|n| Bytes::from(n.to_string())));
        if next == until {
            frames.push(format!("last-{until}").into());
        }
        self.rest.0 = next;
        Ok(())
    }

    async fn send(&mut self, _: Bytes) -> Result<(), LinkError> {
        Ok(())
    }

    async fn close(&mut self) {}
}

struct Phones;

impl Translator for Phones {
    fn connected(&mut self, _: Option<&str>, _: Now, _: &mut Output) {}

    fn frame(&mut self, frame: &Bytes, _: Now, out: &mut Output) {
        let text = String::from_utf8_lossy(frame);
        let (number, online) = match text.parse::<u64>() {
            Ok(n) => (
                (n % EXTENSIONS).to_string(),
                (n / EXTENSIONS).is_multiple_of(2),
            ),
            Err(_) => (text.into_owned(), true),
        };
        let patch = ExtensionPatch {
            online: Some(online),
            ..ExtensionPatch::default()
        };
        let fact = Fact::Extension {
            at: Ref {
                id: Some(number.as_str().into()),
                number: Some(number.into()),
            },
            action: None,
            patch: Box::new(patch),
        };
        let mut report = Report::new("registration");
        report
            .observations
            .push(Observation::native("registration", fact));
        out.reports.push(report);
    }

    fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    fn timeout(&mut self, _: Now, _: &mut Output) {}

    fn disconnected(&mut self, _: Now, _: &mut Output) {}
}
