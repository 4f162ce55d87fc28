//! A session that stands: one task owns the socket, keeps the heartbeat, and never waits for whoever takes the frames.
//!
//! When the gateway does not take what is told, the socket is simply not read for a while. That cannot last: a server
//! whose pings are not answered hangs up, and what it tells meanwhile gets old. So the session ends by itself, and the
//! next one begins with a snapshot.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use adapter::{redact::redact, socket::Frame};

use super::{
    exit::Exit,
    heartbeat::{Beat, Heartbeat},
    meter::{Meter, Tally},
    open::{Opened, name_of, quote},
    packet::{Bad, Heard, Malformed},
    queue::Queue,
    subscriptions::Subscriptions,
    wire::{BATCH, Batch, Wire},
};
use crate::{config::Config, wire::Channel};

/// Answers that may be waited for.
const ACKS: usize = 10_000;
/// How long an answer may take, unless told otherwise.
pub(super) const ACK: Duration = Duration::from_secs(10);
/// How long the gateway may be behind, whatever the server would bear.
const BEHIND: Duration = Duration::from_secs(10);

/// An event to send.
#[derive(Debug)]
pub(super) struct Emit {
    /// A JSON array that begins with the name.
    pub(super) args: String,
    /// Under which name the answer is waited for, and how long.
    pub(super) ack: Option<(String, Duration)>,
}

pub(super) struct Session {
    wire: Wire,
    heartbeat: Heartbeat,
    /// The longest message that the server takes.
    max_payload: usize,
    /// How long the gateway may be behind.
    patience: Duration,
    config: Config,
    subscriptions: Subscriptions,
    acks: BTreeMap<u64, Ack>,
    next_ack: u64,
    /// Events since they were last counted, by name.
    heard: Tally,
    /// Since when the socket was not read to its end.
    behind: Option<Instant>,
    queue: Arc<Queue>,
    emits: mpsc::Receiver<Emit>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Ack {
    until: Instant,
    of: Asked,
}

#[derive(Debug)]
enum Asked {
    Emit(String),
    Subscribe(Channel),
}

impl Session {
    pub(super) fn new(
        opened: Opened,
        config: &Config,
        queue: Arc<Queue>,
        emits: mpsc::Receiver<Emit>,
        stop: CancellationToken,
    ) -> Self {
        let Opened {
            wire,
            engine,
            handshake,
        } = opened;
        let now = Instant::now();
        let heartbeat = Heartbeat::new(engine, &handshake, now);
        wire.meter.session(&queue, now);
        Self {
            wire,
            max_payload: handshake.max_payload.unwrap_or(usize::MAX),
            patience: (heartbeat.patience() / 2).min(BEHIND),
            heartbeat,
            subscriptions: Subscriptions::new(&config.known_channels(), now),
            config: config.clone(),
            acks: BTreeMap::new(),
            next_ack: 1,
            heard: Tally::new(),
            behind: None,
            queue,
            emits,
            stop,
        }
    }

    /// Runs to the end of the session, and closes the socket whatever the end was.
    pub(super) async fn run(mut self, name: String) {
        let exit = loop {
            if let Err(exit) = self.turn().await {
                break exit;
            }
            self.hand_on();
        };
        if matches!(exit, Exit::Shutdown) {
            // Who takes no farewell is left without one.
            let _ = self.wire.say("41").await;
        }
        self.wire.meter.exit(&exit);
        self.wire.close().await;
        self.hand_on();
        tracing::info!(
            session = name,
            end = ?exit,
            unreadable = ?self.wire.counts(),
            most_waiting = self.queue.depth().1,
            "a session ended"
        );
        self.queue.end(exit.error(&name));
    }

    /// Does one thing.
    async fn turn(&mut self) -> Result<(), Exit> {
        let room = self.queue.has_room();
        if !room {
            self.behind.get_or_insert_with(Instant::now);
        }
        let due = self.due();
        let step = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Exit::Shutdown),
            Some(emit) = self.emits.recv() => Step::Emit(emit),
            batch = self.wire.batch(), if room => Step::Read(batch),
            () = self.queue.room(), if !room => return Ok(()),
            () = sleep_until(due) => Step::Time,
        };
        match step {
            Step::Emit(emit) => self.emit(emit).await,
            Step::Read(batch) => self.read(batch).await,
            Step::Time => self.time(room).await,
        }
    }

    fn due(&self) -> Instant {
        let acks = self.acks.values().map(|ack| ack.until).min();
        let behind = self.behind.map(|since| since + self.patience);
        let others = [acks, behind, self.subscriptions.due()];
        let due = self.heartbeat.due();
        others.into_iter().flatten().fold(due, Instant::min)
    }

    async fn read(&mut self, batch: Batch) -> Result<(), Exit> {
        let now = Instant::now();
        if !batch.frames.is_empty() {
            self.heartbeat.heard(now);
        }
        self.behind = match batch.frames.len() {
            BATCH => self.behind.or(Some(now)),
            _ => None,
        };
        for frame in &batch.frames {
            self.frame(frame, now).await?;
        }
        self.wire.meter.events(&mut self.heard);
        batch.end.map_or(Ok(()), |error| Err(error.into()))
    }

    async fn frame(&mut self, frame: &Frame, now: Instant) -> Result<(), Exit> {
        match self.wire.read(frame) {
            Heard::Event(args) => self.event(args)?,
            Heard::Ack { id, args } => self.ack(id, &args, now),
            Heard::Ping(data) => {
                self.wire.meter.beat(now, None);
                self.wire.pong(&data).await?;
            }
            Heard::Pong if self.heartbeat.pings() => {
                let round_trip = self.heartbeat.round_trip(now);
                self.wire.meter.beat(now, round_trip);
            }
            Heard::Nothing => {}
            Heard::Close => return Err(Exit::EngineClose),
            Heard::Disconnect => return Err(Exit::NamespaceGone),
            Heard::Refused(said) => return Err(Exit::Refused(quote(&said))),
            Heard::Pong | Heard::Open(_) | Heard::Connect(_) => {
                let (Frame::Text(bytes) | Frame::Binary(bytes)) = frame;
                self.wire.bad(&Bad {
                    error: Malformed::OutOfPlace,
                    frame: bytes.clone(),
                });
            }
        }
        Ok(())
    }

    fn event(&mut self, args: Bytes) -> Result<(), Exit> {
        let name = name_of(&args);
        let word = Meter::word(name.as_deref().unwrap_or_default());
        *self.heard.entry(word).or_default() += 1;
        match name.as_deref() {
            Some("subscribed") => {
                let said: Value = serde_json::from_slice(&args).unwrap_or_default();
                let channel = said.get(1).and_then(|said| said.get("type")?.as_str());
                let told = self.subscriptions.confirmed(channel);
                self.wire.hand_on(args);
                self.wire.frames.extend(told);
            }
            Some("unauthorized") => return Err(Exit::AuthFailed(quote(&args))),
            _ => self.wire.hand_on(args),
        }
        Ok(())
    }

    fn ack(&mut self, id: u64, args: &[u8], now: Instant) {
        match self.acks.remove(&id).map(|ack| ack.of) {
            Some(Asked::Emit(name)) => {
                let name = Value::from(name);
                let args = String::from_utf8_lossy(args);
                let told = format!(r##"["#ack",{{"id":{name},"args":{args}}}]"##);
                self.wire.frames.push(redact(told.into()));
            }
            Some(Asked::Subscribe(channel)) => {
                if let Some(error) = refusal(args) {
                    let told = self.subscriptions.refused(channel, &error, now);
                    self.wire.frames.extend(told);
                }
            }
            // Asked once, answered too late.
            None if id < self.next_ack => self.wire.meter.late_ack(),
            None => self.wire.bad(&Bad {
                error: Malformed::StrayAck,
                frame: super::packet::ack(id, &String::from_utf8_lossy(args)).into(),
            }),
        }
    }

    async fn emit(&mut self, emit: Emit) -> Result<(), Exit> {
        let Emit { args, ack } = emit;
        let problem = if args.len() + 24 > self.max_payload {
            Some("longer than the server takes")
        } else if self.acks.len() >= ACKS {
            Some("too many answers are waited for")
        } else {
            None
        };
        if let Some(problem) = problem {
            if let Some((name, _)) = ack {
                self.wire.frames.push(no_ack(&name, problem));
            } else {
                tracing::warn!(problem, "an event is not sent");
            }
            return Ok(());
        }
        let id = ack.map(|(name, limit)| self.expect(Asked::Emit(name), Instant::now() + limit));
        let shown = redact(args.clone().into());
        let shown = String::from_utf8_lossy(&shown);
        Ok(self.wire.emit(id, &args, &shown).await?)
    }

    fn expect(&mut self, of: Asked, until: Instant) -> u64 {
        let id = self.next_ack;
        self.next_ack += 1;
        self.acks.insert(id, Ack { until, of });
        id
    }

    /// Does what is due.
    async fn time(&mut self, room: bool) -> Result<(), Exit> {
        let now = Instant::now();
        match self.heartbeat.beat(now) {
            Beat::Ping => self.wire.ping().await?,
            // While the socket is not read nobody knows.
            Beat::Dead(silent) if room => return Err(Exit::Liveness(silent)),
            Beat::Dead(_) => self.heartbeat.heard(now),
            Beat::Wait => {}
        }
        if let Some(since) = self.behind
            && now >= since + self.patience
        {
            if !room {
                return Err(Exit::Overflow(now - since));
            }
            self.behind = None;
        }
        self.expire(now);
        self.wire.frames.extend(self.subscriptions.overdue(now));
        for channel in self.subscriptions.due_now(now) {
            let args = json!(["subscribe", channel.subscription(&self.config)]).to_string();
            let id = self.expect(Asked::Subscribe(channel), now + ACK);
            self.wire.emit(Some(id), &args, &args).await?;
        }
        Ok(())
    }

    fn expire(&mut self, now: Instant) {
        let expired = self.acks.extract_if(.., |_, ack| ack.until <= now);
        for (_, ack) in expired {
            // A subscription that is not acknowledged may still be confirmed.
            if let Asked::Emit(name) = ack.of {
                self.wire.frames.push(no_ack(&name, "timeout"));
            }
        }
    }

    fn hand_on(&mut self) {
        if !self.wire.frames.is_empty() {
            self.queue.push(self.wire.frames.drain(..));
        }
    }
}

enum Step {
    Emit(Emit),
    Read(Batch),
    Time,
}

fn no_ack(name: &str, error: &str) -> Bytes {
    json!(["#ack", {"id": name, "error": error}])
        .to_string()
        .into()
}

/// Why a subscription is refused, if the answer says so.
fn refusal(args: &[u8]) -> Option<String> {
    let args: Value = serde_json::from_slice(args).ok()?;
    let said = args.get(0)?;
    let error = said.get("error").filter(|error| !error.is_null());
    let refused = said
        .get("success")
        .is_some_and(|success| success == &json!(false));
    if error.is_none() && !refused {
        return None;
    }
    let text = error.or_else(|| said.get("message")).map_or_else(
        || "refused".to_owned(),
        |error| {
            error
                .as_str()
                .map_or_else(|| error.to_string(), str::to_owned)
        },
    );
    Some(text.chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_may_refuse() {
        for (args, expected) in [
            (r#"[{"success":true}]"#, None),
            ("[]", None),
            (r#"["ok"]"#, None),
            (r#"[{"success":false}]"#, Some("refused")),
            (
                r#"[{"success":false,"message":"too low"}]"#,
                Some("too low"),
            ),
            (r#"[{"error":"access_denied"}]"#, Some("access_denied")),
            (r#"[{"error":{"code":403}}]"#, Some(r#"{"code":403}"#)),
        ] {
            assert_eq!(refusal(args.as_bytes()).as_deref(), expected, "{args}");
        }
    }
}
