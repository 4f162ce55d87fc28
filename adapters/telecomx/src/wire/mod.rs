//! What Telecom X says, as types; and what is asked of it. Tolerant, bounded, pure.

mod channel;
mod decode;
mod event;
mod names;
mod note;
pub mod request;
pub mod rest;

pub use channel::Channel;
pub use decode::{DecodeError, Frame, decode};
pub use event::*;
pub use names::{FAMILIES, split};
pub use note::{Ack, Bad, Note, Rest, Session, Subscribed};
