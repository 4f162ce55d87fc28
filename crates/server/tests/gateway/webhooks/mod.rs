//! Events to endpoints.

mod endpoint;
mod figures;
mod kill;
mod official;
mod receiver;
mod trouble;

use serde_json::{Value, json};

use self::receiver::Receiver;
use crate::{client::Reply, world::World};

impl World {
    /// Makes a webhook for the starts of calls, as `hooks`. Its id and secret.
    async fn hook(&self, receiver: &Receiver, more: Value) -> (String, String) {
        let mut body = json!({"url": receiver.url(), "types": ["call.started"]});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let reply = self.ask("hooks", "POST", "", &body).await;
        assert_eq!(reply.status, 201, "{}", reply.json());
        let made = reply.json();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }

    async fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Reply {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.client(token)
            .send(method, &format!("/v1/webhooks{path}"), body.as_bytes())
            .await
    }
}
