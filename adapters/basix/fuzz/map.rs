//! What must hold of any frames, in any order. The fuzz target `map` and the tests share it.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use adapter::{Output, Resume, Translator as _};
use basix::{Config, Translator};
use bytes::Bytes;
use model::{Fact, LegState, Now, SourceId, Timestamp};

/// The frames of a stream, at most 64: each begins with the version and the tag of a tuple.
pub(crate) fn frames(stream: &[u8]) -> Vec<Bytes> {
    let pairs = stream.windows(2).enumerate().skip(1);
    let starts = pairs.filter_map(|(at, pair)| (*pair == [131, 104]).then_some(at));
    let cuts: Vec<usize> = [0]
        .into_iter()
        .chain(starts)
        .chain([stream.len()])
        .collect();
    let frame = |cut: &[usize]| Bytes::copy_from_slice(&stream[cut[0]..cut[1]]);
    cuts.windows(2).map(frame).take(64).collect()
}

/// Feeds frames a second apart, with the timers between them, a reconnect in the middle, and checks what is told:
/// no call opens twice or goes on after its end, and no leg is told outside an open call.
pub(crate) fn survives(frames: &[Bytes]) {
    let config: Config = serde_json::from_str(
        r#"{"url":"wss://pbx/basix/api/ws_cti","domain":"d","token":"t","region":"JP"}"#,
    )
    .expect("a config");
    let source = SourceId::new("tokyo").expect("a name");
    let mut translator = Translator::new(&source, &config, &Resume::default());
    let mut now = Now {
        mono: Duration::ZERO,
        wall: Timestamp::from_secs(1_774_000_000),
    };
    let mut told = Told::default();
    translator.connected(None, now, &mut Output::default());
    for (n, frame) in frames.iter().enumerate() {
        if n > 0 && n == frames.len() / 2 {
            translator.disconnected(now, &mut Output::default());
            translator.connected(None, now, &mut Output::default());
        }
        let mut out = Output::default();
        translator.frame(frame, now, &mut out);
        let facts: usize = out
            .reports
            .iter()
            .map(|report| report.observations.len())
            .sum();
        assert!(
            facts <= 4_096 + 16 * frame.len(),
            "{facts} facts of {} bytes",
            frame.len()
        );
        now.mono += Duration::from_secs(1);
        now.wall = now.wall.after(Duration::from_secs(1));
        while translator.poll_timeout().is_some_and(|due| due <= now.mono) {
            let due = translator.poll_timeout();
            translator.timeout(now, &mut out);
            assert_ne!(translator.poll_timeout(), due, "the timer never ends");
        }
        told.hear(out);
    }
}

#[derive(Default)]
struct Told {
    open: HashSet<String>,
    over: HashSet<String>,
    legs: HashMap<String, HashSet<String>>,
}

impl Told {
    fn hear(&mut self, out: Output) {
        for told in out
            .reports
            .into_iter()
            .flat_map(|report| report.observations)
        {
            match told.fact {
                Fact::Call {
                    call, opens: true, ..
                } => {
                    assert!(self.open.insert(call.to_string()), "{call} opens twice");
                }
                Fact::Leg(leg) if self.open.contains(&*leg.call) => {
                    assert!(!self.over.contains(&*leg.call), "{leg:?} after the end");
                    let legs = self.legs.entry(leg.call.to_string()).or_default();
                    if leg.state == Some(LegState::Ended) {
                        legs.remove(&*leg.leg);
                    } else {
                        legs.insert(leg.leg.to_string());
                    }
                }
                Fact::Leg(leg) => panic!("{leg:?} without a call"),
                Fact::LegMoved { from, leg, to } => {
                    let known = self
                        .legs
                        .get_mut(&*from)
                        .is_some_and(|legs| legs.remove(&*leg));
                    assert!(
                        known && self.open.contains(&*to),
                        "{leg} moves from nowhere"
                    );
                }
                Fact::CallEnded { call, .. } => {
                    assert!(self.over.insert(call.to_string()), "{call} ends twice");
                }
                _ => {}
            }
        }
    }
}
