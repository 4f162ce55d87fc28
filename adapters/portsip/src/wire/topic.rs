//! Topics and dialects: what can be subscribed to, and in which versions.

use serde::{Deserialize, Serialize};

/// A family of PBX versions that speak alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// v12.x: topic objects, events for each call, trunk events.
    #[serde(rename = "v12")]
    V12,
    /// v16.0 and v16.1: topic strings, events for each call.
    #[serde(rename = "v16")]
    V16,
    /// v16.2 to v16.4: extension status instead of events for each call.
    #[serde(rename = "v16.2")]
    V16_2,
    /// v22.0 to v22.2: `/wsi`, system-wide topics, call targets.
    #[serde(rename = "v22")]
    V22,
    /// v22.3 and later: subscriptions by permission, presence `ONLINE`.
    #[serde(rename = "v22.3")]
    V22_3,
}

/// A topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Extensions, and up to v16.1 their calls.
    Extensions,
    /// Calls and their records.
    Cdrs,
    /// Queues: callers and agents.
    Queues,
    /// Trunks.
    Trunks,
    /// Configuration of queues.
    QueueManagement,
    /// Configuration of extensions.
    ExtensionManagement,
    /// Extensions of whole tenants.
    GlobalExtensions,
    /// Configuration of extensions of whole tenants.
    GlobalExtensionManagement,
    /// Calls of whole tenants.
    GlobalCdrs,
    /// Queues of whole tenants.
    GlobalQueues,
    /// Configuration of queues of whole tenants.
    GlobalQueueManagement,
}

/// What a subscription lists beside its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Nothing.
    Nothing,
    /// Extension numbers.
    Extensions,
    /// Queue numbers.
    Queues,
    /// Tenant ids.
    Tenants,
}

impl Dialect {
    /// Every dialect, oldest first.
    pub const ALL: [Self; 5] = [Self::V12, Self::V16, Self::V16_2, Self::V22, Self::V22_3];

    /// The name in the config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V12 => "v12",
            Self::V16 => "v16",
            Self::V16_2 => "v16.2",
            Self::V22 => "v22",
            Self::V22_3 => "v22.3",
        }
    }

    /// The dialect of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.as_str() == name)
    }

    /// Every call has events of its own: set up, hold, end. Later versions tell the state of extensions instead.
    #[must_use]
    pub fn tells_calls(self) -> bool {
        self <= Self::V16
    }

    /// A subscription to extensions is answered with the state of each, and one to queues likewise.
    ///
    /// Queues do so from v16.1 on, which cannot be told from v16.0, so nothing is expected of either.
    #[must_use]
    pub fn gives_snapshots(self) -> bool {
        self >= Self::V16_2
    }

    /// Every call tells which devices it reaches.
    #[must_use]
    pub fn tells_targets(self) -> bool {
        self != Self::V16_2
    }
}

impl Topic {
    /// Every topic, in the order in which they are subscribed to: calls first, so that what the snapshots of queues
    /// and extensions speak of is known.
    pub const ALL: [Self; 11] = [
        Self::Cdrs,
        Self::Trunks,
        Self::QueueManagement,
        Self::ExtensionManagement,
        Self::Queues,
        Self::Extensions,
        Self::GlobalCdrs,
        Self::GlobalQueueManagement,
        Self::GlobalExtensionManagement,
        Self::GlobalQueues,
        Self::GlobalExtensions,
    ];

    /// The name on the wire and in the config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Extensions => "extension_events",
            Self::Cdrs => "cdr_events",
            Self::Queues => "queue_events",
            Self::Trunks => "trunk_events",
            Self::QueueManagement => "queue_management_events",
            Self::ExtensionManagement => "extension_management_events",
            Self::GlobalExtensions => "global_extension_events",
            Self::GlobalExtensionManagement => "global_extension_management_events",
            Self::GlobalCdrs => "global_cdr_events",
            Self::GlobalQueues => "global_queue_events",
            Self::GlobalQueueManagement => "global_queue_management_events",
        }
    }

    /// The topic of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == name)
    }

    /// What a subscription to it lists.
    #[must_use]
    pub const fn scope(self) -> Scope {
        match self {
            Self::Extensions => Scope::Extensions,
            Self::Queues => Scope::Queues,
            Self::Cdrs | Self::Trunks | Self::QueueManagement | Self::ExtensionManagement => {
                Scope::Nothing
            }
            Self::GlobalExtensions
            | Self::GlobalExtensionManagement
            | Self::GlobalCdrs
            | Self::GlobalQueues
            | Self::GlobalQueueManagement => Scope::Tenants,
        }
    }

    /// For the system administrator, over all tenants listed. Such a subscription can hinder those of a tenant on the
    /// same connection (fixed in v22.3.23), so the two kinds have a connection each.
    #[must_use]
    pub fn is_global(self) -> bool {
        self.scope() == Scope::Tenants
    }

    /// True when that dialect has the topic.
    #[must_use]
    pub fn exists_in(self, dialect: Dialect) -> bool {
        match self {
            Self::Extensions | Self::Cdrs | Self::Queues => true,
            Self::Trunks => dialect == Dialect::V12,
            Self::ExtensionManagement => dialect == Dialect::V22_3,
            Self::QueueManagement
            | Self::GlobalExtensions
            | Self::GlobalExtensionManagement
            | Self::GlobalCdrs
            | Self::GlobalQueues
            | Self::GlobalQueueManagement => dialect >= Dialect::V22,
        }
    }

    /// The messages of the topic in v12, where a subscription names each. Leaving them out is undocumented.
    #[must_use]
    pub const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Extensions => &[
                "extension_register",
                "call_hold",
                "call_unhold",
                "call_start",
                "call_established",
                "call_ended",
                "call_noanswer",
                "call_reroute",
                "call_fail",
                "target_add",
                "target_ringing",
                "target_noanswer",
                "target_fail",
                "target_ended",
            ],
            Self::Cdrs => &["call_cdr"],
            Self::Queues => &["queue_status", "queue_member_state"],
            Self::Trunks => &["trunk_connected", "trunk_disconnected"],
            Self::QueueManagement
            | Self::ExtensionManagement
            | Self::GlobalExtensions
            | Self::GlobalExtensionManagement
            | Self::GlobalCdrs
            | Self::GlobalQueues
            | Self::GlobalQueueManagement => &[],
        }
    }
}
