//! Where a supervised source delivers what it heard.

use async_trait::async_trait;
use model::Heard;

/// Takes what was heard. Waits while it is full, which stops the reading of the PBX and nothing else.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Takes one piece, in order.
    ///
    /// # Errors
    /// When nobody takes anything any more.
    async fn deliver(&self, heard: Heard) -> Result<(), Closed>;
}

/// Nobody takes what was heard any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody takes what the source tells any more")]
pub struct Closed;

/// A bounded channel is a sink.
#[async_trait]
impl Sink for tokio::sync::mpsc::Sender<Heard> {
    async fn deliver(&self, heard: Heard) -> Result<(), Closed> {
        self.send(heard).await.map_err(|_| Closed)
    }
}
