//! A service to speak to, and short ways to do so.

use std::{
    collections::VecDeque,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex},
    time::Duration,
};

use adapter::{Direction, Limits, Link, LinkError, Tap};
use bytes::Bytes;
use model::SourceId;
use serde_json::{Value, json};
use telecomx::{
    Config,
    config::Secret,
    link::{Connection, Memory, connect, packet::Engine},
    sim::{Level, Profile, Sim},
};
use testkit::must;

pub(crate) use crate::{
    config::config,
    still::{Still, told},
};

pub(super) const BOTH: [Engine; 2] = [Engine::V4, Engine::V3];

pub(super) async fn start(profile: Profile) -> Sim<Still> {
    Sim::start(profile.quiet(), Still::default()).await.unwrap()
}

/// A service whose heart beats fast.
pub(super) fn brisk(engine: Engine) -> Profile {
    Profile {
        ping_interval_ms: 150,
        ping_timeout_ms: 60_000,
        ..Profile::of(engine)
    }
}

/// Logs in as a user.
pub(super) fn as_user(sim: &Sim<Still>, level: Level) -> Config {
    let account = sim.profile().account(level).unwrap();
    Config {
        token: None,
        username: Some(account.username.clone()),
        password: Some(Secret::new(&account.password)),
        ..config(sim)
    }
}

/// A link with the frames that were read from it and not looked at.
pub(super) struct Line {
    link: Connection,
    unread: VecDeque<Bytes>,
}

impl Deref for Line {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.link
    }
}

impl DerefMut for Line {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.link
    }
}

pub(super) async fn open(config: &Config) -> Result<Line, LinkError> {
    open_with(config, limits(), &Memory::default(), Arc::new(())).await
}

pub(super) async fn open_with(
    config: &Config,
    limits: Limits,
    memory: &Memory,
    tap: Arc<dyn Tap>,
) -> Result<Line, LinkError> {
    let source = SourceId::new("cph").unwrap();
    let link = connect(&source, config, limits, memory, tap).await?;
    Ok(Line {
        link,
        unread: VecDeque::new(),
    })
}

pub(super) async fn connected() -> (Sim<Still>, Line) {
    subscribed(Profile::default()).await
}

/// A link that hears what the service tells.
pub(super) async fn subscribed(profile: Profile) -> (Sim<Still>, Line) {
    let sim = start(profile).await;
    let link = open(&config(&sim)).await.unwrap();
    let all = u64::try_from(Config::CHANNELS.len()).unwrap();
    sim.until(|counts| counts.subscriptions == all).await;
    (sim, link)
}

pub(super) fn limits() -> Limits {
    Limits {
        silence: Duration::from_secs(90),
        max_frame: 64 << 10,
    }
}

/// Lets time pass at once for whoever waits on a timer.
pub(super) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

pub(super) async fn send(link: &mut Line, request: &Value) {
    link.send(Bytes::from(request.to_string())).await.unwrap();
}

/// Reads until a frame fits, and yields all up to it.
pub(super) async fn read_until(link: &mut Line, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut heard = Vec::new();
    loop {
        while let Some(frame) = link.unread.pop_front() {
            let frame = read(&frame);
            let found = fits(&frame);
            heard.push(frame);
            if found {
                return heard;
            }
        }
        let mut frames: Vec<Bytes> = Vec::new();
        must("a frame", link.read(&mut frames)).await.unwrap();
        link.unread.extend(frames);
    }
}

/// Reads until a frame has this name, and yields its argument.
pub(super) async fn read_named(link: &mut Line, name: &str) -> Value {
    let mut heard = read_until(link, |frame| frame[0] == name).await;
    heard.pop().unwrap()[1].take()
}

/// Reads to the end, and yields all that came.
pub(super) async fn read_to_end(link: &mut Line) -> (Vec<Value>, LinkError) {
    let mut frames: Vec<Bytes> = link.unread.drain(..).collect();
    loop {
        if let Err(error) = must("the end", link.read(&mut frames)).await {
            return (frames.iter().map(read).collect(), error);
        }
    }
}

/// A frame that no value can hold is a text.
fn read(frame: &Bytes) -> Value {
    let text = std::str::from_utf8(frame).unwrap();
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

#[derive(Default)]
pub(super) struct Record(pub(super) Mutex<Vec<(Direction, String)>>);

impl Tap for Record {
    fn frame(&self, direction: Direction, bytes: &[u8]) {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        self.0.lock().unwrap().push((direction, text));
    }
}
