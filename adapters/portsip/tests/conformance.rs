//! The suite that every adapter passes, against the simulated PBX.

use std::{sync::Arc, time::Duration};

use adapter::{Adapter, Limits};
use async_trait::async_trait;
use model::SourceId;
use portsip::{
    Portsip,
    sim::{Lever, Profile, Sim},
};
use testkit::conformance::{Fault, Subject};

testkit::conformance!(Simulated);

struct Simulated(Sim);

#[async_trait]
impl Subject for Simulated {
    #[expect(clippy::expect_used, reason = "a test without a port cannot go on")]
    async fn start() -> Self {
        let sim = Sim::start(Profile::default().quiet()).await;
        Self(sim.expect("a free port"))
    }

    #[expect(clippy::expect_used, reason = "the name is a legal one")]
    fn adapter(&self, silence: Duration) -> Arc<dyn Adapter> {
        let limits = Limits {
            silence,
            max_frame: 4 << 20,
        };
        let source = SourceId::new("subject").expect("a source id");
        Arc::new(Portsip::new(source, self.0.config(), limits))
    }

    async fn tell(&self, n: u32) {
        let event = format!(
            r#"{{"event_type":"extension_presence","extension":"sip:101@test.io","extension_id":"883611252155219996","presence":"AWAY","presence_note":"novelty-{n}.","tenant_id":"883611252155219968","time":"1725845662"}}"#
        );
        self.0.send(event).await;
    }

    async fn fault(&self, fault: Fault) {
        match fault {
            Fault::Drop => self.0.pull(Lever::Drop),
            Fault::Silence => self.0.pull(Lever::HalfOpen),
            Fault::RefuseLogins => self.0.pull(Lever::RefuseLogins),
            Fault::AcceptLogins => self.0.pull(Lever::AcceptLogins),
            Fault::Garbage => {
                for garbage in ["not json", "", "[[[[", r#"{"event_type":7}"#, "\u{0}"] {
                    self.0.send(garbage).await;
                }
            }
        }
    }
}
