//! Packets over one WebSocket: read with what is wrong with them counted and told of, and written.

use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};

use adapter::{
    Direction, LinkError, Tap,
    redact::redact,
    socket::{Frame, Socket},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::json;
use tokio::time::Instant;

use super::{
    meter::{Meter, Tally},
    packet::{Bad, Decoder, Engine, Heard},
};

/// Frames taken at once.
pub(super) const BATCH: usize = 256;
/// So many unreadable packets in a minute are more than an accident.
const ALARM: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);
/// An unreadable packet is quoted up to here.
const QUOTE: usize = 16 << 10;

/// A socket that speaks Engine.IO.
pub(super) struct Wire {
    socket: Socket,
    decoder: Decoder,
    limit: usize,
    bads: Bads,
    tap: Arc<dyn Tap>,
    pub(super) meter: Arc<Meter>,
    /// What is for the gateway, and was not handed on yet.
    pub(super) frames: Vec<Bytes>,
}

/// What a batch of frames held, and how the socket ended if it did.
pub(super) struct Batch {
    pub(super) frames: Vec<Frame>,
    pub(super) end: Option<LinkError>,
}

impl Wire {
    pub(super) fn new(socket: Socket, limit: usize, tap: Arc<dyn Tap>, meter: Arc<Meter>) -> Self {
        Self {
            socket,
            decoder: Decoder::new(Engine::V4, limit),
            limit,
            bads: Bads::default(),
            tap,
            meter,
            frames: Vec::new(),
        }
    }

    /// From now on frames are read as those of this version.
    pub(super) fn speak(&mut self, engine: Engine) {
        self.decoder = Decoder::new(engine, self.limit);
    }

    /// Waits for frames and takes some, pinging a peer that says nothing. Safe to cancel.
    pub(super) async fn batch(&mut self) -> Batch {
        poll_fn(|cx| {
            let mut frames = Vec::new();
            let mut end = None;
            while frames.len() < BATCH {
                match self.socket.poll_frame(cx) {
                    Poll::Ready(Ok(frame)) => frames.push(frame),
                    Poll::Ready(Err(error)) => {
                        end = Some(error);
                        break;
                    }
                    Poll::Pending => break,
                }
            }
            if frames.is_empty()
                && end.is_none()
                && let Poll::Ready(error) = self.socket.poll_idle(cx)
            {
                end = Some(error);
            }
            if frames.is_empty() && end.is_none() {
                return Poll::Pending;
            }
            Poll::Ready(Batch { frames, end })
        })
        .await
    }

    /// The next packet that says something, while a session begins. Pings are answered. Safe to cancel.
    pub(super) async fn next(&mut self) -> Result<Heard, LinkError> {
        loop {
            let frame = poll_fn(|cx| self.socket.poll_frame(cx)).await?;
            match self.read(&frame) {
                Heard::Ping(data) => self.pong(&data).await?,
                Heard::Pong | Heard::Nothing => {}
                heard => return Ok(heard),
            }
        }
    }

    /// What a frame says. What is wrong with it becomes a frame for the gateway.
    pub(super) fn read(&mut self, frame: &Frame) -> Heard {
        let read = match frame {
            Frame::Text(text) => self.decoder.text(text),
            Frame::Binary(bytes) => self.decoder.binary(bytes),
        };
        if let Some(bad) = self.decoder.abandoned() {
            self.bad(&bad);
        }
        read.unwrap_or_else(|bad| {
            self.bad(&bad);
            Heard::Nothing
        })
    }

    /// Hands on an event.
    pub(super) fn hand_on(&mut self, event: Bytes) {
        self.frames.push(redact(event));
    }

    /// Hands on a packet that cannot be read.
    pub(super) fn bad(&mut self, bad: &Bad) {
        self.meter.unreadable(bad.error.kind());
        let frame = self.bads.report(bad, Instant::now());
        self.frames.push(redact(frame));
    }

    pub(super) async fn pong(&mut self, data: &[u8]) -> Result<(), LinkError> {
        let pong = [b"3", data].concat();
        self.socket.send(pong.into()).await
    }

    pub(super) async fn ping(&mut self) -> Result<(), LinkError> {
        self.socket.send(Bytes::from_static(b"2")).await
    }

    /// Sends an event. What is shown of it may differ, where it holds a secret.
    pub(super) async fn emit(
        &mut self,
        ack: Option<u64>,
        args: &str,
        shown: &str,
    ) -> Result<(), LinkError> {
        self.tap.frame(Direction::Sent, shown.as_bytes());
        self.socket
            .send(super::packet::event(ack, args).into())
            .await
    }

    /// Sends a packet that is no event.
    pub(super) async fn say(&mut self, packet: &'static str) -> Result<(), LinkError> {
        self.socket
            .send(Bytes::from_static(packet.as_bytes()))
            .await
    }

    /// Says goodbye, as far as the peer listens. What was announced and did not come is told of.
    pub(super) async fn close(&mut self) {
        self.decoder.end();
        if let Some(bad) = self.decoder.abandoned() {
            self.bad(&bad);
        }
        self.socket.close().await;
    }

    /// Unreadable packets by kind.
    pub(super) fn counts(&self) -> &Tally {
        &self.bads.kinds
    }
}

/// Unreadable packets of one session.
#[derive(Debug, Default)]
struct Bads {
    kinds: Tally,
    /// When the minute began in which they are counted.
    since: Option<Instant>,
    in_minute: u32,
}

impl Bads {
    /// Counts one, and writes it down for the gateway.
    fn report(&mut self, bad: &Bad, now: Instant) -> Bytes {
        let kind = bad.error.kind();
        *self.kinds.entry(kind).or_default() += 1;
        if self.since.is_none_or(|since| now - since >= MINUTE) {
            self.since = Some(now);
            self.in_minute = 0;
        }
        self.in_minute += 1;
        let mut told = json!({
            "kind": kind,
            "error": bad.error.to_string(),
            "bytes": bad.frame.len(),
        });
        let cut = bad.frame.len().min(QUOTE);
        match std::str::from_utf8(&bad.frame[..cut]) {
            Ok(text) => told["text"] = text.into(),
            // A character cut in two is text all the same.
            Err(error) if error.error_len().is_none() && cut < bad.frame.len() => {
                let text = String::from_utf8_lossy(&bad.frame[..error.valid_up_to()]);
                told["text"] = text.into();
            }
            Err(_) => told["base64"] = STANDARD.encode(&bad.frame[..cut]).into(),
        }
        if self.in_minute == ALARM + 1 {
            tracing::warn!(kinds = ?self.kinds, "more than {ALARM} unreadable packets in a minute");
            told["alarm"] = true.into();
        }
        json!(["#bad", told]).to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{super::packet::Malformed, *};

    #[test]
    fn a_bad_packet_is_told_of_with_what_it_was() {
        let mut bads = Bads::default();
        let now = Instant::now();
        let mut report = |frame: &[u8]| -> Value {
            let frame = Bytes::copy_from_slice(frame);
            let bad = Bad {
                error: Malformed::NotJson,
                frame,
            };
            let told: Value = serde_json::from_slice(&bads.report(&bad, now)).unwrap();
            assert_eq!(told[0], "#bad");
            told[1].clone()
        };
        let told = report(b"42[");
        assert_eq!(
            told,
            json!({"kind": "not_json", "error": "not JSON", "bytes": 3, "text": "42["})
        );
        assert_eq!(report(&[0xFF, 0x00])["base64"], "/wA=");
        let long = "\u{e6}".repeat(QUOTE);
        let told = report(format!("x{long}").as_bytes());
        assert_eq!(told["bytes"], 2 * QUOTE + 1);
        assert_eq!(told["text"].as_str().map(str::len), Some(QUOTE - 1));
    }

    #[test]
    fn the_alarm_is_raised_once_a_minute() {
        let mut bads = Bads::default();
        let start = Instant::now();
        let bad = Bad {
            error: Malformed::Empty,
            frame: Bytes::new(),
        };
        let mut alarms = |from: Instant, count: u32| {
            let told = (0..count).map(|_| bads.report(&bad, from));
            told.filter(|frame| frame.windows(5).any(|part| part == b"alarm"))
                .count()
        };
        assert_eq!(alarms(start, ALARM), 0);
        assert_eq!(alarms(start, 100), 1);
        assert_eq!(alarms(start + MINUTE, ALARM), 0);
        assert_eq!(alarms(start + MINUTE, 1), 1);
        assert_eq!(bads.kinds["empty"], u64::from(2 * ALARM + 101));
    }
}
