//! What must hold for whatever a PBX sends.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod grammar;
mod seeds;

use std::time::Duration;

use adapter::{Output, Resume, Translator as _};
use bytes::Bytes;
use model::{Fact, Now, Observation, SourceId, Timestamp};
use portsip::{Config, Translator};
use proptest::{prelude::*, test_runner::RngSeed};
use serde_json::Value;
use testkit::Fold;

/// The time between messages.
const PACE: Duration = Duration::from_millis(100);

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
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&[bytes.into()]);
    }

    #[test]
    fn no_json_breaks_it(frames in prop::collection::vec(grammar::any_message(), 1..12)) {
        survives(&frames.iter().map(frame).collect::<Vec<_>>());
    }

    #[test]
    fn no_stream_breaks_it(stream in grammar::stream()) {
        survives(&stream.iter().map(frame).collect::<Vec<_>>());
    }

    /// What a message says twice in a row, it says of calls only once.
    #[test]
    fn repeats_tell_nothing_of_calls(stream in grammar::stream()) {
        let once = Player::new(&Resume::default()).play(&stream, PACE);
        let twice: Vec<Value> = stream.iter().flat_map(|message| [message.clone(), message.clone()]).collect();
        let twice = Player::new(&Resume::default()).play(&twice, PACE / 2);
        prop_assert_eq!(difference(&of_calls(&once), &of_calls(&twice)), None);
    }

    /// A translator made out of what is known goes on as the one that knew it.
    #[test]
    fn a_restart_changes_nothing(stream in grammar::stream(), cut in 0.0..1.0) {
        let cut = (stream.len() as f64 * cut) as usize;
        let (before, after) = stream.split_at(cut);
        let mut old = Player::new(&Resume::default());
        let mut fold = Fold::new(&source());
        for observation in old.play(before, PACE) {
            fold.apply(&observation);
        }
        let mut new = Player::new(&fold.resume());
        new.now = old.now;
        old.reconnect();
        new.reconnect();
        prop_assert_eq!(difference(&old.play(after, PACE), &new.play(after, PACE)), None);
    }

    /// However the parts of a session come in, each leg has one key, and none goes on after its end.
    #[test]
    fn legs_only_end_once(stream in grammar::stream()) {
        let mut ended = std::collections::BTreeSet::new();
        for observation in Player::new(&Resume::default()).play(&stream, PACE) {
            // Attributes may be learnt of a leg that is over.
            if let Fact::Leg(leg) = observation.fact
                && leg.state.is_some()
            {
                let key = (leg.call.clone(), leg.leg.clone());
                prop_assert!(!ended.contains(&key), "{:?} goes on", leg);
                if leg.state == Some(model::LegState::Ended) {
                    ended.insert(key);
                }
            }
        }
    }
}

/// Plays frames and timers; nothing may panic, and what comes out must be in proportion to what went in.
fn survives(frames: &[Bytes]) {
    let mut player = Player::new(&Resume::default());
    for frame in frames {
        let mut out = Output::default();
        player.translator.frame(frame, player.now, &mut out);
        let facts: usize = out
            .reports
            .iter()
            .map(|report| report.observations.len())
            .sum();
        assert!(
            facts <= 24 + frame.len(),
            "{facts} facts out of {} bytes",
            frame.len()
        );
        assert!(
            out.no_ops + out.reports.len() as u64 >= 1,
            "a frame left no trace"
        );
        player.pass(Duration::from_millis(700));
    }
    player.pass(Duration::from_secs(100));
    player
        .translator
        .disconnected(player.now, &mut Output::default());
}

struct Player {
    translator: Translator,
    now: Now,
}

impl Player {
    fn new(resume: &Resume) -> Self {
        let mut player = Self {
            translator: Translator::new(&source(), &config(), resume),
            now: Now {
                mono: Duration::ZERO,
                wall: Timestamp::from_secs(grammar::EPOCH),
            },
        };
        player
            .translator
            .connected(Some("v22"), player.now, &mut Output::default());
        player
    }

    fn reconnect(&mut self) {
        let mut out = Output::default();
        self.translator.disconnected(self.now, &mut out);
        self.translator.connected(Some("v22"), self.now, &mut out);
    }

    fn play(&mut self, stream: &[Value], pace: Duration) -> Vec<Observation> {
        let mut said = Vec::new();
        for message in stream {
            let mut out = Output::default();
            self.translator.frame(&frame(message), self.now, &mut out);
            said.extend(
                out.reports
                    .into_iter()
                    .flat_map(|report| report.observations),
            );
            said.extend(self.pass(pace));
        }
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
        out.reports
            .into_iter()
            .flat_map(|report| report.observations)
            .collect()
    }

    fn at(&mut self, mono: Duration) {
        self.now.wall = self.now.wall.after(mono - self.now.mono);
        self.now.mono = mono;
    }
}

/// The first place where two accounts part.
fn difference<T: PartialEq + std::fmt::Debug>(a: &[T], b: &[T]) -> Option<String> {
    let n = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(n), b.get(n));
    (a.is_some() || b.is_some()).then(|| format!("at {n}:\n  {a:?}\n  {b:?}"))
}

fn of_calls(said: &[Observation]) -> Vec<&Observation> {
    let calls = |observation: &&Observation| {
        matches!(
            observation.fact,
            Fact::Call { .. }
                | Fact::Leg(_)
                | Fact::CallEnded { .. }
                | Fact::Cdr(_)
                | Fact::Transferred { .. }
        )
    };
    said.iter().filter(calls).collect()
}

fn frame(message: &Value) -> Bytes {
    message.to_string().into()
}

fn source() -> SourceId {
    SourceId::new("hq").unwrap()
}

fn config() -> Config {
    serde_json::from_value(serde_json::json!({
        "url": "wss://pbx.example.com:8887/wsi", "username": "u", "domain": "d", "password": "p",
        "topics": ["cdr_events", "extension_events", "queue_events", "extension_management_events"],
        "extensions": ["101", "102", "103"], "queues": ["8000"], "service_numbers": ["5000"],
    }))
    .unwrap()
}
