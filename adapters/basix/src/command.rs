//! The commands that a Basix PBX takes. It answers none: what became of one shows in what its legs do next.

use std::time::Duration;

use adapter::{CommandSpec, command::Target};
use schemars::JsonSchema;
use serde::Deserialize;

/// How long the PBX may take until the effect shows.
const PATIENCE: Duration = Duration::from_secs(10);

/// The kinds of command.
#[must_use]
pub fn commands() -> Vec<CommandSpec> {
    vec![
        CommandSpec::new::<Hangup>(
            "hangup",
            "Hangs up a leg of the call.",
            Target::Call,
            PATIENCE,
        ),
        CommandSpec::new::<Park>(
            "park",
            "Puts the call into a park slot.",
            Target::Call,
            PATIENCE,
        ),
        CommandSpec::new::<Transfer>(
            "transfer",
            "Sends the call on to another destination.",
            Target::Call,
            PATIENCE,
        ),
    ]
}

/// The parameters of `hangup`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hangup {
    /// The id of the leg; the caller's when left out, and the whole call with it.
    #[serde(default)]
    pub leg: Option<String>,
}

/// The parameters of `park`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Park {
    /// The id of the leg that waits in the slot; the one outside, else the caller's, when left out.
    #[serde(default)]
    pub leg: Option<String>,
    /// How long it may wait, in the PBX's unit, presumably seconds.
    #[serde(default)]
    pub timeout: Option<u32>,
}

/// The parameters of `transfer`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Where to: the number of an extension or queue, or any other number.
    pub destination: String,
    /// The id of the leg that is sent on; the one outside, else the caller's, when left out.
    #[serde(default)]
    pub leg: Option<String>,
    /// On whose behalf: the number or id of an extension; whoever talks or is rung in the call when left out.
    #[serde(default)]
    pub user: Option<String>,
}
