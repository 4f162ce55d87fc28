//! Basix PBX over its event feed `ws_cti`: BERT terms in WebSocket frames.
//!
//! [`wire`] decodes frames and builds commands, [`map`] gives them meaning. Both are pure. [`link`] owns the socket, and
//! `sim`, behind the feature of that name, is a PBX to try them on.

pub mod capability;
pub mod command;
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
use model::SourceId;

pub use capability::capabilities;
pub use command::commands;
pub use config::Config;
pub use map::Translator;

/// A configured Basix PBX.
pub struct Basix {
    source: SourceId,
    config: Config,
    limits: Limits,
    descriptor: Descriptor,
}

impl Basix {
    /// A source of that name. Opens no connection.
    #[must_use]
    pub fn new(source: SourceId, config: Config, limits: Limits) -> Self {
        Self {
            descriptor: Descriptor {
                adapter: "basix",
                mapping: "basix/1",
                capabilities: capabilities(),
                commands: commands(),
                tenant: config.domain.as_deref().map(Into::into),
                call_grace: Duration::from_secs(3),
                silence: limits.silence / socket::PATIENCE,
            },
            source,
            config,
            limits,
        }
    }
}

#[async_trait]
impl Adapter for Basix {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn translator(&self, resume: Resume) -> Box<dyn adapter::Translator> {
        Box::new(Translator::new(&self.source, &self.config, &resume))
    }

    fn places(&self) -> Result<Vec<Place>, LinkError> {
        Ok(vec![link::place(&self.config)?])
    }

    async fn connect(&self, tap: Arc<dyn Tap>) -> Result<Box<dyn Link>, LinkError> {
        let connection = link::connect(&self.config, self.limits, tap).await?;
        Ok(Box::new(connection))
    }
}
