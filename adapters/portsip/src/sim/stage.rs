//! The simulated PBX in virtual time, with one client and no socket.

use std::time::Duration;

use adapter::{
    sim::Overtaken,
    truth::{self, TrueCall},
};
use bytes::Bytes;
use model::Collection;

use super::{
    mangle::Frame,
    profile::Profile,
    subscriber::{Subscriber, text},
    voice::Emission,
    world::World,
};
use crate::{Config, link::listed, wire::request};

/// What a [`super::Sim`] would say to the one client it has, without a socket and as fast as it can be heard.
pub struct Stage {
    profile: Profile,
    config: Config,
    world: World,
    mangler: Overtaken<Emission>,
    client: Option<Subscriber>,
}

impl Stage {
    /// A PBX at time zero, which is `start` in Unix milliseconds. Its client is configured by `config`. Of the profile's
    /// troubles those count that concern single frames.
    #[must_use]
    pub fn new(profile: Profile, config: Config, start: i64) -> Self {
        Self {
            world: World::new(&profile, start),
            mangler: Overtaken::new(profile.chaos.clone(), profile.seed),
            client: None,
            profile,
            config,
        }
    }

    fn tell(&mut self, told: Vec<Emission>, now: Duration, frames: &mut Vec<Bytes>) {
        let told = self.mangler.mangle(told, now);
        let Some(client) = &self.client else {
            return;
        };
        for frame in told {
            match frame {
                Frame::Event(emission) if client.hears(&self.profile, &emission) => {
                    frames.push(text(&emission.body).into());
                }
                Frame::Event(_) => {}
                Frame::Raw(raw) => frames.push(raw.into()),
            }
        }
    }

    fn command(&mut self, command: &Bytes, frames: &mut Vec<Bytes>) {
        let Some(client) = &mut self.client else {
            return;
        };
        let command = String::from_utf8_lossy(command);
        let answer = client.command(&command, &self.profile, &self.world, false);
        frames.extend(answer.texts.into_iter().map(Bytes::from));
    }
}

impl truth::Stage for Stage {
    fn dialect(&self) -> Option<&'static str> {
        Some(self.profile.dialect.as_str())
    }

    fn reconciles(&self) -> Vec<Collection> {
        listed(&self.config.known_topics(), self.profile.dialect)
    }

    fn poll_timeout(&self) -> Option<Duration> {
        let next = self.world.poll_timeout();
        next.into_iter().chain(self.mangler.poll_timeout()).min()
    }

    fn advance(&mut self, now: Duration, frames: &mut Vec<Bytes>) {
        let told = self.world.advance(now);
        self.tell(told, now, frames);
    }

    fn connect(&mut self, frames: &mut Vec<Bytes>) {
        let dialect = self.profile.dialect;
        self.client = Some(Subscriber::default());
        // The link keeps the answer to a login for itself.
        self.command(&request::auth(&self.config, dialect), &mut Vec::new());
        for (_, command) in request::subscriptions(&self.config, dialect) {
            self.command(&command, frames);
        }
    }

    fn disconnect(&mut self) {
        self.mangler.drop_held();
        self.client = None;
    }

    fn request(&mut self, request: &Bytes, frames: &mut Vec<Bytes>) {
        self.command(request, frames);
    }

    fn restart(&mut self) {
        truth::Stage::disconnect(self);
        self.world.restart();
    }

    fn last_orders(&mut self) {
        self.world.last_orders();
    }

    fn take_ended(&mut self) -> Vec<TrueCall> {
        self.world.take_ended()
    }

    fn open_calls(&self) -> usize {
        self.world.open_calls()
    }
}
