//! The supervisor against an adapter without a network, in paused time.

#![cfg(test)]

use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use adapter::{
    Adapter, Closed, Descriptor, Handle, Link, LinkError, LinkErrorKind, Order, Output, Reconnect,
    Refusal, Resume, Setup, Supervisor, Tap, Translator,
};
use async_trait::async_trait;
use bytes::Bytes;
use model::{
    Collection, Fact, MemoChange, Now, Observation, Report, SourceId, Text,
    observation::{CommandOutcome, SourceFact},
};
use serde_json::json;
use testkit::{Collector, TokioClock};
use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

#[tokio::test(start_paused = true)]
async fn frames_are_numbered_over_connections() {
    let run = Run::start([
        Attempt::link(["a", "b"]).then(LinkErrorKind::Transient),
        Attempt::link(["c"]),
    ]);
    run.heard.until_frame("c").await;
    let ids: Vec<String> = run
        .heard
        .heard()
        .iter()
        .filter_map(|heard| heard.frame.as_ref())
        .map(|frame| frame.id.to_string())
        .collect();
    assert_eq!(ids, ["hq/7/1", "hq/7/2", "hq/7/3"]);
    let counters = run.handle.counters();
    assert_eq!((counters.frames(), counters.bytes()), (3, 3));
    assert_eq!((counters.attempts(), counters.reconnects()), (2, 1));
    assert!(counters.last_frame_at().is_some());
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_life_of_a_link_is_told() {
    use SourceFact::{Connected, Connecting, Degraded, Disconnected};
    let run = Run::start([
        Attempt::Fail(LinkErrorKind::Unreachable),
        Attempt::link(["a"]).then(LinkErrorKind::Protocol),
        Attempt::link(["b"]),
    ]);
    run.heard.until_frame("b").await;
    let facts = run.heard.sources();
    let [
        Connecting,
        Disconnected { reason },
        Connecting,
        Connected {
            dialect,
            reconciles,
        },
        Degraded { .. },
        Disconnected { .. },
        Connecting,
        Connected { .. },
    ] = facts.as_slice()
    else {
        panic!("{facts:?}");
    };
    assert_eq!(&**reason, "cannot do as scripted: on purpose");
    assert_eq!(dialect.as_deref(), Some("fake"));
    assert_eq!(*reconciles, [Collection::Queues]);
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_refusal_has_its_state_and_its_wait() {
    type Fits = fn(&SourceFact) -> bool;
    let cases: [(LinkErrorKind, Fits, u64, u64); 6] = [
        (
            LinkErrorKind::AuthRejected,
            |f| matches!(f, SourceFact::AuthFailed { .. }),
            60,
            66,
        ),
        (
            LinkErrorKind::LimitReached,
            |f| matches!(f, SourceFact::LimitReached { .. }),
            60,
            66,
        ),
        (
            LinkErrorKind::Replaced,
            |f| matches!(f, SourceFact::Replaced { .. }),
            300,
            330,
        ),
        (
            LinkErrorKind::Unreachable,
            |f| matches!(f, SourceFact::Disconnected { .. }),
            0,
            1,
        ),
        (
            LinkErrorKind::Protocol,
            |f| matches!(f, SourceFact::Disconnected { .. }),
            0,
            1,
        ),
        (
            LinkErrorKind::Transient,
            |f| matches!(f, SourceFact::Disconnected { .. }),
            0,
            1,
        ),
    ];
    for (kind, fits, least, most) in cases {
        let run = Run::start([Attempt::Fail(kind), Attempt::link(["a"])]);
        let begun = Instant::now();
        wait_for_frame(&run, "a").await;
        let waited = begun.elapsed();
        assert!(run.heard.sources().iter().any(fits), "{kind:?}");
        let range = Duration::from_secs(least)..=Duration::from_secs(most);
        assert!(range.contains(&waited), "{kind:?}: {waited:?}");
        run.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_in_a_hurry_cuts_a_wait_short() {
    let run = Run::start([
        Attempt::Fail(LinkErrorKind::Replaced),
        Attempt::link(["a"]),
        Attempt::link(["b"]),
    ]);
    let replaced = |fact: &SourceFact| matches!(fact, SourceFact::Replaced { .. });
    run.heard.until_source("replaced", 1, replaced).await;
    let begun = Instant::now();
    run.handle.reconnect();
    run.heard.until_frame("a").await;
    run.handle.reconnect();
    run.heard.until_frame("b").await;
    assert!(begun.elapsed() < Duration::from_secs(1));
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn hurry_never_exceeds_the_budget() {
    let run =
        Run::start(std::iter::repeat_with(|| Attempt::Fail(LinkErrorKind::Replaced)).take(40));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(59) {
        run.handle.reconnect();
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(run.handle.counters().attempts(), 10);
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_given_up() {
    let run = Run::start([Attempt::Hang, Attempt::link(["a"])]);
    let begun = Instant::now();
    run.heard.until_frame("a").await;
    assert!(begun.elapsed() >= Setup::CONNECT_TIMEOUT);
    assert!(begun.elapsed() < Setup::CONNECT_TIMEOUT + Duration::from_secs(2));
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_translator_has_its_timeouts_with_and_without_a_link() {
    let run = Run::start([
        Attempt::link(["timer 5"]),
        Attempt::link(["timer 90"]).then(LinkErrorKind::Replaced),
    ]);
    let fired = |times: usize| {
        move |heard: &[model::Heard]| {
            let reports = heard.iter().flat_map(|heard| &heard.reports);
            reports.filter(|report| &*report.event == "timeout").count() == times
        }
    };
    let begun = Instant::now();
    run.heard.until("a timeout", fired(1)).await;
    assert_eq!(begun.elapsed().as_secs(), 5);
    let begun = Instant::now();
    run.handle.reconnect();
    for _ in 0..3 {
        // Longer than `until` is patient.
        sleep(Duration::from_secs(30)).await;
    }
    run.heard.until("a timeout", fired(2)).await;
    assert!((90..92).contains(&begun.elapsed().as_secs()));
    assert_eq!(run.handle.counters().connects(), 2, "still replaced");
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn requests_go_to_the_link_and_no_ops_are_counted() {
    let run = Run::start([Attempt::link(["ask for more", "no-op", "memo"])]);
    run.heard.until_frame("memo").await;
    assert_eq!(*run.sent.lock().unwrap(), ["more please"]);
    assert_eq!(run.handle.counters().no_ops(), 1);
    assert_eq!(run.handle.counters().requests(), 1);
    let memo = run.heard.heard().last().map(|heard| heard.memo.len());
    assert_eq!(memo, Some(1));
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_command_goes_to_the_link_and_its_outcome_is_told() {
    let run = Run::start([Attempt::link(["a"])]);
    run.heard.until_frame("a").await;
    run.handle.order(order("c1", "hang up")).unwrap();
    assert_eq!(run.outcome("c1").await, "succeeded");
    assert_eq!(*run.sent.lock().unwrap(), ["hang up"]);
    run.handle.order(order("c2", "refuse")).unwrap();
    assert_eq!(run.outcome("c2").await, "not_supported");
    assert_eq!(run.sent.lock().unwrap().len(), 1);
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_link_a_command_is_refused_and_not_kept_for_later() {
    let run = Run::start([Attempt::Fail(LinkErrorKind::Replaced), Attempt::link(["a"])]);
    let replaced = |fact: &SourceFact| matches!(fact, SourceFact::Replaced { .. });
    run.heard.until_source("replaced", 1, replaced).await;
    run.handle.order(order("c1", "hang up")).unwrap();
    assert_eq!(run.outcome("c1").await, "not_connected");
    run.handle.reconnect();
    run.heard.until_frame("a").await;
    assert!(run.sent.lock().unwrap().is_empty());
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_link_that_breaks_under_a_command_says_nothing_of_it() {
    let run = Run::start([Attempt::link(["a"]), Attempt::link(["b"])]);
    run.heard.until_frame("a").await;
    run.handle.order(order("c1", "in vain")).unwrap();
    run.handle.order(order("c2", "hang up")).unwrap();
    run.heard.until_frame("b").await;
    // Whether the first arrived nobody knows; the second was never sent, and that is known.
    assert_eq!(run.outcome("c2").await, "not_connected");
    assert_eq!(run.outcomes("c1"), Vec::<String>::new());
    assert!(run.sent.lock().unwrap().is_empty());
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn commands_that_nobody_takes_are_bounded() {
    let run = Run::prepared(Collector::hold, [Attempt::link(["a"])]);
    let refused = (0..1_000).find_map(|n| run.handle.order(order(&n.to_string(), "x")).err());
    assert_eq!(refused.map(|refusal| refusal.reason), Some("busy".into()));
    let handle = run.handle.clone();
    run.stop().await;
    let stopped = handle.order(order("late", "x")).unwrap_err();
    assert_eq!(&*stopped.reason, "not_connected");
}

#[tokio::test(start_paused = true)]
async fn what_was_read_is_handed_on_even_when_sending_fails() {
    let run = Run::start([
        Attempt::link(["ask in vain", "a", "b"]),
        Attempt::link(["c"]),
    ]);
    run.heard.until_frame("c").await;
    assert_eq!(run.heard.frames(), ["ask in vain", "a", "b", "c"]);
    assert_eq!(run.handle.counters().connects(), 2);
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_hub_stops_the_reading_and_nothing_is_lost() {
    let run = Run::prepared(
        Collector::hold,
        [Attempt::Link {
            batches: vec![vec!["a"], vec!["b", "c"]],
            end: None,
        }],
    );
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(run.handle.counters().attempts(), 0, "not even an attempt");
    run.heard.release();
    run.heard.until_frame("c").await;
    assert_eq!(run.heard.frames(), ["a", "b", "c"]);
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_heeded_everywhere() {
    let silent = |attempt: Attempt| Run::start([attempt]);
    for run in [
        silent(Attempt::Hang),
        silent(Attempt::Fail(LinkErrorKind::Replaced)),
        silent(Attempt::link([])),
    ] {
        sleep(Duration::from_secs(1)).await;
        run.stop().await;
    }
    let run = Run::start([Attempt::link(["a"])]);
    run.heard.until_frame("a").await;
    run.heard.hold();
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_the_last_thing_told() {
    let run = Run::start([Attempt::link(["a"])]);
    run.heard.until_frame("a").await;
    let (heard, closes) = (Arc::clone(&run.heard), Arc::clone(&run.closes));
    run.stop().await;
    let last = heard.sources().pop();
    assert!(
        matches!(last, Some(SourceFact::Disconnected { .. })),
        "{last:?}"
    );
    assert_eq!(closes.available_permits(), 1, "the link was closed");
}

#[tokio::test(start_paused = true)]
async fn without_a_hub_there_is_nothing_to_do() {
    let run = Run::start([Attempt::link(["a"])]);
    run.heard.until_frame("a").await;
    run.heard.close();
    run.handle.reconnect();
    assert_eq!(run.task.await.unwrap(), Err(Closed));
}

/// What happens to one attempt to connect.
enum Attempt {
    Fail(LinkErrorKind),
    Hang,
    Link {
        batches: Vec<Vec<&'static str>>,
        end: Option<LinkErrorKind>,
    },
}

impl Attempt {
    /// A link that yields these frames at once and then nothing.
    fn link<const N: usize>(frames: [&'static str; N]) -> Self {
        Self::Link {
            batches: vec![frames.to_vec()],
            end: None,
        }
    }

    /// The same, but then it ends.
    fn then(self, kind: LinkErrorKind) -> Self {
        match self {
            Self::Link { batches, .. } => Self::Link {
                batches,
                end: Some(kind),
            },
            other => other,
        }
    }
}

struct Run {
    heard: Arc<Collector>,
    handle: Handle,
    sent: Arc<Mutex<Vec<Bytes>>>,
    closes: Arc<Semaphore>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), Closed>>,
}

impl Run {
    fn start(attempts: impl IntoIterator<Item = Attempt>) -> Self {
        Self::prepared(|_| {}, attempts)
    }

    fn prepared(
        prepare: impl FnOnce(&Collector),
        attempts: impl IntoIterator<Item = Attempt>,
    ) -> Self {
        let heard = Arc::new(Collector::new());
        prepare(&heard);
        let fake = Arc::new(Fake::new(attempts));
        let supervisor = Supervisor::new(Setup {
            source: SourceId::new("hq").unwrap(),
            boot: 7,
            adapter: Arc::clone(&fake) as _,
            resume: Resume::default(),
            reconnect: Reconnect::default(),
            connect_timeout: Setup::CONNECT_TIMEOUT,
            clock: Arc::new(TokioClock::new()),
            seed: 42,
            tap: Arc::new(()),
            sink: Arc::clone(&heard) as _,
        });
        let stop = CancellationToken::new();
        Self {
            heard,
            handle: supervisor.handle(),
            sent: Arc::clone(&fake.sent),
            closes: Arc::clone(&fake.closes),
            stop: stop.clone(),
            task: tokio::spawn(supervisor.run(stop)),
        }
    }

    /// What was told of a command so far.
    fn outcomes(&self, id: &str) -> Vec<String> {
        let told = |heard: &model::Heard| outcomes(heard, id);
        self.heard.heard().iter().flat_map(told).collect()
    }

    async fn outcome(&self, id: &str) -> String {
        let told =
            |heard: &[model::Heard]| heard.iter().any(|heard| !outcomes(heard, id).is_empty());
        self.heard.until("an outcome", told).await;
        self.outcomes(id).remove(0)
    }

    async fn stop(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(2), self.task).await;
        assert_eq!(ended.expect("it stops").unwrap(), Ok(()));
    }
}

fn order(id: &str, text: &str) -> Order {
    Order {
        id: id.into(),
        kind: "say",
        target: None,
        params: json!(text),
    }
}

fn outcomes(heard: &model::Heard, id: &str) -> Vec<String> {
    let observations = heard.reports.iter().flat_map(|report| &report.observations);
    let told = observations.filter_map(|observation| match &observation.fact {
        Fact::Command { id: of, outcome } if **of == *id => Some(match outcome {
            CommandOutcome::Succeeded { .. } => "succeeded".to_owned(),
            CommandOutcome::Failed { reason, .. } | CommandOutcome::Unknown { reason } => {
                reason.to_string()
            }
        }),
        _ => None,
    });
    told.collect()
}

/// Waits longer than `until` is patient.
async fn wait_for_frame(run: &Run, text: &str) {
    while !run.heard.frames().iter().any(|frame| frame == text) {
        sleep(Duration::from_millis(50)).await;
    }
}

struct Fake {
    descriptor: Descriptor,
    attempts: Mutex<VecDeque<Attempt>>,
    sent: Arc<Mutex<Vec<Bytes>>>,
    closes: Arc<Semaphore>,
}

impl Fake {
    fn new(attempts: impl IntoIterator<Item = Attempt>) -> Self {
        Self {
            descriptor: Descriptor {
                adapter: "fake",
                mapping: "fake/1",
                capabilities: adapter::Capabilities::default(),
                commands: Vec::new(),
                tenant: None,
                call_grace: Duration::from_secs(5),
                silence: Duration::from_secs(30),
            },
            attempts: Mutex::new(attempts.into_iter().collect()),
            sent: Arc::default(),
            closes: Arc::new(Semaphore::new(0)),
        }
    }
}

#[async_trait]
impl Adapter for Fake {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn translator(&self, _: Resume) -> Box<dyn Translator> {
        Box::new(Echo { due: None })
    }

    async fn connect(&self, _: Arc<dyn Tap>) -> Result<Box<dyn Link>, LinkError> {
        let next = self.attempts.lock().unwrap().pop_front();
        match next {
            Some(Attempt::Fail(kind)) => Err(scripted(kind)),
            Some(Attempt::Hang) | None => pending().await,
            Some(Attempt::Link { batches, end }) => Ok(Box::new(Script {
                batches: batches.into(),
                end,
                sent: Arc::clone(&self.sent),
                closes: Arc::clone(&self.closes),
            })),
        }
    }
}

struct Script {
    batches: VecDeque<Vec<&'static str>>,
    end: Option<LinkErrorKind>,
    sent: Arc<Mutex<Vec<Bytes>>>,
    closes: Arc<Semaphore>,
}

#[async_trait]
impl Link for Script {
    fn dialect(&self) -> Option<Text> {
        Some("fake".into())
    }

    fn reconciles(&self) -> Vec<Collection> {
        vec![Collection::Queues]
    }

    async fn read(&mut self, frames: &mut Vec<Bytes>) -> Result<(), LinkError> {
        match (self.batches.pop_front(), self.end) {
            (Some(batch), _) => {
                frames.extend(batch.into_iter().map(Bytes::from));
                Ok(())
            }
            (None, Some(kind)) => Err(scripted(kind)),
            (None, None) => pending().await,
        }
    }

    async fn send(&mut self, request: Bytes) -> Result<(), LinkError> {
        if request == "in vain" {
            return Err(scripted(LinkErrorKind::Transient));
        }
        self.sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request);
        Ok(())
    }

    async fn close(&mut self) {
        self.closes.add_permits(1);
    }
}

fn scripted(kind: LinkErrorKind) -> LinkError {
    LinkError::new(kind, "do as scripted", "on purpose")
}

/// Does as frames say.
struct Echo {
    due: Option<Duration>,
}

impl Translator for Echo {
    fn connected(&mut self, _: Option<&str>, _: Now, _: &mut Output) {}

    fn frame(&mut self, frame: &Bytes, now: Now, out: &mut Output) {
        let text = std::str::from_utf8(frame).unwrap();
        out.reports.push(Report::new(text));
        match text {
            "ask in vain" => out.requests.push(Bytes::from("in vain")),
            "ask for more" => out.requests.push(Bytes::from("more please")),
            "no-op" => out.no_ops += 1,
            "memo" => out.memo.push(MemoChange {
                key: "k".into(),
                value: None,
            }),
            text => {
                if let Some(secs) = text.strip_prefix("timer ") {
                    self.due = Some(now.mono + Duration::from_secs(secs.parse().unwrap()));
                }
            }
        }
    }

    fn command(&mut self, order: &Order, _: Now, out: &mut Output) -> Result<(), Refusal> {
        let text: String = order.params()?;
        if text == "refuse" {
            return Err(Refusal::not_supported());
        }
        let outcome = CommandOutcome::Succeeded {
            native: model::Native::new(),
        };
        let id = Text::clone(&order.id);
        if text != "in vain" {
            let mut report = Report::new("said");
            let fact = Fact::Command { id, outcome };
            report.observations.push(Observation::native("said", fact));
            out.reports.push(report);
        }
        out.requests.push(text.into());
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Duration> {
        self.due
    }

    fn timeout(&mut self, _: Now, out: &mut Output) {
        self.due = None;
        out.reports.push(Report::new("timeout"));
    }

    fn disconnected(&mut self, _: Now, _: &mut Output) {}
}
