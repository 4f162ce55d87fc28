//! The contract of an adapter and its link.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use model::{Collection, Text};

use crate::{
    Capabilities, CommandSpec, LinkError, Measure, Resume, Tap, Translator, socket::Place,
};

/// What is fixed about a configured adapter.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// The adapter's name, as in the config: `portsip`.
    pub adapter: &'static str,
    /// The mapping and its version, for `origin.mapping`: `portsip/1`.
    pub mapping: &'static str,
    /// What this source can tell, as configured.
    pub capabilities: Capabilities,
    /// What this source can be told to do, as configured.
    pub commands: Vec<CommandSpec>,
    /// The PBX's id of the tenant that everything of this source belongs to; none when it has several, or none.
    pub tenant: Option<Text>,
    /// How long a call that had an open leg and has none stays open.
    pub call_grace: Duration,
    /// Send a ping when the link has been idle this long; three idle pings in a row end it. A third of `silence`.
    pub silence: Duration,
}

/// A configured source of one PBX kind. Made from the config without any IO.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// What is fixed about it.
    fn descriptor(&self) -> &Descriptor;

    /// A decoder and map that goes on from what was known before.
    fn translator(&self, resume: Resume) -> Box<dyn Translator>;

    /// What a received frame says, decoded, for people who ask why. None when a frame cannot be read by itself.
    fn decode(&self, frame: &[u8]) -> Option<serde_json::Value> {
        serde_json::from_slice(frame).ok()
    }

    /// What its links have counted since the start, and how they are, for `/metrics`.
    fn measures(&self) -> Vec<Measure> {
        Vec::new()
    }

    /// Where it connects to, in the order in which it tries.
    ///
    /// # Errors
    /// When the configured URL cannot be used.
    fn places(&self) -> Result<Vec<Place>, LinkError> {
        Ok(Vec::new())
    }

    /// What it subscribes to, by the names of the PBX; nothing where the PBX tells unasked. A refusal is told as
    /// [`model::observation::SourceFact::Degraded`] with a reason that begins with the name and ` refused`.
    fn subscriptions(&self) -> Vec<Text> {
        Vec::new()
    }

    /// Connects, logs in and subscribes. The supervisor bounds the time.
    ///
    /// # Errors
    /// With the class that decides when to try again.
    async fn connect(&self, tap: Arc<dyn Tap>) -> Result<Box<dyn Link>, LinkError>;
}

/// An open connection to a PBX, logged in and subscribed.
#[async_trait]
pub trait Link: Send {
    /// The dialect spoken, configured or detected.
    fn dialect(&self) -> Option<Text>;

    /// The collections that a snapshot after connecting sets right.
    fn reconciles(&self) -> Vec<Collection>;

    /// Waits for at least one frame and takes all that are there, up to a bound. Keeps the connection alive meanwhile.
    /// Safe to cancel: no frame is lost.
    ///
    /// # Errors
    /// When the connection ended; frames read before it are in `frames`.
    async fn read(&mut self, frames: &mut Vec<Bytes>) -> Result<(), LinkError>;

    /// Sends a request that the translator asked for.
    ///
    /// # Errors
    /// When the connection ended.
    async fn send(&mut self, request: Bytes) -> Result<(), LinkError>;

    /// Says goodbye, within a second.
    async fn close(&mut self);
}
