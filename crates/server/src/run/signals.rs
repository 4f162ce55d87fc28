//! The first signal drains, the second insists.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::RunError;
use crate::cli::Exit;

/// A token that the first SIGINT or SIGTERM cancels. The second ends the process.
pub(super) fn stop() -> Result<CancellationToken, RunError> {
    let listen = |kind| {
        signal(kind).map_err(|source| RunError::System {
            doing: "listen to signals",
            source,
        })
    };
    let (mut interrupt, mut terminate) = (
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
    );
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        next().await;
        token.cancel();
        next().await;
        tracing::warn!("a second signal: not waiting for clients");
        std::process::exit(Exit::Internal as i32);
    });
    Ok(stop)
}
