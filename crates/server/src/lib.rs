//! The product around the hub: HTTP, credentials, streams, state.
//!
//! Holds no call logic: what is true is decided by the hub, who may see it here.

pub mod api;
pub mod auth;
pub mod http;
pub mod problem;
