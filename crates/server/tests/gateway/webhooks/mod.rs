//! Events to endpoints.

mod endpoint;
mod figures;
mod kill;
mod losses;
mod official;
mod patience;
mod receiver;
mod reload;
mod room;
mod tls;
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

    /// What is told of webhooks in the log, oldest first.
    async fn told(&self) -> Vec<Value> {
        let reply = self
            .client("boss")
            .get("/v1/events?types=webhook.*&limit=1000")
            .await;
        reply.json().as_array().unwrap().clone()
    }

    /// Waits until something is told of webhooks.
    async fn until_told(&self, kind: &str) -> Value {
        let path = format!("/v1/events?types={kind}&limit=1000");
        let told = self
            .until(&path, |all| !all.as_array().unwrap().is_empty())
            .await;
        told.as_array().unwrap().last().unwrap().clone()
    }

    /// Waits until the deliveries of a status are as wanted.
    async fn until_deliveries(
        &self,
        id: &str,
        status: &str,
        wanted: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let path = format!("/v1/webhooks/{id}/deliveries?status={status}&limit=1000");
        let list = self
            .until(&path, |list| wanted(list["items"].as_array().unwrap()))
            .await;
        list["items"].as_array().unwrap().clone()
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
