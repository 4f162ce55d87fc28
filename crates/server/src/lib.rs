//! The product: config, API, command line. Holds no call logic, and names no PBX vendor but in [`adapters`].

pub mod adapters;
pub mod api;
pub mod auth;
pub mod cli;
pub mod config;
pub mod describe;
pub mod doctor;
pub mod gateway;
pub mod http;
pub mod metrics;
mod otlp;
pub mod problem;
pub mod record;
pub mod replay;
pub mod run;
mod trust;
pub mod webhooks;
