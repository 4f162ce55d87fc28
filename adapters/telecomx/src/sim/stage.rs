//! The simulated service in virtual time, with one client and no socket.

use std::time::Duration;

use adapter::{
    sim::Overtaken,
    truth::{self, TrueCall},
};
use bytes::Bytes;
use model::Collection;
use serde_json::{Value, json};

use super::{
    Account, Asked, Level, Told, World as _, mangle::Frame, office::Office, profile::Profile,
};
use crate::{Config, link::packet::Engine, wire::Channel};

/// What a [`super::Sim`] would say to the one client it has, without a socket and as fast as it can be heard.
pub struct Stage {
    config: Config,
    office: Office,
    mangler: Overtaken<Told>,
    engine: Engine,
    account: Option<Account>,
    connected: bool,
}

impl Stage {
    /// A service at time zero, which is `start` in Unix milliseconds. Its client is configured by `config` and is a
    /// viewer. Of the profile's troubles those count that concern single frames.
    #[must_use]
    pub fn new(profile: &Profile, config: Config, start: i64) -> Self {
        Self {
            office: Office::new(profile, start),
            mangler: Overtaken::new(profile.chaos.clone(), profile.seed),
            engine: profile.engine_io,
            account: profile.account(Level::Viewer).cloned(),
            connected: false,
            config,
        }
    }

    fn tell(&mut self, told: Vec<Told>, now: Duration, frames: &mut Vec<Bytes>) {
        let told = self.mangler.mangle(told, now);
        if !self.connected {
            return;
        }
        for frame in told {
            match frame {
                Frame::Event(told) if self.hears(&told) => {
                    frames.push(frame_of(&json!([told.kind, told.body])));
                }
                Frame::Event(_) => {}
                // A link hands on what it cannot read as a note of its own.
                Frame::Raw(raw) => match raw.strip_prefix("42").filter(|raw| is_event(raw)) {
                    Some(event) => frames.push(event.to_owned().into()),
                    None => frames.push(frame_of(&json!(["#bad", {
                        "kind": "socket_packet", "error": "no packet", "text": raw, "bytes": raw.len(),
                    }]))),
                },
            }
        }
    }

    fn hears(&self, told: &Told) -> bool {
        let level = self.account.as_ref().map(|account| account.level);
        let channels = self.config.known_channels();
        let mut allowed = channels
            .iter()
            .filter(|channel| level.is_some_and(|level| level >= Level::needed(**channel)));
        allowed.any(|channel| channel.delivers().contains(&told.kind))
    }

    fn rest(&mut self, path: &str) -> Value {
        let Some(account) = &self.account else {
            return json!(["#rest", {"path": path, "error": "nobody is logged in"}]);
        };
        let (bare, query) = path.split_once('?').unwrap_or((path, ""));
        let query: Vec<(String, String)> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let answer = self.office.rest(&Asked {
            method: "GET",
            path: bare,
            query: &query,
            body: Value::Null,
            account,
        });
        json!(["#rest", {"path": path, "status": answer.status, "body": answer.body}])
    }
}

impl truth::Stage for Stage {
    fn dialect(&self) -> Option<&'static str> {
        Some(self.engine.as_str())
    }

    fn reconciles(&self) -> Vec<Collection> {
        crate::reconciles(&self.config)
    }

    fn poll_timeout(&self) -> Option<Duration> {
        let next = self.office.poll_timeout();
        next.into_iter().chain(self.mangler.poll_timeout()).min()
    }

    fn advance(&mut self, now: Duration, frames: &mut Vec<Bytes>) {
        let told = self.office.advance(now);
        self.tell(told, now, frames);
    }

    fn connect(&mut self, frames: &mut Vec<Bytes>) {
        self.connected = true;
        let level = self.account.as_ref().map(|account| account.level);
        frames.push(frame_of(
            &json!(["#session", {"level": level.map(Level::as_str)}]),
        ));
        for channel in self.config.known_channels() {
            let ok = level.is_some_and(|level| level >= Level::needed(channel));
            frames.push(frame_of(&subscribed(channel, ok)));
        }
    }

    fn disconnect(&mut self) {
        self.mangler.drop_held();
        self.connected = false;
    }

    fn request(&mut self, request: &Bytes, frames: &mut Vec<Bytes>) {
        let request: Value = serde_json::from_slice(request).unwrap_or_default();
        if let Some(path) = request["get"].as_str() {
            let answer = self.rest(path);
            frames.push(frame_of(&answer));
        } else if let Some(id) = request["ack"].as_str() {
            let args = json!([{"success": true, "requestId": format!("of-{id}")}]);
            frames.push(frame_of(&json!(["#ack", {"id": id, "args": args}])));
        }
    }

    fn restart(&mut self) {
        truth::Stage::disconnect(self);
        self.office.restart();
    }

    fn last_orders(&mut self) {
        self.office.last_orders();
    }

    fn take_ended(&mut self) -> Vec<TrueCall> {
        self.office.take_ended()
    }

    fn open_calls(&self) -> usize {
        self.office.open_calls()
    }
}

fn subscribed(channel: Channel, ok: bool) -> Value {
    if ok {
        json!(["#subscribed", {"channel": channel.as_str(), "ok": true}])
    } else {
        json!(["#subscribed", {
            "channel": channel.as_str(), "ok": false, "error": "no answer in 10 s", "final": true,
        }])
    }
}

fn is_event(text: &str) -> bool {
    matches!(serde_json::from_str(text), Ok(Value::Array(items)) if items.first().is_some_and(Value::is_string))
}

fn frame_of(value: &Value) -> Bytes {
    value.to_string().into()
}
