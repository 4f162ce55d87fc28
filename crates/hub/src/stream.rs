//! What a stream says about itself: `stream.*` CloudEvents, the same over WebSocket and SSE. They are not in the log.

use std::{borrow::Cow, fmt};

use model::{Cursor, EventType, Text, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::filter::{FilterSpec, Narrowing};

/// One stream of one client; unique while the gateway runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Writes the events of one stream about itself, numbering them.
#[derive(Clone, Copy, Debug)]
pub struct Narrator {
    connection: ConnectionId,
    said: u32,
}

/// Something a stream says about itself: the `data` of a `stream.*` event.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub enum Notice<'a> {
    /// `stream.opened`: first of all.
    Opened {
        /// The id of the stream.
        connection: ConnectionId,
        /// The position at which it starts.
        cursor: Cursor,
        /// Seconds between two bookmarks.
        heartbeat_s: u64,
        /// What the server says of the subscription.
        #[serde(flatten)]
        announcement: &'a Announcement,
    },
    /// `stream.filtered`: another filter is in force.
    Filtered {
        /// The position from which it is.
        cursor: Cursor,
        /// What the server says of the subscription.
        #[serde(flatten)]
        announcement: &'a Announcement,
    },
    /// `stream.snapshot`: a page of state.
    Snapshot(&'a RawValue),
    /// `stream.live`: replay is done.
    Live {
        /// Where.
        cursor: Cursor,
    },
    /// `stream.bookmark`: everything up to the cursor was considered.
    Bookmark {
        /// Where to go on.
        cursor: Cursor,
    },
    /// `stream.reset`: the position asked for cannot be resumed.
    Reset(&'a Reset),
    /// `stream.expiring`: the token ends soon.
    Expiring {
        /// When.
        at: Timestamp,
    },
    /// `stream.error`: an RFC 9457 problem; the stream goes on.
    Error(&'a RawValue),
    /// `stream.closing`: last of all.
    Closing(&'a Closing),
}

/// What the server says of a subscription: the parts of `stream.opened` that it alone knows.
#[derive(Clone, Debug, Serialize)]
pub struct Announcement {
    /// The filter in force, as it was asked for.
    pub filter: FilterSpec,
    /// What the token is limited to.
    pub scope: Narrowing,
    /// What the token may do.
    pub scopes: Vec<&'static str>,
    /// Types that were asked for and can never come.
    pub warnings: Vec<Warning>,
}

/// A type that was asked for and can never come from a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The source.
    pub source: Text,
    /// The type.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// Why.
    pub reason: Text,
}

/// Why and between what a position cannot be resumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reset {
    /// Why.
    pub reason: ResetReason,
    /// The position that was asked for.
    pub requested: Text,
    /// The oldest position that can be resumed.
    pub oldest: Cursor,
    /// The newest position.
    pub newest: Cursor,
}

/// Why a position cannot be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ResetReason {
    /// Retention took what follows it.
    Expired,
    /// It lies in a range that was lost with the machine.
    Lost,
    /// It is of another generation of the log.
    Epoch,
    /// It is newer than the log.
    Ahead,
}

/// How a stream ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Closing {
    /// The WebSocket close code.
    pub code: u16,
    /// For people; at most 123 bytes of it fit a close frame.
    pub reason: Cow<'static, str>,
    /// True when coming back with the last cursor makes sense.
    pub retryable: bool,
}

impl Narrator {
    /// Nothing said yet.
    #[must_use]
    pub const fn new(connection: ConnectionId) -> Self {
        Self {
            connection,
            said: 0,
        }
    }

    /// The JSON of the next event.
    pub fn say(&mut self, now: Timestamp, notice: &Notice<'_>) -> Vec<u8> {
        self.said = self.said.wrapping_add(1);
        let event = StreamEvent {
            specversion: "1.0",
            id: format_args!("s-{}", self.said),
            source: format_args!("/streams/{}", self.connection),
            kind: notice.kind(),
            time: now,
            datacontenttype: "application/json",
            data: notice,
        };
        write(&event)
    }
}

impl Notice<'_> {
    /// The type of the event.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "stream.opened",
            Self::Filtered { .. } => "stream.filtered",
            Self::Snapshot(_) => "stream.snapshot",
            Self::Live { .. } => "stream.live",
            Self::Bookmark { .. } => "stream.bookmark",
            Self::Reset(_) => "stream.reset",
            Self::Expiring { .. } => "stream.expiring",
            Self::Error(_) => "stream.error",
            Self::Closing(_) => "stream.closing",
        }
    }
}

impl Closing {
    /// 4500: the reader takes too little, or nothing.
    #[must_use]
    pub fn slow(reason: &'static str) -> Self {
        Self::new(4500, reason)
    }

    /// 4501: the gateway stops.
    #[must_use]
    pub fn shutting_down() -> Self {
        Self::new(4501, "shutting down")
    }

    /// 4503: the log cannot be read.
    #[must_use]
    pub fn log_unavailable() -> Self {
        Self::new(4503, "log unavailable")
    }

    /// Of codes, 45xx invite to come back.
    #[must_use]
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            reason: reason.into(),
            retryable: (4500..4600).contains(&code),
        }
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for ConnectionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Serialize)]
struct StreamEvent<'a, 'n> {
    specversion: &'static str,
    id: fmt::Arguments<'a>,
    source: fmt::Arguments<'a>,
    #[serde(rename = "type")]
    kind: &'static str,
    time: Timestamp,
    datacontenttype: &'static str,
    data: &'a Notice<'n>,
}

#[expect(
    clippy::expect_used,
    reason = "every map key is a text and writing to memory cannot fail"
)]
fn write(event: &StreamEvent<'_, '_>) -> Vec<u8> {
    serde_json::to_vec(event).expect("an event has a JSON form")
}

#[cfg(test)]
mod tests {
    use model::Position;
    use serde_json::{Value, json};

    use super::*;

    fn said(notice: &Notice<'_>) -> Value {
        let mut narrator = Narrator::new(ConnectionId(0xabc));
        let event = narrator.say(Timestamp::from_secs(1_700_000_000), notice);
        serde_json::from_slice(&event).unwrap()
    }

    fn cursor() -> Cursor {
        "k3v9q2xw-0000000000000007".parse().unwrap()
    }

    #[test]
    fn a_stream_speaks_cloud_events_of_its_own() {
        assert_eq!(
            said(&Notice::Live { cursor: cursor() }),
            json!({
                "specversion": "1.0", "id": "s-1", "source": "/streams/0000000000000abc", "type": "stream.live",
                "time": "2023-11-14T22:13:20Z", "datacontenttype": "application/json",
                "data": {"cursor": "k3v9q2xw-0000000000000007"},
            })
        );
    }

    #[test]
    fn the_opening_tells_filter_scope_and_warnings() {
        let announcement = Announcement {
            filter: FilterSpec::default(),
            scope: Narrowing {
                tenants: Some(vec!["acme".into()]),
                ..Narrowing::none()
            },
            scopes: vec!["events:read"],
            warnings: vec![Warning {
                source: "hq".into(),
                kind: EventType::CallHeld,
                reason: "the source cannot tell".into(),
            }],
        };
        let opened = Notice::Opened {
            connection: ConnectionId(1),
            cursor: cursor().epoch.at(Position(7)),
            heartbeat_s: 30,
            announcement: &announcement,
        };
        assert_eq!(
            said(&opened)["data"],
            json!({
                "connection": "0000000000000001", "cursor": "k3v9q2xw-0000000000000007", "heartbeat_s": 30,
                "filter": {"payload": true}, "scope": {"tenants": ["acme"]}, "scopes": ["events:read"],
                "warnings": [{"source": "hq", "type": "call.held", "reason": "the source cannot tell"}],
            })
        );
    }

    #[test]
    fn only_45xx_invite_to_come_back() {
        assert!(Closing::slow("").retryable && Closing::shutting_down().retryable);
        assert!(!Closing::new(4401, "token withdrawn").retryable);
    }
}
