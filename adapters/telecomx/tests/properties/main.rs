//! What holds for any traffic.

#![cfg(test)]

mod grammar;
mod seeds;
mod transfers;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use adapter::{Output, Resume, Translator as _};
use bytes::Bytes;
use model::{Fact, LegState, Now, Observation, SourceId, Text, Timestamp};
use proptest::{prelude::*, test_runner::RngSeed};
use serde_json::Value;
use telecomx::{Config, Translator};
use testkit::Fold;

const PACE: Duration = Duration::from_millis(40);

/// The same streams in every run, so that no change fails by luck; `PROPTEST_RNG_SEED` tells others.
fn streams() -> ProptestConfig {
    let mut config = ProptestConfig::with_cases(256);
    if matches!(config.rng_seed, RngSeed::Random) {
        config.rng_seed = RngSeed::Fixed(1);
    }
    config
}

proptest! {
    #![proptest_config(streams())]

    #[test]
    fn any_fields_are_survived(messages in prop::collection::vec(grammar::any_message(), 1..12)) {
        let frames: Vec<Bytes> = messages.iter().map(frame).collect();
        survives(&frames);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&[bytes.into()]);
    }

    /// The same event by two subscriptions is told once.
    #[test]
    fn repeats_change_nothing(stream in grammar::stream()) {
        let once = Player::new().play(&stream, PACE);
        let twice: Vec<Value> = stream.iter().flat_map(|event| [event.clone(), event.clone()]).collect();
        let twice = Player::new().play(&twice, PACE / 2);
        prop_assert_eq!(difference(&of_calls(&once), &of_calls(&twice)), None);
    }

    /// However the events of one conversation are mingled, as long as each leg's come in their order, every leg ends in
    /// the same state under the same key, and the call ends once.
    #[test]
    fn the_order_of_legs_does_not_matter((events, mingled) in grammar::conversation()) {
        let straight = Player::new().play_all(&events);
        let mingled = Player::new().play_all(&mingled);
        prop_assert_eq!(legs(&straight), legs(&mingled));
        prop_assert_eq!(ends(&straight), ends(&mingled));
    }

    /// A gateway that is restarted in the middle of a conversation hears it to its end as the one that was there from the
    /// beginning: nothing is lost, and nothing ends twice.
    #[test]
    fn a_restart_changes_no_conversation((events, _) in grammar::conversation(), cut in 0_usize..12) {
        let (before, after) = events.split_at(cut.min(events.len()));
        let straight = Player::new().play_all(&events);
        let (mut old, mut fold) = (Player::new(), Fold::new(&source()));
        let mut said = old.play(before, PACE);
        fold.take(&old.told);
        let mut new = Player::resumed(&fold.resume(), old.now);
        said.extend(new.play_all(after));
        prop_assert_eq!(legs(&said), legs(&straight));
        prop_assert_eq!(ends(&said), ends(&straight));
    }

    /// What was open when the gateway stopped may go on afterwards; what was over stays over, whatever is said next.
    #[test]
    fn a_restart_ends_no_leg_twice(stream in grammar::stream(), cut in any::<prop::sample::Index>()) {
        let (before, after) = stream.split_at(cut.index(stream.len() + 1));
        let (mut old, mut fold) = (Player::new(), Fold::new(&source()));
        let said = old.play(before, PACE);
        fold.take(&old.told);
        let resume = fold.resume();
        let open: BTreeSet<Text> = resume.calls.iter().map(|call| call.id.key().into()).collect();
        let over: BTreeSet<(Text, Text)> = ended(&said).collect();
        let mut new = Player::resumed(&resume, old.now);
        for again in ended(&new.play_all(after)) {
            // The hub remembers calls that are over, and takes nothing more of them.
            prop_assert!(!open.contains(&again.0) || !over.contains(&again), "{:?} ends again", again);
        }
    }

    /// Each leg has one key, and none goes on after its end.
    #[test]
    fn legs_only_end_once(stream in grammar::stream()) {
        let mut ended = BTreeSet::new();
        for observation in Player::new().play(&stream, PACE) {
            let key = match &observation.fact {
                // What is learnt of a leg that is over is no step.
                Fact::Leg(leg) if leg.state.is_none() => continue,
                Fact::Leg(leg) => (leg.call.clone(), leg.leg.clone()),
                Fact::LegMoved { from, leg, .. } => (from.clone(), leg.clone()),
                _ => continue,
            };
            prop_assert!(!ended.contains(&key), "{key:?} goes on");
            let ends = match &observation.fact {
                Fact::Leg(leg) => leg.state == Some(LegState::Ended),
                _ => true,
            };
            if ends {
                ended.insert(key);
            }
        }
    }

    /// A call is opened before it ends, and ends once.
    #[test]
    fn calls_end_once(stream in grammar::stream()) {
        let said = Player::new().play_all(&stream);
        let mut ends: BTreeMap<Text, u32> = BTreeMap::new();
        for observation in &said {
            if let Fact::CallEnded { call, .. } = &observation.fact {
                *ends.entry(call.clone()).or_default() += 1;
            }
        }
        // The trunk may put an end right that has been told.
        prop_assert!(ends.values().all(|n| *n <= 2), "{ends:?}");
    }
}

/// Plays frames and timers; nothing may panic, and what comes out must be in proportion to what went in.
fn survives(frames: &[Bytes]) {
    let mut player = Player::new();
    for frame in frames {
        let mut out = Output::default();
        player.translator.frame(frame, player.now, &mut out);
        let facts: usize = out
            .reports
            .iter()
            .map(|report| report.observations.len())
            .sum();
        assert!(
            facts <= 64 + frame.len(),
            "{facts} facts out of {} bytes",
            frame.len()
        );
        assert!(
            out.no_ops + out.reports.len() as u64 + out.requests.len() as u64 >= 1,
            "a frame left no trace: {}",
            String::from_utf8_lossy(frame)
        );
        player.pass(Duration::from_millis(700));
    }
    player.pass(Duration::from_secs(5000));
    player
        .translator
        .disconnected(player.now, &mut Output::default());
}

struct Player {
    translator: Translator,
    now: Now,
    /// All that it was told since it began.
    told: Output,
}

impl Player {
    fn new() -> Self {
        let now = Now {
            mono: Duration::ZERO,
            wall: Timestamp::from_secs(1_767_225_600),
        };
        Self::resumed(&Resume::default(), now)
    }

    fn resumed(resume: &Resume, now: Now) -> Self {
        let mut player = Self {
            translator: Translator::new(&source(), &config(), resume),
            now,
            told: Output::default(),
        };
        player
            .translator
            .connected(None, player.now, &mut Output::default());
        player
    }

    /// Keeps what was put out, and yields what was observed.
    fn keep(&mut self, out: Output) -> Vec<Observation> {
        let observed = out.reports.iter().flat_map(|report| &report.observations);
        let observed = observed.cloned().collect();
        self.told.reports.extend(out.reports);
        self.told.memo.extend(out.memo);
        observed
    }

    fn play(&mut self, stream: &[Value], pace: Duration) -> Vec<Observation> {
        let mut said = Vec::new();
        for message in stream {
            let mut out = Output::default();
            self.translator.frame(&frame(message), self.now, &mut out);
            said.extend(self.keep(out));
            said.extend(self.pass(pace));
        }
        said
    }

    /// Plays all within a moment, and waits until nothing is due any more.
    fn play_all(&mut self, stream: &[Value]) -> Vec<Observation> {
        let mut said = self.play(stream, Duration::from_millis(5));
        said.extend(self.pass(Duration::from_secs(10)));
        said
    }

    fn pass(&mut self, time: Duration) -> Vec<Observation> {
        let end = self.now.mono + time;
        let mut out = Output::default();
        while let Some(due) = self.translator.poll_timeout().filter(|due| *due <= end) {
            self.at(due.max(self.now.mono));
            self.translator.timeout(self.now, &mut out);
        }
        self.at(end);
        self.keep(out)
    }

    fn at(&mut self, mono: Duration) {
        self.now.wall = self.now.wall.after(mono - self.now.mono);
        self.now.mono = mono;
    }
}

/// The state in which each leg is in the end.
fn legs(said: &[Observation]) -> BTreeMap<Text, LegState> {
    let mut legs = BTreeMap::new();
    for observation in said {
        if let Fact::Leg(leg) = &observation.fact
            && let Some(state) = leg.state
        {
            legs.insert(leg.leg.clone(), state);
        }
    }
    legs
}

/// The legs that end, each with its call.
fn ended(said: &[Observation]) -> impl Iterator<Item = (Text, Text)> {
    said.iter()
        .filter_map(|observation| match &observation.fact {
            Fact::Leg(leg) if leg.state == Some(LegState::Ended) => {
                Some((leg.call.clone(), leg.leg.clone()))
            }
            _ => None,
        })
}

/// How often each call ends.
fn ends(said: &[Observation]) -> BTreeMap<Text, usize> {
    let mut ends = BTreeMap::new();
    for observation in said {
        if let Fact::CallEnded { call, .. } = &observation.fact {
            *ends.entry(call.clone()).or_default() += 1;
        }
    }
    ends
}

/// The first place where two accounts part.
fn difference<T: PartialEq + std::fmt::Debug>(a: &[T], b: &[T]) -> Option<String> {
    let n = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(n), b.get(n));
    (a.is_some() || b.is_some()).then(|| format!("at {n}:\n  {a:?}\n  {b:?}"))
}

/// What is said of calls, whenever it was.
fn of_calls(said: &[Observation]) -> Vec<&Fact> {
    let calls = |fact: &&Fact| {
        matches!(
            fact,
            Fact::Call { .. }
                | Fact::Leg(_)
                | Fact::LegMoved { .. }
                | Fact::CallEnded { .. }
                | Fact::Transferred { .. }
        )
    };
    said.iter()
        .map(|observation| &observation.fact)
        .filter(calls)
        .collect()
}

fn frame(message: &Value) -> Bytes {
    message.to_string().into()
}

fn source() -> SourceId {
    SourceId::new("cph").unwrap()
}

fn config() -> Config {
    serde_json::from_value(serde_json::json!({
        "url": "https://api.telecomx.dk", "token": "t", "customer": "c",
        "channels": ["PBX", "CALL", "REGISTER", "CONFIG"], "region": "DK",
    }))
    .unwrap()
}
