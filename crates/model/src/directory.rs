//! Extensions, users, devices and trunks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{EntityId, ExtensionRef, Native, Text, Timestamp, UserRef, words::words};

/// An extension and its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Extension {
    /// Stable over restarts.
    pub id: EntityId,
    /// The number inside the PBX.
    pub number: Text,
    /// The display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// The SIP URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<Text>,
    /// The user it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserRef>,
    /// Whether it is in a call.
    pub call_state: ExtensionCallState,
    /// Registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<bool>,
    /// Reachable by a push to a mobile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_online: Option<bool>,
    /// What its owner says about himself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<Presence>,
    /// Do not disturb.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnd: Option<bool>,
    /// The state as an agent, where the PBX keeps one per extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_state: Option<crate::AgentState>,
    /// Enabled by the administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// +1 for each event of this extension.
    pub version: u64,
    /// The PBX's own ids.
    #[serde(default, skip_serializing_if = "Native::is_empty")]
    pub native: Native,
}

/// What a person says about his availability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Presence {
    /// In canonical words.
    pub status: PresenceStatus,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Text>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The PBX's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<Text>,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// Stable over restarts.
    pub id: EntityId,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// The e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Text>,
    /// The extensions.
    #[serde(default)]
    pub extensions: Vec<ExtensionRef>,
    /// What the person says about himself, where the PBX keeps it per person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<Presence>,
    /// Enabled by the administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// +1 for each event of this user.
    pub version: u64,
    /// The PBX's own ids.
    #[serde(default, skip_serializing_if = "Native::is_empty")]
    pub native: Native,
}

/// A phone, app or trunk endpoint that has registered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Device {
    /// Stable over restarts.
    pub id: EntityId,
    /// What it is.
    pub kind: DeviceKind,
    /// The extension it registered for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<ExtensionRef>,
    /// Its network address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Text>,
    /// What it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Text>,
    /// When its registration ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// +1 for each event of this device.
    pub version: u64,
    /// The PBX's own ids.
    #[serde(default, skip_serializing_if = "Native::is_empty")]
    pub native: Native,
}

/// A line to the outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trunk {
    /// Stable over restarts.
    pub id: EntityId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// Whether it works.
    pub state: TrunkState,
    /// The address of the far end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Text>,
    /// +1 for each event of this trunk.
    pub version: u64,
    /// The PBX's own ids.
    #[serde(default, skip_serializing_if = "Native::is_empty")]
    pub native: Native,
}

words! {
    /// Whether an extension is in a call.
    ExtensionCallState {
        /// No call.
        Idle = "idle",
        /// Alerting.
        Ringing = "ringing",
        /// In a call.
        Busy = "busy",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    /// Availability.
    PresenceStatus {
        /// Available.
        Available = "available",
        /// Away.
        Away = "away",
        /// Busy.
        Busy = "busy",
        /// Do not disturb.
        Dnd = "dnd",
        /// At lunch.
        Lunch = "lunch",
        /// Travelling.
        BusinessTrip = "business_trip",
        /// In a meeting.
        Meeting = "meeting",
        /// Not there.
        Offline = "offline",
        /// Something else: see the note and the native word.
        Other = "other",
    }
}

words! {
    /// What a device is.
    DeviceKind {
        /// A desk phone.
        Phone = "phone",
        /// A program on a computer or in a browser.
        App = "app",
        /// A program on a mobile.
        Mobile = "mobile",
        /// A trunk.
        Trunk = "trunk",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    /// Whether a trunk works.
    TrunkState {
        /// Registered or reachable.
        Connected = "connected",
        /// Lost.
        Disconnected = "disconnected",
        /// Not known.
        Unknown = "unknown",
    }
}
