//! The product: config, API, command line. Holds no call logic, and names no PBX vendor but in [`adapters`].

pub mod adapters;
pub mod api;
pub mod auth;
pub mod cli;
pub mod config;
pub mod gateway;
pub mod http;
pub mod problem;
pub mod run;
