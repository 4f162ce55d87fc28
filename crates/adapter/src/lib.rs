//! What an adapter fulfils, and the supervisor that keeps one connected.
//!
//! An adapter has three parts: a *link* that speaks the protocol and owns the only socket, a *wire* that decodes, and
//! a *map* that gives meaning. The supervisor sees two of them: [`Link`], which does IO, and [`Translator`] (wire and
//! map together), which does none.

#![warn(missing_docs)]

pub mod capability;
pub mod error;
pub mod link;
pub mod tap;
pub mod translator;

pub use capability::{Capabilities, Support};
pub use error::{LinkError, LinkErrorKind};
pub use link::{Adapter, Descriptor, Link};
pub use tap::{Direction, Tap};
pub use translator::{Output, Resume, Translator};
