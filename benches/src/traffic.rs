//! Native frames: documented ones of PortSIP 22, with the ids and times of each round in their place.

use std::{str::FromStr, time::Duration};

use bytes::Bytes;
use model::{Now, Timestamp};

use crate::Failure;

/// Frames in a batch: what the writer finds waiting under load, and a whole number of calls.
pub const BATCH: usize = 60;

/// What the PBX has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// An extension comes and goes: each frame is one event.
    Presence,
    /// Calls through an IVR and a queue to an agent, one after another, each with its record.
    Call,
}

/// Second 0, shortly before the call in the samples.
const START: i64 = 1_725_845_640;
/// The time in the samples without its last two digits.
const CENTURY: i64 = 17_258_456;
/// From one call to the next: more than a call that ended is remembered.
const ROUND: i64 = 60;

const SNAPSHOTS: &str = include_str!("snapshots.jsonl");
const CALL: &str = include_str!("call.jsonl");
const PRESENCE: &str = concat!(
    r#"{"event_type":"extension_presence","extension":"sip:102@test.com","extension_id":"883612000000000000","#,
    r#""presence":"{presence}","presence_note":"Back at ten","tenant_id":"883611252155219968","time":"{time}"}"#
);

impl Traffic {
    /// All traffic.
    pub const ALL: [Self; 2] = [Self::Presence, Self::Call];

    /// Its name on the command line and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Call => "call",
        }
    }

    /// The frames of a batch, each with the moment of its arrival.
    #[must_use]
    pub fn batch(self, n: usize) -> Vec<(Now, Bytes)> {
        let first = n * BATCH;
        match self {
            Self::Presence => (first..first + BATCH).map(presence).collect(),
            Self::Call => {
                let calls = BATCH / CALL.lines().count();
                (n * calls..(n + 1) * calls).flat_map(call).collect()
            }
        }
    }
}

impl FromStr for Traffic {
    type Err = Failure;

    fn from_str(name: &str) -> Result<Self, Failure> {
        let found = Self::ALL.into_iter().find(|traffic| traffic.name() == name);
        found.ok_or_else(|| format!("no such traffic: `{name}`").into())
    }
}

/// What the PBX answers to the subscriptions.
pub(crate) fn snapshots() -> impl Iterator<Item = Bytes> {
    SNAPSHOTS
        .lines()
        .map(|line| Bytes::from_static(line.as_bytes()))
}

/// The moment so many seconds after the start.
pub(crate) fn at(secs: i64) -> Now {
    Now {
        mono: Duration::from_secs(secs.unsigned_abs()),
        wall: Timestamp::from_secs(START + secs),
    }
}

fn presence(n: usize) -> (Now, Bytes) {
    let secs = 2 + seconds(n);
    let word = if n.is_multiple_of(2) {
        "AWAY"
    } else {
        "ONLINE"
    };
    let time = (START + secs).to_string();
    let frame = PRESENCE
        .replace("{presence}", word)
        .replace("{time}", &time);
    (at(secs), frame.into())
}

/// One call. Times in the samples are between second 40 and 69 of their century.
fn call(n: usize) -> impl Iterator<Item = (Now, Bytes)> {
    let shift = seconds(n) * ROUND;
    CALL.lines().map(move |line| {
        let mut line = line
            .replace("88533724827327", &format!("{:014}", 88_533_724_827_327 + n))
            .replace("zw6DDIua5lyVCtcLsI1G", &format!("zw6DDIua5lyV{n:08}"));
        let mut latest = 0;
        for second in 40..70 {
            let sample = format!("\"{CENTURY}{second}\"");
            if line.contains(&sample) {
                latest = CENTURY * 100 + second - START;
                // Marked for the moment, so that no time is shifted twice.
                let shifted = format!("\"\u{0}{}\"", CENTURY * 100 + second + shift);
                line = line.replace(&sample, &shifted);
            }
        }
        (at(latest + shift), line.replace('\u{0}', "").into())
    })
}

fn seconds(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
