//! The suite that every adapter passes, against the simulated PBX.

use std::{sync::Arc, time::Duration};

use adapter::{Adapter, Limits};
use async_trait::async_trait;
use basix::{
    Basix,
    sim::{Lever, Profile, Sim},
};
use model::SourceId;
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
        Arc::new(Basix::new(source, self.0.config(), limits))
    }

    async fn tell(&self, n: u32) {
        let message = serde_json::json!({"term": [":msg", format!("novelty-{n}.")]});
        assert!(self.0.write(&message).await);
    }

    async fn fault(&self, fault: Fault) {
        match fault {
            Fault::Drop => self.0.pull(Lever::Drop),
            Fault::Silence => self.0.pull(Lever::HalfOpen),
            Fault::RefuseLogins => self.0.pull(Lever::RefuseLogins),
            Fault::AcceptLogins => self.0.pull(Lever::AcceptLogins),
            Fault::Garbage => self.0.send_hostile().await,
        }
    }
}
