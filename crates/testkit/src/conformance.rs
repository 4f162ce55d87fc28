//! What every adapter must bear: one suite, run by each adapter against its own simulator.
//!
//! An adapter's test implements [`Subject`] and calls [`conformance!`](crate::conformance!), which makes one test of
//! each case:
//!
//! ```ignore
//! testkit::conformance!(PortSip);
//! ```

use std::{sync::Arc, time::Duration};

use adapter::{Adapter, Handle, Reconnect, Resume, Setup, Supervisor};
use async_trait::async_trait;
use model::{SourceId, observation::SourceFact};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Collector, TokioClock, must};

/// An adapter with a PBX to speak to.
#[async_trait]
pub trait Subject: Send + Sync + 'static {
    /// Starts a PBX that behaves, and tells nothing by itself.
    async fn start() -> Self;

    /// The adapter, configured for that PBX. It must notice silence within `silence`.
    fn adapter(&self, silence: Duration) -> Arc<dyn Adapter>;

    /// Lets the PBX tell something. The frame must hold the number as `novelty-<n>`.
    async fn tell(&self, n: u32);

    /// Lets the PBX do something it should not.
    async fn fault(&self, fault: Fault);
}

/// What a PBX can do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It drops all connections without a word.
    Drop,
    /// It keeps the connections open and falls silent, pongs included.
    Silence,
    /// It sends frames that nobody can read.
    Garbage,
    /// It refuses our credentials from now on.
    RefuseLogins,
    /// It accepts our credentials again.
    AcceptLogins,
}

/// After a drop the source connects again by itself, and says all that happened in order.
pub async fn reconnect<S: Subject>() {
    let run = Run::<S>::start(LONG).await;
    run.subject.fault(Fault::Drop).await;
    run.connected(2).await;
    run.subject.tell(1).await;
    run.heard.until_frame("novelty-1").await;
    let states: Vec<SourceFact> = run
        .heard
        .sources()
        .into_iter()
        .filter(|fact| !matches!(fact, SourceFact::Synced | SourceFact::Degraded { .. }))
        .collect();
    let in_order = matches!(
        states.as_slice(),
        [
            SourceFact::Connecting,
            SourceFact::Connected { .. },
            SourceFact::Disconnected { .. },
            SourceFact::Connecting,
            SourceFact::Connected { .. },
        ]
    );
    assert!(in_order, "{states:?}");
    assert_eq!(run.handle.counters().reconnects(), 1);
    run.stop().await;
}

/// A PBX that keeps the connection but says nothing is given up.
pub async fn silence<S: Subject>() {
    let run = Run::<S>::start(Duration::from_millis(300)).await;
    run.subject.fault(Fault::Silence).await;
    run.connected(2).await;
    run.stop().await;
}

/// What is told twice is handed on twice, and disturbs nothing.
pub async fn duplicate<S: Subject>() {
    let run = Run::<S>::start(LONG).await;
    for n in [1, 1, 2] {
        run.subject.tell(n).await;
    }
    run.heard.until_frame("novelty-2").await;
    assert_eq!(run.novelties(), [1, 1, 2]);
    run.stop().await;
}

/// What is told out of order is handed on as it came.
pub async fn disorder<S: Subject>() {
    let run = Run::<S>::start(LONG).await;
    for n in [3, 1, 4, 2] {
        run.subject.tell(n).await;
    }
    run.heard.until_frame("novelty-2").await;
    assert_eq!(run.novelties(), [3, 1, 4, 2]);
    run.stop().await;
}

/// Frames that nobody can read are handed on, told of, and do not end the connection.
pub async fn garbage<S: Subject>() {
    let run = Run::<S>::start(LONG).await;
    let before = run.handle.counters().frames();
    run.subject.fault(Fault::Garbage).await;
    run.subject.tell(1).await;
    run.heard.until_frame("novelty-1").await;
    assert!(
        run.handle.counters().frames() >= before + 2,
        "garbage is counted"
    );
    let unrecognized = |heard: &model::Heard| {
        let observations = heard.reports.iter().flat_map(|report| &report.observations);
        let mut facts = observations.map(|observation| &observation.fact);
        facts.any(|fact| matches!(fact, model::Fact::Unrecognized { .. }))
    };
    assert!(
        run.heard.heard().iter().any(unrecognized),
        "garbage is told of"
    );
    assert_eq!(run.handle.counters().connects(), 1);
    run.stop().await;
}

/// Refused credentials are a state of their own. They are retried slowly, and at once when somebody asks.
pub async fn bad_credentials<S: Subject>() {
    let subject = S::start().await;
    subject.fault(Fault::RefuseLogins).await;
    let run = Run::begin(subject, LONG);
    let refused = |fact: &SourceFact| matches!(fact, SourceFact::AuthFailed { .. });
    run.heard.until_source("a refusal", 1, refused).await;
    run.handle.reconnect();
    run.heard.until_source("another refusal", 2, refused).await;
    run.subject.fault(Fault::AcceptLogins).await;
    run.handle.reconnect();
    run.connected(1).await;
    assert_eq!(
        run.handle.counters().attempts(),
        3,
        "none but those asked for"
    );
    run.stop().await;
}

/// While the hub is slow the PBX is not read; afterwards all is there, in order.
pub async fn slow_hub<S: Subject>() {
    const MANY: u32 = 500;
    let run = Run::<S>::start(LONG).await;
    run.heard.hold();
    for n in 1..=MANY {
        run.subject.tell(n).await;
    }
    run.heard.release();
    run.heard.until_frame(&format!("novelty-{MANY}")).await;
    assert_eq!(run.novelties(), (1..=MANY).collect::<Vec<_>>());
    assert_eq!(run.handle.counters().connects(), 1);
    run.stop().await;
}

/// A source stops when told to, even while nobody takes what it says.
pub async fn stop<S: Subject>() {
    let run = Run::<S>::start(LONG).await;
    run.heard.hold();
    run.subject.tell(1).await;
    run.stop().await;
}

/// Makes one test of each case.
#[macro_export]
macro_rules! conformance {
    ($subject:ty) => {
        $crate::conformance!($subject: reconnect silence duplicate disorder garbage bad_credentials slow_hub stop);
    };
    ($subject:ty: $($case:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::conformance::$case::<$subject>().await;
            }
        )+
    };
}

/// Longer than any case takes.
const LONG: Duration = Duration::from_secs(600);

struct Run<S> {
    subject: S,
    heard: Arc<Collector>,
    handle: Handle,
    stop: CancellationToken,
    task: JoinHandle<Result<(), adapter::Closed>>,
}

impl<S: Subject> Run<S> {
    /// Starts a PBX and a source, and waits until they stand in connection.
    async fn start(silence: Duration) -> Self {
        let run = Self::begin(S::start().await, silence);
        run.connected(1).await;
        run
    }

    fn begin(subject: S, silence: Duration) -> Self {
        let heard = Arc::new(Collector::new());
        let supervisor = Supervisor::new(Setup {
            source: SourceId::new("subject").unwrap(),
            boot: 1,
            adapter: subject.adapter(silence),
            resume: Resume::default(),
            reconnect: Reconnect {
                initial: Duration::from_millis(20),
                max: Duration::from_millis(100),
                budget_per_min: 1000,
            },
            connect_timeout: Setup::CONNECT_TIMEOUT,
            clock: Arc::new(TokioClock::new()),
            seed: 1,
            tap: Arc::new(()),
            sink: Arc::clone(&heard) as _,
        });
        let stop = CancellationToken::new();
        Self {
            subject,
            heard,
            handle: supervisor.handle(),
            stop: stop.clone(),
            task: tokio::spawn(supervisor.run(stop)),
        }
    }

    async fn connected(&self, times: usize) {
        let connected = |fact: &SourceFact| matches!(fact, SourceFact::Connected { .. });
        self.heard
            .until_source("a connection", times, connected)
            .await;
    }

    /// The numbers told, in the order in which they were heard.
    fn novelties(&self) -> Vec<u32> {
        let number = |frame: String| {
            let (_, rest) = frame.split_once("novelty-")?;
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        };
        self.heard.frames().into_iter().filter_map(number).collect()
    }

    async fn stop(self) {
        self.stop.cancel();
        let ended = must("the end", self.task).await;
        assert_eq!(ended.expect("no panic"), Ok(()));
    }
}
