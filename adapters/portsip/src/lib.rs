//! PortSIP PBX over its WebSocket publish/subscribe interface (WSI): v12, v16 and v22.
//!
//! [`wire`] decodes frames and builds requests, [`map`] gives them meaning. Both are pure. [`link`] owns the sockets,
//! and `sim`, behind the feature of that name, is a PBX to try them on.

pub mod capability;
pub mod config;
pub mod link;
pub mod map;
#[cfg(feature = "sim")]
pub mod sim;
pub mod wire;

use std::{sync::Arc, time::Duration};

use adapter::{
    Adapter, Descriptor, Limits, Link, LinkError, Resume, Tap,
    socket::{self, Place},
};
use async_trait::async_trait;
use model::{SourceId, Text};

pub use capability::capabilities;
pub use config::Config;
pub use map::Translator;

/// A configured PortSIP PBX.
pub struct Portsip {
    source: SourceId,
    config: Config,
    limits: Limits,
    descriptor: Descriptor,
}

impl Portsip {
    /// A source of that name. Opens no connection.
    #[must_use]
    pub fn new(source: SourceId, config: Config, limits: Limits) -> Self {
        Self {
            descriptor: Descriptor {
                adapter: "portsip",
                mapping: "portsip/1",
                capabilities: capabilities(&config, None),
                commands: Vec::new(),
                tenant: None,
                // As long as a call record may take after the last leg has ended.
                call_grace: Duration::from_secs(5),
                silence: limits.silence / socket::PATIENCE,
            },
            source,
            config,
            limits,
        }
    }
}

#[async_trait]
impl Adapter for Portsip {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn translator(&self, resume: Resume) -> Box<dyn adapter::Translator> {
        Box::new(Translator::new(&self.source, &self.config, &resume))
    }

    fn places(&self) -> Result<Vec<Place>, LinkError> {
        link::places(&self.config)
    }

    fn subscriptions(&self) -> Vec<Text> {
        let topics = self.config.known_topics().into_iter();
        topics.map(|topic| topic.as_str().into()).collect()
    }

    async fn connect(&self, tap: Arc<dyn Tap>) -> Result<Box<dyn Link>, LinkError> {
        let connection = link::connect(&self.config, self.limits, tap).await?;
        Ok(Box::new(connection))
    }
}
