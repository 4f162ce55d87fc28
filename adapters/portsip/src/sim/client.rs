//! The other side's config: how to connect to a simulated PBX.

use super::{Profile, Sim};
use crate::{
    config::{Config, Secret},
    wire::{Dialect, Topic},
};

impl Sim {
    /// A source that hears everything a tenant may hear of this PBX.
    #[must_use]
    pub fn config(&self) -> Config {
        self.profile().config(self.url())
    }
}

impl Profile {
    /// A source that hears everything a tenant may hear of such a PBX.
    #[must_use]
    pub fn config(&self, url: &str) -> Config {
        let profile = self;
        let may_hear = |topic: &Topic| !topic.is_global() && topic.exists_in(profile.dialect);
        let topics = Topic::ALL.into_iter().filter(may_hear);
        // Up to v12 a tenant logs in by its name alone.
        let has_users = profile.dialect > Dialect::V12;
        Config {
            url: url.to_owned(),
            dialect: Some(profile.dialect),
            username: Some("supervisor".to_owned()),
            extension_number: None,
            domain: has_users.then(|| profile.domain.clone()),
            password: Secret::new(&profile.password),
            topics: topics.map(|topic| topic.as_str().to_owned()).collect(),
            extensions: profile.extension_numbers().collect(),
            queues: profile.queue_numbers().collect(),
            tenants: Vec::new(),
            service_numbers: vec![Self::IVR.to_owned()],
            voicemail_numbers: vec![Self::VOICEMAIL.to_owned()],
            region: Some("GB".to_owned()),
            ca_file: None,
            insecure_tls: false,
            allow_plaintext: false,
            include_native: true,
        }
    }
}
