//! The suite that every adapter passes, against the simulated service.

#[path = "still/config.rs"]
mod config;
mod still;

use std::{sync::Arc, time::Duration};

use adapter::{Adapter, Limits};
use async_trait::async_trait;
use model::SourceId;
use serde_json::json;
use telecomx::{
    TelecomX,
    sim::{Lever, Profile, Sim},
};
use testkit::conformance::{Fault, Subject};

use crate::{config::config, still::Still};

testkit::conformance!(Simulated);

struct Simulated(Sim<Still>);

#[async_trait]
impl Subject for Simulated {
    #[expect(clippy::expect_used, reason = "a test without a port cannot go on")]
    async fn start() -> Self {
        let sim = Sim::start(Profile::default().quiet(), Still::default()).await;
        Self(sim.expect("a free port"))
    }

    #[expect(clippy::expect_used, reason = "the name is a legal one")]
    fn adapter(&self, silence: Duration) -> Arc<dyn Adapter> {
        let limits = Limits {
            silence,
            max_frame: 4 << 20,
        };
        let source = SourceId::new("subject").expect("a source id");
        Arc::new(TelecomX::new(source, config(&self.0), limits))
    }

    async fn tell(&self, n: u32) {
        let event = json!({
            "event": "EMPLOYEE_PRESENCE_CHANGED", "customer": self.0.profile().customer,
            "_id": "5f00000000000000000000a1", "pbxServer": "pbx1", "eventId": format!("e-{n}"),
            "data": {"state": "AVAILABLE", "message": format!("novelty-{n}.")},
        });
        self.0.send(format!("42{}", json!(["PBX", event]))).await;
    }

    async fn fault(&self, fault: Fault) {
        match fault {
            Fault::Drop => self.0.pull(Lever::Drop),
            Fault::Silence => self.0.pull(Lever::HalfOpen),
            Fault::RefuseLogins => self.0.pull(Lever::RefuseLogins),
            Fault::AcceptLogins => self.0.pull(Lever::AcceptLogins),
            Fault::Garbage => {
                for garbage in [
                    "not a packet",
                    "",
                    "42[[[[",
                    r#"42[7]"#,
                    "\u{0}",
                    r#"42["PBX",7]"#,
                ] {
                    self.0.send(garbage).await;
                }
            }
        }
    }
}
