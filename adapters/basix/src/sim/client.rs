//! The config of a source that listens to a simulated PBX, and what the PBX makes of a client.

use super::{profile::Profile, server::Sim, voice::Voice, world::World};
use crate::{Config, config::Secret};

impl Sim {
    /// A config that this PBX accepts, with all events.
    #[must_use]
    pub fn config(&self) -> Config {
        config(self.profile(), self.url())
    }
}

/// A config that a PBX of that profile accepts.
pub(super) fn config(profile: &Profile, url: &str) -> Config {
    Config {
        url: url.to_owned(),
        domain: Some(profile.domain.clone()),
        token: Some(Secret::new(&profile.token)),
        ticket: false,
        cookie: None,
        app_name: "switchhook".to_owned(),
        full_events: true,
        user: None,
        user_by: crate::config::UserBy::default(),
        force: false,
        region: Some("JP".to_owned()),
        ca_file: None,
        insecure_tls: false,
        allow_plaintext: false,
        include_native: true,
    }
}

/// What somebody hears first: fields and entities of every element. `watched`: of one user only.
pub(super) fn greeting(voice: &Voice, world: &World, watched: Option<i64>) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for element in voice.elements() {
        frames.push(voice.field_spec(element));
        frames.push(voice.initial_info(element, &world.rows(element, watched)));
    }
    frames
}
