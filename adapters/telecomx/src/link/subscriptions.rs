//! Which channels are subscribed to, which are refused, and when to ask again. Pure: times are handed in.
//!
//! A refusal is documented nowhere. An acknowledgement may tell one; else silence does. It is asked once more, and then
//! the channel is given up until the next connection.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::wire::Channel;

const CONFIRM: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_secs(30);
/// The first question and one more.
const TRIES: u32 = 2;

/// The channels of one session.
#[derive(Debug)]
pub(super) struct Subscriptions(Vec<Subscription>);

#[derive(Debug)]
struct Subscription {
    channel: Channel,
    state: State,
    tries: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// To be asked for from then on.
    Due(Instant),
    /// Asked for; a refusal if nothing comes until then.
    Asked(Instant),
    Confirmed,
    GivenUp,
}

impl Subscriptions {
    pub(super) fn new(channels: &[Channel], now: Instant) -> Self {
        let due = |channel: &Channel| Subscription {
            channel: *channel,
            state: State::Due(now),
            tries: 0,
        };
        Self(channels.iter().map(due).collect())
    }

    /// The channels to ask for now.
    pub(super) fn due_now(&mut self, now: Instant) -> Vec<Channel> {
        let mut channels = Vec::new();
        for subscription in &mut self.0 {
            if matches!(subscription.state, State::Due(at) if at <= now) {
                subscription.state = State::Asked(now + CONFIRM);
                subscription.tries += 1;
                channels.push(subscription.channel);
            }
        }
        channels
    }

    /// The server confirms the channel of that name; without a name the one that waits longest.
    pub(super) fn confirmed(&mut self, name: Option<&str>) -> Option<Bytes> {
        let waits = |subscription: &&mut Subscription| match name {
            Some(name) => subscription.channel.as_str() == name,
            None => matches!(subscription.state, State::Asked(_)),
        };
        let subscription = self.0.iter_mut().find(waits)?;
        if subscription.state == State::Confirmed {
            return None;
        }
        subscription.state = State::Confirmed;
        let channel = subscription.channel.as_str();
        Some(told(&json!({"channel": channel, "ok": true})))
    }

    /// The server refuses a channel that it was asked for.
    pub(super) fn refused(&mut self, channel: Channel, error: &str, now: Instant) -> Option<Bytes> {
        let asked = |subscription: &&mut Subscription| {
            subscription.channel == channel && matches!(subscription.state, State::Asked(_))
        };
        Some(self.0.iter_mut().find(asked)?.fail(error, now))
    }

    /// Channels of which nothing was heard in time.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<Bytes> {
        let overdue = self.0.iter_mut().filter(
            |subscription| matches!(subscription.state, State::Asked(until) if until <= now),
        );
        let error = format!("not confirmed within {} s", CONFIRM.as_secs());
        overdue
            .map(|subscription| subscription.fail(&error, now))
            .collect()
    }

    /// When to look again.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = |subscription: &Subscription| match subscription.state {
            State::Due(at) | State::Asked(at) => Some(at),
            State::Confirmed | State::GivenUp => None,
        };
        self.0.iter().filter_map(due).min()
    }
}

impl Subscription {
    fn fail(&mut self, error: &str, now: Instant) -> Bytes {
        let is_final = self.tries >= TRIES;
        self.state = if is_final {
            State::GivenUp
        } else {
            State::Due(now + AGAIN)
        };
        let channel = self.channel.as_str();
        told(&json!({"channel": channel, "ok": false, "error": error, "final": is_final}))
    }
}

fn told(what: &Value) -> Bytes {
    json!(["#subscribed", what]).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn read(frame: &Bytes) -> Value {
        serde_json::from_slice::<Value>(frame).unwrap()[1].clone()
    }

    #[test]
    fn a_channel_that_nobody_confirms_is_asked_for_twice() {
        let start = Instant::now();
        let mut subscriptions = Subscriptions::new(&[Channel::Pbx, Channel::Call], start);
        assert_eq!(subscriptions.due_now(start), [Channel::Pbx, Channel::Call]);
        assert_eq!(subscriptions.due_now(start), []);
        let confirmed = subscriptions.confirmed(Some("PBX")).unwrap();
        assert_eq!(read(&confirmed), json!({"channel": "PBX", "ok": true}));
        assert_eq!(subscriptions.confirmed(Some("PBX")), None);
        assert_eq!(subscriptions.confirmed(Some("MOON")), None);

        assert_eq!(subscriptions.due(), Some(start + secs(10)));
        let [told] = &subscriptions.overdue(start + secs(10))[..] else {
            panic!()
        };
        let expected = json!({"channel": "CALL", "ok": false, "error": "not confirmed within 10 s", "final": false});
        assert_eq!(read(told), expected);

        assert_eq!(subscriptions.due(), Some(start + secs(40)));
        assert_eq!(subscriptions.due_now(start + secs(40)), [Channel::Call]);
        let refused = subscriptions
            .refused(Channel::Call, "no", start + secs(41))
            .unwrap();
        assert_eq!(read(&refused)["final"], true);
        assert_eq!(subscriptions.due(), None);
        // Better late than never.
        assert_eq!(
            read(&subscriptions.confirmed(Some("CALL")).unwrap())["ok"],
            true
        );
    }

    #[test]
    fn a_confirmation_without_a_name_is_for_the_first_who_waits() {
        let start = Instant::now();
        let mut subscriptions = Subscriptions::new(&[Channel::Pbx, Channel::Call], start);
        subscriptions.due_now(start);
        for channel in ["PBX", "CALL"] {
            assert_eq!(
                read(&subscriptions.confirmed(None).unwrap())["channel"],
                channel
            );
        }
        assert_eq!(subscriptions.confirmed(None), None);
    }
}
