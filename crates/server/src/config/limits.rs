//! `[limits]`: how much of everything.

use std::time::Duration;

use super::{
    reader::Reader,
    units::{Period, Size},
};

/// How much of everything. Each limit has a clear answer for whoever meets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open streams in all.
    pub streams: u32,
    /// Open streams of one token.
    pub streams_per_token: u32,
    /// Open streams whose token is owed.
    pub streams_without_token: u32,
    /// Connections from one address.
    pub connections_per_address: u32,
    /// What all streams together may lag.
    pub stream_memory: Size,
    /// Requests of one token in a second.
    pub requests_per_s: u32,
    /// Open calls of one source.
    pub open_calls_per_source: u32,
    /// Webhooks in all.
    pub webhooks: u32,
    /// The body of a request.
    pub body: Size,
    /// The headers of a request.
    pub headers: Size,
    /// How long a client may take to send its headers.
    pub header_time: Duration,
}

impl Limits {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let count = 1..=10_000_000;
        let room = Size::kib(1)..=Size::mib(64);
        let time = Period::secs(1)..=Period::secs(600);
        Self {
            streams: reader.count("streams", 20_000, count.clone()),
            streams_per_token: reader.count("streams_per_token", 100, count.clone()),
            streams_without_token: reader.count("streams_without_token", 1_000, count.clone()),
            connections_per_address: reader.count("connections_per_address", 1_000, count.clone()),
            stream_memory: reader.within(
                "stream_memory",
                Size::mib(512),
                Size::mib(1)..=Size::gib(1_024),
            ),
            requests_per_s: reader.count("requests_per_s", 200, count.clone()),
            open_calls_per_source: reader.count("open_calls_per_source", 100_000, count.clone()),
            webhooks: reader.count("webhooks", 1_000, count),
            body: reader.within("body", Size::kib(256), room.clone()),
            headers: reader.within("headers", Size::kib(16), room),
            header_time: reader.within("header_time", Period::secs(10), time).0,
        }
    }
}
