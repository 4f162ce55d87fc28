//! What kind of service is simulated: its wire, its accounts, its traffic and its troubles.

use adapter::sim::Chaos;
use serde::{Deserialize, Serialize};

use super::account::{Account, Level};
use crate::link::packet::Engine;

/// A simulated service. Every field has a default, so a scenario file names only what differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Which Engine.IO it speaks: `"4"` or `"3"`.
    #[serde(with = "engine")]
    pub engine_io: Engine,
    /// The same seed tells the same story.
    pub seed: u64,
    /// Calls that begin by themselves, per second.
    pub calls_per_s: f64,
    /// Further events per second to load a client: they change nothing that matters.
    pub events_per_s: u32,
    /// Seconds of the service that pass in one real second.
    pub pace: f64,
    /// How much faster people are than usual: a call of a minute lasts six seconds at 10. Unlike the pace it leaves the
    /// service's clock alone.
    pub haste: f64,
    /// The id of the customer.
    pub customer: String,
    /// The host of its PBX.
    pub pbx_server: String,
    /// How many extensions, from 201 on.
    pub extensions: u32,
    /// How many queues, from 7001 on.
    pub queues: u32,
    /// Who may log in.
    pub accounts: Vec<Account>,
    /// How long a login lasts, in minutes; -1 for ever.
    pub login_minutes: f64,
    /// Milliseconds between pings.
    pub ping_interval_ms: u64,
    /// Milliseconds that the other side may take to answer.
    pub ping_timeout_ms: u64,
    /// The longest message taken from a client, in bytes.
    pub max_payload: usize,
    /// A socket that does not authenticate is closed after this many seconds.
    pub login_timeout_s: f64,
    /// A refused subscription is acknowledged as such, when the client asks for an acknowledgement. Else it is not
    /// answered at all.
    pub tell_refusals: bool,
    /// Its troubles.
    pub chaos: Chaos,
}

impl Default for Profile {
    fn default() -> Self {
        let customer = "5f00000000000000000000c1";
        let account = |n: u32, level: Level| Account {
            employee: format!("5f00000000000000000000a{n}"),
            customer: customer.to_owned(),
            level,
            username: format!("{}@example.dk", level.as_str().to_lowercase()),
            password: "secret".to_owned(),
            // Machines are refused the rights of admins.
            token: (level < Level::Admin)
                .then(|| format!("{}-token", level.as_str().to_lowercase())),
        };
        let levels = [
            Level::Viewer,
            Level::Personal,
            Level::Manager,
            Level::Reseller,
            Level::Admin,
        ];
        Self {
            engine_io: Engine::V4,
            seed: 1,
            calls_per_s: 0.5,
            events_per_s: 0,
            pace: 1.0,
            haste: 1.0,
            customer: customer.to_owned(),
            pbx_server: "pbx1.telecomx.dk".to_owned(),
            extensions: 20,
            queues: 3,
            accounts: (1..)
                .zip(levels)
                .map(|(n, level)| account(n, level))
                .collect(),
            login_minutes: 15.0,
            ping_interval_ms: 25_000,
            ping_timeout_ms: 20_000,
            max_payload: 1_000_000,
            login_timeout_s: 30.0,
            tell_refusals: true,
            chaos: Chaos::default(),
        }
    }
}

impl Profile {
    /// One that speaks that version, in good health, with a little traffic.
    #[must_use]
    pub fn of(engine: Engine) -> Self {
        let timeouts = match engine {
            Engine::V3 => 5_000,
            Engine::V4 => 20_000,
        };
        Self {
            engine_io: engine,
            ping_timeout_ms: timeouts,
            ..Self::default()
        }
    }

    /// The same without traffic of its own: nothing happens but what a scenario or a test asks for.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.calls_per_s = 0.0;
        self.events_per_s = 0;
        self
    }

    /// The first account of a level.
    #[must_use]
    pub fn account(&self, level: Level) -> Option<&Account> {
        self.accounts.iter().find(|account| account.level == level)
    }
}

/// A version, as the config has it.
mod engine {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::link::packet::Engine;

    pub(super) fn serialize<S: Serializer>(engine: &Engine, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(engine.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Engine, D::Error> {
        match String::deserialize(from)?.as_str() {
            "4" => Ok(Engine::V4),
            "3" => Ok(Engine::V3),
            other => Err(serde::de::Error::custom(format!(
                "engine_io is \"4\" or \"3\", not `{other}`"
            ))),
        }
    }
}
