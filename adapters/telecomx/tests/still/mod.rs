//! A service in which nothing happens by itself, for tests of the transport.

use std::time::Duration;

use serde_json::json;
use telecomx::sim::{Answer, Asked, Profile, Told, World};

/// A world in which nothing happens. It answers REST with what it was asked, unless told otherwise.
#[derive(Default)]
pub(crate) struct Still {
    /// Statuses to answer with first, the last of them first.
    pub(crate) statuses: Vec<u16>,
    /// So many bytes more in each answer.
    pub(crate) padding: usize,
}

impl World for Still {
    fn advance(&mut self, _: Duration) -> Vec<Told> {
        Vec::new()
    }

    fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    fn rest(&mut self, asked: &Asked<'_>) -> Answer {
        let status = self.statuses.pop().unwrap_or(200);
        let body = json!({
            "path": asked.path, "query": asked.query, "level": asked.account.level.as_str(), "token": "leak",
            "padding": "x".repeat(self.padding),
        });
        Answer { status, body }
    }

    fn chatter(&mut self, n: u64) -> Option<Told> {
        Some(told(n))
    }

    fn restart(&mut self) {}
}

/// An event of the customer that nobody knows, with a number.
pub(crate) fn told(n: u64) -> Told {
    Told {
        kind: "PBX",
        customer: Some(Profile::default().customer),
        event: "N".to_owned(),
        admin: false,
        body: json!({"event": "N", "n": n}),
    }
}
