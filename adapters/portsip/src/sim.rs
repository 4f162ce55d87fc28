//! A simulated PBX.
