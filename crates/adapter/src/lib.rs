//! What an adapter fulfils, and the supervisor that keeps one connected.
//!
//! An adapter has three parts: a *link* that speaks the protocol and owns the only socket, a *wire* that decodes, and
//! a *map* that gives meaning. The supervisor sees two of them: [`Link`], which does IO, and [`Translator`] (wire and
//! map together), which does none. What several adapters need to read frames stands in [`json`] and [`mod@record`].

#![warn(missing_docs)]

pub mod backoff;
pub mod capability;
pub mod command;
pub mod counters;
pub mod error;
pub mod json;
pub mod link;
pub mod measure;
pub mod record;
pub mod recording;
pub mod redact;
#[cfg(feature = "sim")]
pub mod sim;
pub mod sink;
pub mod socket;
pub mod supervisor;
pub mod tap;
pub mod tls;
pub mod translator;
pub mod truth;
pub mod wire_log;

pub use backoff::{Backoff, Reconnect};
pub use capability::{Capabilities, Support};
pub use command::{CommandSpec, Order, Refusal, Target};
pub use counters::Counters;
pub use error::{LinkError, LinkErrorKind};
pub use link::{Adapter, Descriptor, Link};
pub use measure::{Figure, Measure};
pub use sink::{Closed, Sink};
pub use socket::Limits;
pub use supervisor::{Handle, Setup, Supervisor};
pub use tap::{Direction, Tap};
pub use tls::{TlsError, TlsOptions};
pub use translator::{Output, Resume, Translator};
pub use wire_log::WireLog;
