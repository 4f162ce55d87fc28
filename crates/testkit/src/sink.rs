//! A sink that keeps what it gets, and can be as slow as a test wants.

use adapter::{Closed, Sink};
use async_trait::async_trait;
use model::{Fact, Heard, observation::SourceFact};
use tokio::sync::watch;

use crate::must;

/// Keeps all that was heard.
#[derive(Debug)]
pub struct Collector {
    heard: watch::Sender<Vec<Heard>>,
    open: watch::Sender<Gate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    /// Deliveries wait.
    Held,
    /// Nobody takes anything any more.
    Closed,
}

impl Collector {
    /// An empty one that takes everything at once.
    #[must_use]
    pub fn new() -> Self {
        Self {
            heard: watch::Sender::new(Vec::new()),
            open: watch::Sender::new(Gate::Open),
        }
    }

    /// From now on deliveries wait, as with a hub that is slow.
    pub fn hold(&self) {
        self.open.send_replace(Gate::Held);
    }

    /// Deliveries go on.
    pub fn release(&self) {
        self.open.send_replace(Gate::Open);
    }

    /// Deliveries fail from now on.
    pub fn close(&self) {
        self.open.send_replace(Gate::Closed);
    }

    /// All that was heard so far.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.borrow().clone()
    }

    /// The raw frames so far, as text.
    #[must_use]
    pub fn frames(&self) -> Vec<String> {
        let heard = self.heard.borrow();
        let frames = heard.iter().filter_map(|heard| heard.frame.as_ref());
        frames
            .map(|frame| String::from_utf8_lossy(&frame.bytes).into_owned())
            .collect()
    }

    /// What the source said about its connection so far.
    #[must_use]
    pub fn sources(&self) -> Vec<SourceFact> {
        self.heard.borrow().iter().flat_map(source_facts).collect()
    }

    /// Waits until enough was heard.
    pub async fn until(&self, what: &str, mut enough: impl FnMut(&[Heard]) -> bool) {
        let mut heard = self.heard.subscribe();
        must(what, heard.wait_for(|heard| enough(heard)))
            .await
            .expect("the collector outlives the wait");
    }

    /// Waits until a frame holds this text.
    pub async fn until_frame(&self, text: &str) {
        let holds = |heard: &Heard| {
            let frame = heard.frame.as_ref();
            frame.is_some_and(|frame| String::from_utf8_lossy(&frame.bytes).contains(text))
        };
        self.until(text, |heard| heard.iter().any(holds)).await;
    }

    /// Waits until the source has said so many things about its connection that satisfy a test.
    pub async fn until_source(&self, what: &str, times: usize, fits: impl Fn(&SourceFact) -> bool) {
        self.until(what, |heard| {
            let facts = heard.iter().flat_map(source_facts);
            facts.filter(|fact| fits(fact)).count() >= times
        })
        .await;
    }
}

#[async_trait]
impl Sink for Collector {
    async fn deliver(&self, heard: Heard) -> Result<(), Closed> {
        let mut open = self.open.subscribe();
        let gate = open.wait_for(|gate| *gate != Gate::Held).await;
        if gate.map_or(Gate::Closed, |gate| *gate) == Gate::Closed {
            return Err(Closed);
        }
        self.heard.send_modify(|all| all.push(heard));
        Ok(())
    }
}

impl Default for Collector {
    fn default() -> Self {
        Self::new()
    }
}

fn source_facts(heard: &Heard) -> Vec<SourceFact> {
    let observations = heard.reports.iter().flat_map(|report| &report.observations);
    let facts = observations.filter_map(|observation| match &observation.fact {
        Fact::Source(fact) => Some(fact.clone()),
        _ => None,
    });
    facts.collect()
}
