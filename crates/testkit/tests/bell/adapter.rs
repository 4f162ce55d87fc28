//! The adapter: what is fixed about a Bell PBX, and its parts.

use std::{sync::Arc, time::Duration};

use adapter::{
    Adapter, Capabilities, Descriptor, Limits, Link, LinkError, Resume, Support, Tap, Translator,
    socket,
};
use async_trait::async_trait;
use model::EventType;

use super::{link, map::Bell};

pub(crate) struct BellPbx {
    url: String,
    limits: Limits,
    descriptor: Descriptor,
}

impl BellPbx {
    pub(crate) fn new(url: String, limits: Limits) -> Self {
        let descriptor = Descriptor {
            adapter: "bell",
            mapping: "bell/1",
            capabilities: capabilities(),
            commands: Vec::new(),
            tenant: None,
            call_grace: Duration::from_secs(3),
            silence: limits.silence / socket::PATIENCE,
        };
        Self {
            url,
            limits,
            descriptor,
        }
    }
}

/// What a Bell PBX tells, and what the gateway concludes. All else it can never tell, and who asks for it is told so.
pub(crate) fn capabilities() -> Capabilities {
    use EventType::{
        CallAnswered, CallEnded, CallMissed, CallRinging, CallStarted, LegAnswered, LegEnded,
        LegRinging, LegStarted,
    };
    let told = [
        CallStarted,
        CallRinging,
        CallAnswered,
        CallEnded,
        LegStarted,
        LegRinging,
        LegAnswered,
    ];
    Capabilities::default()
        .with(Support::Native, &told)
        .with(Support::Inferred, &[CallMissed, LegEnded])
}

#[async_trait]
impl Adapter for BellPbx {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn translator(&self, _: Resume) -> Box<dyn Translator> {
        Box::new(Bell)
    }

    async fn connect(&self, tap: Arc<dyn Tap>) -> Result<Box<dyn Link>, LinkError> {
        Ok(Box::new(link::connect(&self.url, self.limits, tap).await?))
    }
}
