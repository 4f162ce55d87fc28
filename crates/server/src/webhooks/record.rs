//! What is kept of a delivery that was not simply made: retries, dead letters, what expired.

use bytes::Bytes;
use model::{EventType, Position, Text, Timestamp};
use serde::{Deserialize, Serialize};

use super::client::Attempt;

/// A delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The type of the event.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// What has become of it.
    pub status: Status,
    /// The lane.
    pub lane: u64,
    /// Since when it is to be delivered.
    #[serde(default)]
    pub since: Timestamp,
    /// Every attempt, the latest last.
    pub attempts: Vec<Made>,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// The beginning of the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// What has become of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is tried again, or waits for one that is.
    Pending,
    /// The receiver has it.
    Delivered,
    /// It is given up: a dead letter.
    Failed,
    /// It was worthless before it could be sent.
    Expired,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// When.
    pub at: Timestamp,
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took.
    pub latency_ms: u64,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Failed, Self::Expired];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

impl Record {
    /// A delivery that was not tried yet.
    #[must_use]
    pub const fn new(kind: EventType, lane: u64, since: Timestamp) -> Self {
        Self {
            kind,
            status: Status::Pending,
            lane,
            since,
            attempts: Vec::new(),
            due: None,
            answer: None,
        }
    }

    /// Adds an attempt.
    pub fn tried(&mut self, attempt: &Attempt, now: Timestamp) {
        self.attempts.push(Made {
            at: now.before(attempt.took),
            status: attempt.status,
            error: attempt.error.clone(),
            latency_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
        });
        let answer = String::from_utf8_lossy(&attempt.answer);
        self.answer = (!answer.is_empty()).then(|| answer.into_owned());
    }

    /// Notes why it is not tried any more, where no answer says so.
    pub fn gave_up(&mut self, why: &str, now: Timestamp) {
        self.attempts.push(Made {
            at: now,
            status: None,
            error: Some(why.to_owned()),
            latency_ms: 0,
        });
    }

    /// As it is kept.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// The shelf of an endpoint's deliveries.
#[must_use]
pub fn shelf(endpoint: &str) -> Text {
    format!("delivery/{endpoint}").into()
}

/// The key of a delivery: in the order of events.
#[must_use]
pub fn key(position: Position) -> Text {
    position.to_string().into()
}

/// The position that a key stands for.
#[must_use]
pub fn position(key: &str) -> Option<Position> {
    u64::from_str_radix(key, 16).ok().map(Position)
}
