//! A whole adapter, as small as one can be: the Bell PBX of `docs/adding-an-adapter.md`.
//!
//! The guide shows these files, and its checklist names these tests; both are compared with what stands here.

#![cfg(test)]

mod adapter;
mod cases;
mod conforms;
mod guide;
mod link;
mod map;
mod pbx;
mod properties;
mod wire;
