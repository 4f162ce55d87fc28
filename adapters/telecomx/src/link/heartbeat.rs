//! Who says that they live, and when they are taken for dead. Pure: times are handed in.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::packet::Engine;

/// What the server says of itself when a session begins.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Handshake {
    /// Milliseconds between pings.
    #[serde(default = "ping_interval")]
    ping_interval: u64,
    /// Milliseconds that the other side may take to answer.
    #[serde(default = "ping_timeout")]
    ping_timeout: u64,
    /// The longest message that the server takes, in bytes.
    #[serde(default)]
    pub(super) max_payload: Option<usize>,
}

/// The heartbeat of one session.
#[derive(Debug)]
pub(super) struct Heartbeat {
    engine: Engine,
    interval: Duration,
    patience: Duration,
    heard: Instant,
    /// When our last ping went out, Engine.IO 3 only.
    pinged: Instant,
    answered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Nothing is due.
    Wait,
    /// A ping of ours is due.
    Ping,
    /// Nothing was heard for so long.
    Dead(Duration),
}

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(120);

impl Heartbeat {
    pub(super) fn new(engine: Engine, handshake: &Handshake, now: Instant) -> Self {
        let interval = Duration::from_millis(handshake.ping_interval);
        let timeout = Duration::from_millis(handshake.ping_timeout);
        let (interval, patience) = match engine {
            Engine::V4 => (interval, interval.saturating_add(timeout)),
            // Pings of ours may be as frequent as the server likes, short of a flood.
            Engine::V3 => (interval.clamp(Duration::from_millis(100), LONGEST), timeout),
        };
        Self {
            engine,
            interval,
            patience: patience.clamp(SHORTEST, LONGEST),
            heard: now,
            pinged: now,
            answered: true,
        }
    }

    /// How long silence may last.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Whether it is for us to ping, so that pongs are expected.
    pub(super) fn pings(&self) -> bool {
        self.engine == Engine::V3
    }

    /// A frame came. Any counts: a pong may wait behind a thousand events.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.answered = true;
    }

    /// How long ago our ping went out, when a pong comes.
    pub(super) fn round_trip(&self, now: Instant) -> Option<Duration> {
        let ours = self.engine == Engine::V3;
        ours.then(|| now.saturating_duration_since(self.pinged))
    }

    /// When to look again.
    pub(super) fn due(&self) -> Instant {
        match (self.engine, self.answered) {
            (Engine::V4, _) => self.heard + self.patience,
            (Engine::V3, true) => self.pinged + self.interval,
            (Engine::V3, false) => self.pinged + self.patience,
        }
    }

    /// What is to be done now.
    pub(super) fn beat(&mut self, now: Instant) -> Beat {
        if now < self.due() {
            return Beat::Wait;
        }
        match (self.engine, self.answered) {
            (Engine::V3, true) => {
                self.pinged = now;
                self.answered = false;
                Beat::Ping
            }
            (Engine::V4, _) | (Engine::V3, false) => {
                Beat::Dead(now.saturating_duration_since(self.heard))
            }
        }
    }
}

fn ping_interval() -> u64 {
    25_000
}

fn ping_timeout() -> u64 {
    20_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn handshake(text: &str) -> Handshake {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn engine_4_waits_for_the_pings_of_the_server() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(Engine::V4, &handshake("{}"), start);
        assert_eq!(heartbeat.due(), start + secs(45));
        assert_eq!(heartbeat.beat(start + secs(44)), Beat::Wait);
        heartbeat.heard(start + secs(25));
        assert_eq!(heartbeat.beat(start + secs(69)), Beat::Wait);
        assert_eq!(heartbeat.beat(start + secs(70)), Beat::Dead(secs(45)));
    }

    #[test]
    fn engine_3_pings_and_waits_for_a_sign() {
        let start = Instant::now();
        let shake = handshake(r#"{"pingInterval":25000,"pingTimeout":5000,"sid":"x"}"#);
        let mut heartbeat = Heartbeat::new(Engine::V3, &shake, start);
        assert_eq!(heartbeat.beat(start + secs(24)), Beat::Wait);
        assert_eq!(heartbeat.beat(start + secs(25)), Beat::Ping);
        assert_eq!(heartbeat.beat(start + secs(29)), Beat::Wait);
        heartbeat.heard(start + secs(29));
        assert_eq!(heartbeat.beat(start + secs(31)), Beat::Wait);
        assert_eq!(heartbeat.beat(start + secs(50)), Beat::Ping);
        assert_eq!(heartbeat.beat(start + secs(55)), Beat::Dead(secs(26)));
    }

    #[test]
    fn no_handshake_makes_us_flood_or_wait_for_ever() {
        let start = Instant::now();
        for (text, v4, v3) in [
            (
                r#"{"pingInterval":0,"pingTimeout":0}"#,
                secs(1),
                Duration::from_millis(100),
            ),
            (
                r#"{"pingInterval":18446744073709551615,"pingTimeout":1}"#,
                secs(120),
                secs(120),
            ),
        ] {
            let shake = handshake(text);
            assert_eq!(Heartbeat::new(Engine::V4, &shake, start).due(), start + v4);
            assert_eq!(Heartbeat::new(Engine::V3, &shake, start).due(), start + v3);
        }
    }
}
