//! What kind of PBX is simulated: its people, its habits, its traffic and its troubles.

use adapter::sim::Chaos;
use serde::{Deserialize, Serialize};

/// A simulated PBX. Every field has a default, so a scenario file names only what differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// The same seed tells the same story.
    pub seed: u64,
    /// The same order of fields; the one that follows from the seed when absent.
    pub order: Option<u64>,
    /// Calls that begin by themselves, per second.
    pub calls_per_s: f64,
    /// Further frames per second to load a client: users who want to be disturbed, or not.
    pub frames_per_s: u32,
    /// Seconds of the PBX that pass in one real second.
    pub pace: f64,
    /// How much faster people are than usual: a call of a minute lasts six seconds at 10. Unlike the pace it leaves the
    /// PBX's clock alone.
    pub haste: f64,
    /// How many users, from 1001 on.
    pub users: u32,
    /// How many groups, from 2001 on: a queue, a ring group and a hunt group in turn.
    pub groups: u32,
    /// The domain.
    pub domain: String,
    /// Its API token.
    pub token: String,
    /// Connections of one user and `app_name`.
    pub connections: usize,
    /// Fields come in another order than the documented one.
    pub shuffle: bool,
    /// Names of elements and events are atoms, not charlists.
    pub names_as_atoms: bool,
    /// Atoms in UTF-8, as Erlang 26 writes them by default.
    pub utf8_atoms: bool,
    /// `[]`, `true` and `false` as they are, without the BERT library.
    pub bare: bool,
    /// Fields that the documentation does not know.
    pub extra_fields: Vec<String>,
    /// Fields that are not told.
    pub missing_fields: Vec<String>,
    /// `removed` carries the key alone.
    pub bare_removals: bool,
    /// The element of those who wait is not there (before 2026-03).
    pub no_channel_waiting: bool,
    /// Names of the close frames of refused and replaced connections.
    pub close_code: u16,
    /// A ping every so many seconds; 0 never.
    pub ping_every_s: f64,

    /// Its troubles.
    pub chaos: Chaos,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            seed: 1,
            order: None,
            calls_per_s: 0.5,
            frames_per_s: 0,
            pace: 1.0,
            haste: 1.0,
            users: 20,
            groups: 3,
            domain: "test1.com".to_owned(),
            token: "secret".to_owned(),
            connections: 2,
            shuffle: true,
            names_as_atoms: false,
            utf8_atoms: false,
            bare: false,
            extra_fields: Vec::new(),
            missing_fields: Vec::new(),
            bare_removals: false,
            no_channel_waiting: false,
            close_code: 1000,
            ping_every_s: 0.0,
            chaos: Chaos::default(),
        }
    }
}

impl Profile {
    /// The same without traffic of its own: nothing happens but what a scenario or a test asks for.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.calls_per_s = 0.0;
        self.frames_per_s = 0;
        self
    }

    /// Where events are told.
    pub const PATH: &'static str = "/basix/api/ws_cti";
    /// Where tickets are drawn.
    pub const TICKETS: &'static str = "/basix/api/gen_ws_ticket";
}
