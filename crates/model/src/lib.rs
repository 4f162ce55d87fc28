//! The canonical telephony vocabulary: ids, entities, observations, events, and the CloudEvents envelope they travel in.
//!
//! This crate is pure. It opens no socket, reads no clock, draws no random number and names no PBX vendor.
//! Everything that an adapter may say is an [`Observation`]; everything that a consumer may read is an [`Event`].
//! The JSON Schemas under `openapi/schemas/` are generated from these types ([`schema`]).

#![warn(missing_docs)]

mod words;

pub mod call;
pub mod cause;
pub mod directory;
pub mod event;
pub mod example;
pub mod heard;
pub mod id;
pub mod native;
pub mod number;
pub mod observation;
pub mod party;
pub mod record;
pub mod schema;
pub mod source;
pub mod time;
pub mod work;

pub use call::{
    Call, CallState, Direction, Durations, Handled, Leg, LegRole, LegState, QueueRef, Route,
    RouteKind, TrunkRef,
};
pub use cause::{Basis, Cause, End, EndedBy, Outcome};
pub use directory::{
    Device, DeviceKind, Extension, ExtensionCallState, Presence, PresenceStatus, Trunk, TrunkState,
    User,
};
pub use event::{Change, Data, Event, EventType, Origin, OriginKind, Precision};
pub use heard::{Heard, MemoChange, RawFrame};
pub use id::{Collection, Cursor, EntityId, Epoch, FrameId, Position, SourceId};
pub use native::{Native, Payload, Text};
pub use number::{Normalizer, Number};
pub use observation::{Fact, Observation, Report};
pub use party::{ExtensionRef, Party, UserRef};
pub use record::{Cdr, Recording, RecordingState, Voicemail, VoicemailCounters};
pub use source::{Command, CommandState, Gap, Quality, Source, SourceCounters, SourceState};
pub use time::{Clock, Now, Timestamp};
pub use work::{
    Agent, AgentState, BusyKind, Caller, CallerState, Conference, Participant, Queue, QueueKind,
};
