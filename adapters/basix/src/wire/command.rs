//! Commands, as JSON text frames. The PBX answers none of them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A command of a client.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "cmd", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`uuid` is the leg it is about everywhere")]
pub enum Command<'a> {
    /// Ends a leg.
    Hangup { uuid: Cow<'a, str> },
    /// Parks a leg.
    Park {
        uuid: Cow<'a, str>,
        /// Probably seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout: Option<u32>,
    },
    /// Transfers a leg on behalf of a user.
    Transfer {
        uuid: Cow<'a, str>,
        user_id: i64,
        user_name: Cow<'a, str>,
        /// Whom it is to reach.
        destination: Cow<'a, str>,
    },
    /// Listens to a leg.
    Eavesdrop {
        /// The listener's leg.
        uuid: Cow<'a, str>,
        /// The leg to hear.
        target_uuid: Cow<'a, str>,
        /// How to listen.
        subcommand: Cow<'a, str>,
    },
}
