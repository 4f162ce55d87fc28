//! Telecom X over its realtime interface: Socket.IO for events, REST for snapshots.
//!
//! [`wire`] decodes events, [`map`] gives them meaning. Both are pure. [`link`] owns the socket, speaks Engine.IO 3 and 4,
//! and asks the REST interface what the map wants to know. `sim`, behind the feature of that name, is a service to try
//! them on.

pub mod capability;
pub mod config;
pub mod link;
pub mod map;
#[cfg(feature = "sim")]
pub mod sim;
pub mod wire;

use std::{sync::Arc, time::Duration};

use adapter::{
    Adapter, Descriptor, Limits, Link, LinkError, Measure, Resume, Tap,
    socket::{self, Place},
};
use async_trait::async_trait;
use model::{SourceId, Text};

pub use capability::{capabilities, reconciles};
pub use config::Config;
pub use map::{Translator, commands};

/// A configured customer of Telecom X.
pub struct TelecomX {
    source: SourceId,
    config: Config,
    limits: Limits,
    memory: link::Memory,
    descriptor: Descriptor,
}

impl TelecomX {
    /// A source of that name. Opens no connection.
    #[must_use]
    pub fn new(source: SourceId, config: Config, limits: Limits) -> Self {
        Self {
            descriptor: Descriptor {
                adapter: "telecomx",
                mapping: "telecomx/1",
                capabilities: capabilities(&config),
                commands: commands(),
                tenant: config.customer.as_deref().map(Into::into),
                call_grace: Duration::from_secs(3),
                silence: limits.silence / socket::PATIENCE,
            },
            source,
            config,
            limits,
            memory: link::Memory::default(),
        }
    }
}

#[async_trait]
impl Adapter for TelecomX {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn translator(&self, resume: Resume) -> Box<dyn adapter::Translator> {
        Box::new(Translator::new(&self.source, &self.config, &resume))
    }

    fn places(&self) -> Result<Vec<Place>, LinkError> {
        Ok(vec![link::place(&self.config.url)?])
    }

    fn subscriptions(&self) -> Vec<Text> {
        let channels = self.config.known_channels().into_iter();
        channels.map(|channel| channel.as_str().into()).collect()
    }

    fn measures(&self) -> Vec<Measure> {
        self.memory.measures()
    }

    async fn connect(&self, tap: Arc<dyn Tap>) -> Result<Box<dyn Link>, LinkError> {
        let connecting = link::connect(&self.source, &self.config, self.limits, &self.memory, tap);
        Ok(Box::new(connecting.await?))
    }
}
