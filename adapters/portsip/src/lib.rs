//! PortSIP PBX: its WebSocket Pub/Sub (WSI), v12 to v22.

pub mod link;
#[cfg(feature = "sim")]
pub mod sim;
