//! Whatever somebody sends to the public port, HTTP and WebSocket.

#![no_main]

#[path = "../../tests/hostile/driver.rs"]
mod driver;

use std::sync::OnceLock;

use driver::Target;
use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(|input: &[u8]| {
    let target = TARGET.get_or_init(Target::start);
    target.throw(input);
});
