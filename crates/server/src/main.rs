//! The `switchhook` program.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use server::cli::{self, Cli};

/// The system's allocator gives memory back and fetches it again around every commit.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    without_huge_pages();
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    match cli::run(Cli::parse(), variables.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// The allocator asks for huge pages, and whoever touches a new one first waits while two megabytes are cleared: longer
/// than an event may take.
fn without_huge_pages() {
    #[cfg(target_os = "linux")]
    {
        // A kernel that knows none has none.
        let _unknown = rustix::thread::disable_transparent_huge_pages(true);
    }
}
