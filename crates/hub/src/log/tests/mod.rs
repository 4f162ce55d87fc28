//! The log on real files.

mod archive;
mod basics;
mod command;
mod damage;
mod disk;
mod model;
mod position;
mod retention;
mod support;
