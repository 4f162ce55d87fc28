//! The suite that every adapter passes, against the simulated PBX.

use std::{sync::Arc, time::Duration};

use adapter::{Adapter, Limits};
use async_trait::async_trait;
use serde_json::json;
use testkit::conformance::{Fault, Subject};

use super::{adapter::BellPbx, pbx::Pbx};

testkit::conformance!(Simulated);

struct Simulated(Pbx);

#[async_trait]
impl Subject for Simulated {
    async fn start() -> Self {
        Self(Pbx::start().await)
    }

    fn adapter(&self, silence: Duration) -> Arc<dyn Adapter> {
        let limits = Limits {
            silence,
            max_frame: 1 << 20,
        };
        Arc::new(BellPbx::new(self.0.url(), limits))
    }

    async fn tell(&self, n: u32) {
        self.0
            .say(&json!({"bell": "over", "call": format!("novelty-{n}.")}));
    }

    async fn fault(&self, fault: Fault) {
        match fault {
            Fault::Drop => self.0.drop_all(),
            Fault::Silence => self.0.fall_silent(),
            Fault::RefuseLogins => self.0.refuse(true),
            Fault::AcceptLogins => self.0.refuse(false),
            Fault::Garbage => {
                for garbage in ["", "no json", "[[[[", r#"{"bell":{}}"#] {
                    self.0.say_text(garbage);
                }
            }
        }
    }
}
