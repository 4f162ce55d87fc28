//! Calls that are open, while some of them change.

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use benches::Failure;
use hub::{
    seal::Sealer,
    state::{SourceSettings, State},
};
use model::{
    Direction, Epoch, Fact, Heard, LegRole, LegState, Now, Observation, Party, Position, Report,
    SourceId, Timestamp,
    observation::{CallPatch, LegFact, LegPatch},
};

const OPEN: [u64; 4] = [10, 1_000, 10_000, 100_000];
/// Changes that are measured, each one hold or its end.
const CHANGES: u64 = 40_000;
/// As many of them share a view and a block, as when the writer commits.
const BATCH: u64 = 64;

pub(crate) fn run() -> Result<(), Failure> {
    println!("open calls: a hold, or its end, folded, encoded and shown");
    let mut first = None;
    for open in OPEN {
        let before = super::resident()?;
        let mut bench = Bench::new()?;
        for call in 0..open {
            bench.open(call);
        }
        let held = super::resident()?.saturating_sub(before);
        let (events, took) = bench.changes(open);
        let each = took / u32::try_from(events)?;
        super::line(open, "an event", each, *first.get_or_insert(each));
        if open == OPEN[OPEN.len() - 1] {
            println!(
                "{open:>11} {:<24}{:>9} bytes",
                "a call in memory",
                held / open
            );
        }
    }
    println!();
    Ok(())
}

struct Bench {
    source: SourceId,
    state: State,
    now: Now,
    sealer: Sealer,
}

impl Bench {
    fn new() -> Result<Self, Failure> {
        let source = SourceId::new("hq")?;
        let settings = SourceSettings {
            adapter: "portsip".into(),
            mapping: "portsip/1".into(),
            ..SourceSettings::default()
        };
        Ok(Self {
            state: State::new(BTreeMap::from([(source.clone(), settings)])),
            source,
            now: Now {
                mono: Duration::from_secs(1_000),
                wall: Timestamp::from_secs(1_800_000_000),
            },
            sealer: Sealer::new(Epoch::from_random(*b"benchmrk"), Position(1)),
        })
    }

    /// A call from outside that an extension has answered.
    fn open(&mut self, n: u64) {
        let patch = CallPatch {
            direction: Some(Direction::Inbound),
            ..CallPatch::default()
        };
        let call = Fact::Call {
            call: call(n).into(),
            opens: true,
            patch: Box::new(patch),
        };
        let observations = vec![
            Observation::native("call", call),
            leg(n, LegState::Ringing),
            leg(n, LegState::Connected),
        ];
        let mut drafts = Vec::new();
        self.hear(observations, &mut drafts);
        self.state.take_changed();
        self.state.take_memo();
    }

    /// How many events the changes make, and how long that takes.
    fn changes(&mut self, open: u64) -> (u64, Duration) {
        let (mut events, mut shown) = (0, self.state.view());
        let mut drafts = Vec::new();
        let begun = Instant::now();
        for n in 0..CHANGES {
            // A step that meets all calls, far from one another.
            let call = n / 2 * 7_919 % open;
            let state = if n % 2 == 0 {
                LegState::Held
            } else {
                LegState::Connected
            };
            self.hear(vec![leg(call, state)], &mut drafts);
            if n % BATCH == BATCH - 1 {
                events += drafts.len() as u64;
                black_box(self.sealer.seal(&drafts));
                black_box((self.state.take_memo(), self.state.take_changed()));
                drafts.clear();
                shown = self.state.view();
            }
        }
        let took = begun.elapsed();
        black_box(shown);
        (events, took)
    }

    fn hear(&mut self, observations: Vec<Observation>, drafts: &mut Vec<hub::draft::Draft>) {
        let mut report = Report::new("bench");
        report.observations = observations;
        let heard = Heard {
            source: self.source.clone(),
            frame: None,
            now: self.now,
            reports: vec![report],
            memo: Vec::new(),
        };
        self.state.handle(&heard, &mut (), drafts);
    }
}

fn call(n: u64) -> String {
    format!("8853372482732{n:08}")
}

fn leg(n: u64, state: LegState) -> Observation {
    let patch = LegPatch {
        role: Some(LegRole::Callee),
        party: Some(Party::extension(&format!("{}", 1_000 + n % 500))),
        ..LegPatch::default()
    };
    let fact = LegFact {
        call: call(n).into(),
        leg: "1".into(),
        state: Some(state),
        patch,
        end: None,
    };
    Observation::native("leg", Fact::Leg(Box::new(fact)))
}
