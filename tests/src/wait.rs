//! Waiting for conditions. No test depends on how fast the machine is: only a condition that never comes true fails.

use std::{fmt::Display, future::Future, time::Duration};

use tokio::time::{Instant, sleep, timeout};

/// How long anything that must happen may take. Generous: only a hang should reach it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long to look again after a condition did not hold.
const GLANCE: Duration = Duration::from_millis(25);

/// Waits until `probe` yields something.
///
/// # Panics
/// When it has not after [`PATIENCE`]; `what` says what was waited for.
pub async fn until<T, F>(what: impl Display, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "waited {PATIENCE:?} in vain until {what}"
        );
        sleep(GLANCE).await;
    }
}

/// What `future` yields.
///
/// # Panics
/// When it has not finished after [`PATIENCE`].
pub async fn within<T>(what: impl Display, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {what}"),
    }
}
