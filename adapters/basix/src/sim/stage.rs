//! The simulated PBX in virtual time, with one client and no socket.

use std::time::Duration;

use adapter::{
    sim::Overtaken,
    truth::{self, TrueCall},
};
use bytes::Bytes;
use model::Collection;

use super::{
    client,
    mangle::{Frame, Spoken},
    profile::Profile,
    row::Told,
    voice::Voice,
    world::World,
};
use crate::{Config, wire::command::Command};

/// What a [`super::Sim`] would say to the one client it has, without a socket and as fast as it can be heard.
pub struct Stage {
    voice: Voice,
    world: World,
    mangler: Overtaken<Spoken>,
    connected: bool,
}

impl Stage {
    /// A PBX at time zero, which is `start` in Unix microseconds. Its client sees everything. Of the profile's troubles
    /// those count that concern single frames.
    #[must_use]
    pub fn new(profile: &Profile, start: i64) -> Self {
        Self {
            voice: Voice::new(profile),
            world: World::new(profile, start),
            mangler: Overtaken::new(profile.chaos.clone(), profile.seed),
            connected: false,
        }
    }

    /// A config for that client.
    #[must_use]
    pub fn config(profile: &Profile) -> Config {
        client::config(profile, "wss://pbx.example.com/basix/api/ws_cti")
    }

    /// Begins a call. Yields the uuid of its first leg.
    pub fn begin(&mut self, order: &super::Order) -> Option<String> {
        self.world.begin(order)
    }

    fn tell(&mut self, told: Vec<Told>, now: Duration, frames: &mut Vec<Bytes>) {
        let told = self.mangler.mangle(self.voice.of_known(told), now);
        if !self.connected {
            return;
        }
        for frame in told {
            frames.push(match frame {
                Frame::Event(spoken) => self.voice.info_event(&spoken).into(),
                Frame::Raw(raw) => raw,
            });
        }
    }
}

impl truth::Stage for Stage {
    fn dialect(&self) -> Option<&'static str> {
        None
    }

    fn reconciles(&self) -> Vec<Collection> {
        crate::capability::reconciles()
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
        self.connected = true;
        let greeting = client::greeting(&self.voice, &self.world, None);
        frames.extend(greeting.into_iter().map(Bytes::from));
    }

    fn disconnect(&mut self) {
        self.mangler.drop_held();
        self.connected = false;
    }

    fn request(&mut self, request: &Bytes, _: &mut Vec<Bytes>) {
        if let Ok(command) = serde_json::from_slice::<Command<'_>>(request) {
            self.world.command(&command);
        }
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
