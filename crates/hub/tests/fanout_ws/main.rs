//! Streams over real sockets, read by an independent WebSocket client.

mod live;
mod rig;
