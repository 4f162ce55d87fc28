//! What an endpoint does first when it is switched on.

use hub::{Hub, log, tail::TailLimits};
use model::{EventType, source::WebhookState};
use serde_json::Map;
use telemetry::Tracer;
use tempfile::TempDir;

use super::*;
use crate::{
    gateway::SystemClock,
    trust,
    webhooks::{
        Room,
        client::{Client, PATIENCE},
        endpoint::{Kept, Owner, headers_text},
        guard::Guard,
        secret::{self, Vault},
    },
};

/// A hub, and what its endpoints share.
struct Rig {
    hub: Hub,
    parts: Arc<Parts>,
    _folder: TempDir,
}

impl Rig {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = hub::Options {
            log: log::Options::new(folder.path().join("log.db")),
            tail: TailLimits::default(),
            sources: BTreeMap::new(),
            random: [1; 8],
        };
        let clock: Arc<dyn model::Clock> = Arc::new(SystemClock::start());
        let (hub, _running) = hub::start(options, Arc::clone(&clock)).unwrap();
        hub.rebuilt().await.unwrap();
        let client = Client::new(Guard::default(), trust::connector(None).unwrap(), PATIENCE);
        let parts = Parts::new(
            hub.clone(),
            client,
            Room::default(),
            clock,
            Arc::new(|| Ok([7; 32])),
            Tracer::off(),
        );
        Self {
            hub,
            parts: Arc::new(parts),
            _folder: folder,
        }
    }

    /// Something happens: another endpoint is disabled.
    async fn happens(&self) {
        let event = endpoint("other").event(
            EventType::WebhookDisabled,
            None,
            None,
            Timestamp::from_secs(1_700_000_000),
        );
        self.hub.keep(Vec::new(), vec![event]).await.unwrap();
    }

    /// The task of an endpoint that is switched on, before it does anything, and what it can be asked.
    fn worker(&self, from: Position) -> (Worker, mpsc::Sender<Message>) {
        let (sender, inbox) = mpsc::channel(1);
        let shared = Arc::new(Shared::new(endpoint("one"), from));
        let worker = Worker::new(Arc::clone(&self.parts), shared, inbox, from);
        (worker, sender)
    }
}

fn endpoint(id: &str) -> Endpoint {
    let vault = Vault::new(None);
    let since = Timestamp::from_secs(1_700_000_000);
    Endpoint {
        id: id.into(),
        url: "https://hooks.example.com/".to_owned(),
        filter: Map::new(),
        description: None,
        headers: vault.seal(id, &headers_text(&BTreeMap::new()), [1; 32]),
        ordered: true,
        retry_for_s: None,
        owner: Owner {
            name: "crm".into(),
            token: false,
            tenants: None,
            sources: None,
            types: None,
            pii: true,
        },
        secrets: vec![Kept {
            secret: vault.seal(id, &secret::generate([2; 32]), [3; 32]),
            until: None,
        }],
        state: WebhookState::Enabled,
        reason: None,
        since,
        created_at: since,
        version: 0,
        failing_since: None,
    }
}

/// The order waits and the endpoint is on, as when both came while its task was busy: reading first would deliver what
/// happened while it was disabled.
#[tokio::test]
async fn an_enabled_webhook_reads_its_orders_first() {
    let rig = Rig::start().await;
    let from = rig.hub.tail().head();
    rig.happens().await;
    let (mut worker, orders) = rig.worker(from);
    worker.dress().await.unwrap();
    orders.try_send(Message::Enable { skip: true }).unwrap();
    let mut head = rig.hub.tail().watch();
    worker.go_on(&mut head).await.unwrap();
    assert_eq!(worker.queue.lanes(), 0, "what happened before is skipped");
    assert_eq!(worker.scanned, rig.hub.tail().head());

    rig.happens().await;
    worker.go_on(&mut head).await.unwrap();
    assert_eq!(worker.queue.lanes(), 1, "what happens from now on is not");
}

#[tokio::test]
async fn without_an_order_it_reads_on_where_it_stood() {
    let rig = Rig::start().await;
    let from = rig.hub.tail().head();
    rig.happens().await;
    let (mut worker, _orders) = rig.worker(from);
    worker.dress().await.unwrap();
    worker.go_on(&mut rig.hub.tail().watch()).await.unwrap();
    assert_eq!(worker.queue.lanes(), 1);
}
