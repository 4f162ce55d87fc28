//! What kind of PBX is simulated: its dialect with all its switches, its people, its traffic and its troubles.

use adapter::sim::Chaos;
use serde::{Deserialize, Serialize};

use crate::wire::Dialect;

/// A simulated PBX. Every field has a default, so a scenario file names only what differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// The dialect. [`Profile::of`] sets the switches below as that dialect has them.
    pub dialect: Dialect,
    /// The same seed tells the same story.
    pub seed: u64,
    /// Calls that begin by themselves, per second.
    pub calls_per_s: f64,
    /// Further frames per second to load a client: states of extensions that belong to no call.
    pub frames_per_s: u32,
    /// Seconds of the PBX that pass in one real second.
    pub pace: f64,
    /// How many times shorter than usual calls are, in every step that takes time.
    pub haste: f64,
    /// How many extensions, from 101 on.
    pub extensions: u32,
    /// How many queues, from 8001 on.
    pub queues: u32,
    /// The tenant's SIP domain.
    pub domain: String,
    /// The tenant's id.
    pub tenant_id: u64,
    /// The tenant's name.
    pub tenant_name: String,
    /// The password of every account.
    pub password: String,

    /// Replies carry `command` and `id`.
    pub reply_with_command: bool,
    /// Topics are objects with keys.
    pub topic_objects: bool,
    /// `tenant_name` in every event.
    pub tenant_names: bool,
    /// Ids are numbers (before 16.0.1).
    pub numeric_ids: bool,
    /// `inbound` instead of `in`, `internal` instead of `ext`.
    pub long_directions: bool,
    /// Presence `ONLINE` instead of `AVAILABLE`.
    pub presence_online: bool,
    /// Target events are told.
    pub target_events: bool,
    /// Target events are named `cdr_target_…`.
    pub cdr_prefix: bool,
    /// Target events have no `direction` (before 22.6).
    pub no_target_direction: bool,
    /// `extension_agent_status` has a numeric `extension_id` (before 22.2.11).
    pub numeric_agent_id: bool,
    /// `target_answer.destination` names the wrong user (before 22.5).
    pub wrong_answer_user: bool,
    /// A phone is told twice in `target_add`.
    pub duplicate_target_add: bool,
    /// Topics push their snapshots after a subscription.
    pub snapshots: bool,
    /// Subscriptions are acknowledged.
    pub acknowledge: bool,
    /// An unrelated event comes between acknowledgement and snapshot.
    pub stray_event: bool,
    /// A second subscription replaces the first.
    pub replace_scope: bool,
    /// What is not permitted is left out without a word.
    pub silent_denial: bool,
    /// Topics that nobody may have.
    pub denied_topics: Vec<String>,
    /// A socket that does not log in is closed after this many seconds.
    pub login_timeout_s: f64,
    /// A socket on which the client says nothing for this many seconds is closed; 0 never.
    pub idle_timeout_s: f64,

    /// Its troubles.
    pub chaos: Chaos,
}

impl Default for Profile {
    fn default() -> Self {
        Self::of(Dialect::V22)
    }
}

impl Profile {
    /// A PBX of that dialect, in good health, with a little traffic.
    #[must_use]
    pub fn of(dialect: Dialect) -> Self {
        Self {
            dialect,
            seed: 1,
            calls_per_s: 0.5,
            frames_per_s: 0,
            pace: 1.0,
            haste: 1.0,
            extensions: 20,
            queues: 3,
            domain: "test.io".to_owned(),
            tenant_id: 883_611_252_155_219_968,
            tenant_name: "test".to_owned(),
            password: "secret".to_owned(),
            reply_with_command: dialect >= Dialect::V16_2,
            topic_objects: dialect == Dialect::V12,
            tenant_names: dialect == Dialect::V12,
            numeric_ids: false,
            long_directions: dialect >= Dialect::V22_3,
            presence_online: dialect >= Dialect::V22_3,
            target_events: true,
            cdr_prefix: dialect == Dialect::V22,
            no_target_direction: dialect == Dialect::V22,
            numeric_agent_id: false,
            wrong_answer_user: false,
            duplicate_target_add: false,
            snapshots: true,
            acknowledge: true,
            stray_event: false,
            replace_scope: false,
            silent_denial: dialect < Dialect::V22,
            denied_topics: Vec::new(),
            login_timeout_s: 30.0,
            idle_timeout_s: 0.0,
            chaos: Chaos::default(),
        }
    }

    /// The same without traffic of its own: nothing happens but what a scenario or a test asks for.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.calls_per_s = 0.0;
        self.frames_per_s = 0;
        self
    }

    /// The same PBX, people and troubles, in another dialect.
    #[must_use]
    pub fn spoken(self, dialect: Dialect) -> Self {
        Self {
            seed: self.seed,
            calls_per_s: self.calls_per_s,
            frames_per_s: self.frames_per_s,
            pace: self.pace,
            haste: self.haste,
            extensions: self.extensions,
            queues: self.queues,
            domain: self.domain,
            tenant_id: self.tenant_id,
            tenant_name: self.tenant_name,
            password: self.password,
            chaos: self.chaos,
            ..Self::of(dialect)
        }
    }

    /// The path that the dialect is served under.
    #[must_use]
    pub fn path(&self) -> &'static str {
        if self.dialect >= Dialect::V22 {
            "/wsi"
        } else {
            "/"
        }
    }

    /// The numbers of all extensions.
    pub fn extension_numbers(&self) -> impl Iterator<Item = String> + use<> {
        (101..101 + self.extensions).map(|number| number.to_string())
    }

    /// The numbers of all queues.
    pub fn queue_numbers(&self) -> impl Iterator<Item = String> + use<> {
        (8001..8001 + self.queues).map(|number| number.to_string())
    }

    /// The number that an IVR answers.
    pub const IVR: &'static str = "5000";
    /// The number that voicemail answers.
    pub const VOICEMAIL: &'static str = "999";
}
