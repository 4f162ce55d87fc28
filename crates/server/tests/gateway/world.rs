//! A gateway with one source `pbx`, and tokens whose text is their name.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use model::{Clock, Now};
use serde_json::{Value, json};
use server::{
    config::{Config, Digest, Outside, Variables},
    gateway::{Gateway, Means, SystemClock},
    webhooks::Room,
};
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    client::{Client, PATIENCE, Reply},
    toy::{self, Pbx},
};

pub(crate) struct World {
    pub(crate) pbx: Pbx,
    pub(crate) running: Running,
    pub(crate) folder: TempDir,
    setup: Setup,
}

/// What a test changes about the world. It stays over restarts.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) clock: Arc<PushedClock>,
    pub(crate) room: Room,
    pub(crate) config: Text,
}

/// What a test changes about the config.
#[derive(Clone)]
pub(crate) struct Text {
    /// Tokens that are not there.
    pub(crate) without: &'static [&'static str],
    pub(crate) webhooks: String,
    pub(crate) log: &'static str,
    pub(crate) limits: &'static str,
}

/// Runs with the machine; its civil time can be pushed. Deadlines of connections are on the other clock, and stay.
pub(crate) struct PushedClock {
    system: SystemClock,
    pushed: Mutex<Duration>,
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    changes: mpsc::Sender<Config>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Name, scopes, and what narrows it.
const TOKENS: [(&str, &str, &str); 9] = [
    ("boss", r#"["admin"]"#, ""),
    ("crm", r#"["commands:write", "events:read"]"#, ""),
    ("other", r#"["commands:write"]"#, ""),
    ("reader", r#"["events:read", "state:read"]"#, ""),
    ("acme", r#"["commands:write"]"#, r#"tenants = ["acme"]"#),
    (
        "umbrella",
        r#"["commands:write"]"#,
        r#"tenants = ["umbrella"]"#,
    ),
    ("hooks", r#"["webhooks:write", "events:read"]"#, ""),
    (
        "acme-hooks",
        r#"["webhooks:write", "events:read"]"#,
        r#"tenants = ["acme"]"#,
    ),
    ("calls", r#"["commands:write"]"#, r#"types = ["call.*"]"#),
];

impl World {
    /// A gateway that is connected to its PBX, where a call `c1` of tenant `acme` is open.
    pub(crate) async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    pub(crate) async fn start_with(setup: Setup) -> Self {
        let folder = TempDir::new().unwrap();
        let mut pbx = Pbx::start().await;
        let running = Running::start_with(folder.path(), &pbx.url(), &setup).await;
        pbx.accept().await;
        pbx.say("call c1 t-acme").await;
        let world = Self {
            pbx,
            running,
            folder,
            setup,
        };
        world
            .until("/v1/calls/pbx:c1", |call| call["state"] == "active")
            .await;
        world
    }

    pub(crate) async fn restart(self) -> Self {
        self.restart_after(|_| {}).await
    }

    /// The same, with something that happens while nobody is there.
    pub(crate) async fn restart_after(self, meanwhile: impl FnOnce(&mut Setup)) -> Self {
        let Self {
            mut pbx,
            running,
            folder,
            mut setup,
        } = self;
        running.stop().await;
        meanwhile(&mut setup);
        let running = Running::start_with(folder.path(), &pbx.url(), &setup).await;
        pbx.accept().await;
        let world = Self {
            pbx,
            running,
            folder,
            setup,
        };
        world
            .until("/v1/sources/pbx", |source| source["state"] == "connected")
            .await;
        world
    }

    /// Time passes. Whoever sleeps until then does not notice until something happens.
    pub(crate) fn pass(&self, time: Duration) {
        self.setup.clock.pass(time);
    }

    /// The gateway takes over another config.
    pub(crate) async fn reconfigure(&mut self, change: impl FnOnce(&mut Text)) {
        change(&mut self.setup.config);
        let config = config(self.folder.path(), &self.pbx.url(), &self.setup.config);
        self.running.changes.send(config).await.unwrap();
    }

    pub(crate) fn client(&self, token: &str) -> Client {
        client(self.running.address, token)
    }

    /// Gives a command as `crm`, under a key or none.
    pub(crate) async fn give(&self, key: &str, body: &Value) -> Reply {
        self.give_as("crm", key, body).await
    }

    pub(crate) async fn give_as(&self, token: &str, key: &str, body: &Value) -> Reply {
        give(&self.client(token), key, body).await
    }

    /// Waits until a resource is as wanted.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        until(&self.client("boss"), path, wanted).await
    }

    /// Waits until a command has an outcome.
    pub(crate) async fn finished(&self, reply: &Reply) -> Value {
        let place = reply.header("location").unwrap();
        self.until(place, |command| command["state"] != "accepted")
            .await
    }

    /// Every event about commands so far.
    pub(crate) async fn events(&self) -> Vec<Value> {
        let reply = self.client("boss").get("/v1/events?types=command.*").await;
        reply.json().as_array().unwrap().clone()
    }
}

impl Running {
    pub(crate) async fn start(folder: &Path, pbx: &str) -> Self {
        Self::start_with(folder, pbx, &Setup::default()).await
    }

    async fn start_with(folder: &Path, pbx: &str, setup: &Setup) -> Self {
        let config = config(folder, pbx, &setup.config);
        let means = Means {
            build: toy::find,
            clock: Arc::clone(&setup.clock) as Arc<dyn Clock>,
            room: setup.room,
        };
        let gateway = Gateway::start_with(config, means).await.unwrap();
        let (address, stop) = (gateway.address(), CancellationToken::new());
        let stopped = stop.clone();
        let (changes, changed) = mpsc::channel(1);
        let task = tokio::spawn(async move { gateway.run_with(changed, stopped).await.unwrap() });
        Self {
            address,
            changes,
            stop,
            task,
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task)
            .await
            .expect("it stops")
            .unwrap();
    }
}

pub(crate) fn client(address: SocketAddr, token: &str) -> Client {
    Client::new(address)
        .header("Authorization", &format!("Bearer {token}"))
        .header("Content-Type", "application/json")
}

pub(crate) async fn give(client: &Client, key: &str, body: &Value) -> Reply {
    let client = client.again();
    let client = if key.is_empty() {
        client
    } else {
        client.header("Idempotency-Key", key)
    };
    let body = body.to_string();
    client
        .send("POST", "/v1/sources/pbx/commands", body.as_bytes())
        .await
}

pub(crate) async fn until(client: &Client, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let look = async {
        loop {
            let reply = client.get(path).await;
            if reply.status == 200 && wanted(&reply.json()) {
                return reply.json();
            }
            // Asked more often, the gateway would ask for patience.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, look)
        .await
        .unwrap_or_else(|_| panic!("{path} never was as wanted"))
}

pub(crate) fn hang_up(call: &str) -> Value {
    json!({"type": "hangup", "target": call})
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            clock: Arc::new(PushedClock {
                system: SystemClock::start(),
                pushed: Mutex::default(),
            }),
            room: Room::default(),
            config: Text {
                without: &[],
                webhooks: "allow_http = true\nallow_networks = [\"127.0.0.0/8\"]\nkey = \"a key\""
                    .into(),
                log: "",
                limits: "",
            },
        }
    }
}

impl PushedClock {
    pub(crate) fn pass(&self, time: Duration) {
        *self.pushed.lock().unwrap() += time;
    }
}

impl Clock for PushedClock {
    fn now(&self) -> Now {
        let now = self.system.now();
        Now {
            wall: now.wall.after(*self.pushed.lock().unwrap()),
            ..now
        }
    }
}

fn config(folder: &Path, pbx: &str, given: &Text) -> Config {
    let mut text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[log]\npath = {:?}\n{}\n[auth]\nmode = \"tokens\"\n",
        folder.join("events.db"),
        given.log
    );
    let there = |(name, ..): &&(&str, &str, &str)| !given.without.contains(name);
    for (name, scopes, narrowing) in TOKENS.iter().filter(there) {
        let sha256 = Digest::of(name);
        let _ = writeln!(
            text,
            "[[auth.tokens]]\nname = {name:?}\nsha256 = \"{sha256}\"\nscopes = {scopes}\n{narrowing}"
        );
    }
    let (webhooks, limits) = (&given.webhooks, given.limits);
    let _ = writeln!(
        text,
        "[sources.pbx]\nadapter = \"toy\"\nurl = \"{pbx}\"\nreconnect = {{ initial = \"10ms\", max = \"50ms\", budget_per_min = 1000 }}\n\
         [sources.gone]\nadapter = \"toy\"\nurl = \"ws://127.0.0.1:1\"\n\
         [webhooks]\n{webhooks}\n\
         [limits]\n{limits}\n\
         [tenants]\nacme = {{ pbx = \"t-acme\" }}"
    );
    let variables = Variables::new();
    let outside = Outside {
        variables: &variables,
        read_file: &|path: &Path| std::fs::read_to_string(path),
    };
    Config::read(Path::new("toy.toml"), &text, outside, &[toy::ENTRY]).unwrap()
}
