//! PortSIP PBX over its WebSocket publish/subscribe interface (WSI): v12, v16 and v22.
//!
//! [`wire`] decodes frames and builds requests, [`map`] gives them meaning. Both are pure.

pub mod capability;
pub mod config;
pub mod map;
pub mod wire;

pub use capability::capabilities;
pub use config::Config;
pub use map::Translator;
