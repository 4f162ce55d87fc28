//! A scripted PortSIP PBX: it logs clients in, remembers what they subscribe, says what the test wants said, and misbehaves on demand.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

use crate::{portsip::Tenant, wait};

/// A PBX on a free port of this machine.
#[derive(Debug)]
pub struct Pbx {
    address: SocketAddr,
    tenant: Tenant,
    shared: Arc<Mutex<Shared>>,
    listener: JoinHandle<()>,
}

/// How it meets clients that connect from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    /// Logs them in and serves them.
    Welcome,
    /// Calls their password wrong.
    RefuseCredentials,
    /// Takes the connection and says nothing, not even HTTP.
    Hang,
    /// Answers the handshake and never the login.
    HangInLogin,
    /// Closes the connection at once.
    SlamTheDoor,
}

#[derive(Debug)]
struct Shared {
    manners: Manners,
    accepted: usize,
    heard: Vec<Value>,
    live: Vec<mpsc::Sender<Say>>,
}

#[derive(Debug)]
enum Say {
    Frame(Message),
    /// Drop the connection without a word.
    Nothing,
}

impl Pbx {
    /// The password of the user `supervisor`.
    pub const PASSWORD: &str = "let-me-in";

    /// A PBX with the documented tenant.
    pub async fn start() -> Self {
        Self::of(Tenant::new(0)).await
    }

    /// A PBX with a tenant.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn of(tenant: Tenant) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Mutex::new(Shared {
            manners: Manners::Welcome,
            accepted: 0,
            heard: Vec::new(),
            live: Vec::new(),
        }));
        let task = accept(listener, tenant.clone(), Arc::clone(&shared));
        Self {
            address,
            tenant,
            shared,
            listener: tokio::spawn(task),
        }
    }

    /// Where it is to be reached.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}/wsi", self.address)
    }

    /// Its tenant.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// How it meets clients from now on.
    pub fn behave(&self, manners: Manners) {
        lock(&self.shared).manners = manners;
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        lock(&self.shared).accepted
    }

    /// Commands heard so far, over all connections.
    #[must_use]
    pub fn heard(&self) -> Vec<Value> {
        lock(&self.shared).heard.clone()
    }

    /// Says a frame on every connection that has subscribed; waits until there is one.
    pub async fn say(&self, frame: &Value) {
        self.say_message(Message::text(frame.to_string())).await;
    }

    /// Says frames, one after another.
    pub async fn say_all(&self, frames: &[Value]) {
        for frame in frames {
            self.say(frame).await;
        }
    }

    /// Says any text or bytes.
    pub async fn say_message(&self, message: Message) {
        for client in self.clients().await {
            // A client that has just gone hears nothing.
            let _ = client.send(Say::Frame(message.clone())).await;
        }
    }

    /// Says a frame, unless nobody is there to hear it.
    pub async fn try_say(&self, frame: &Value) -> bool {
        let clients = self.present();
        for client in &clients {
            let _ = client
                .send(Say::Frame(Message::text(frame.to_string())))
                .await;
        }
        !clients.is_empty()
    }

    /// Drops every connection without a word, as a PBX that loses its power does.
    pub async fn hang_up(&self) {
        let clients = std::mem::take(&mut lock(&self.shared).live);
        for client in clients {
            let _ = client.send(Say::Nothing).await;
        }
    }

    /// Waits until a client has subscribed, and gives all that have.
    async fn clients(&self) -> Vec<mpsc::Sender<Say>> {
        wait::until("a client has subscribed", || {
            let live = self.present();
            async move { (!live.is_empty()).then_some(live) }
        })
        .await
    }

    fn present(&self) -> Vec<mpsc::Sender<Say>> {
        let mut shared = lock(&self.shared);
        shared.live.retain(|client| !client.is_closed());
        shared.live.clone()
    }
}

impl Drop for Pbx {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn accept(listener: TcpListener, tenant: Tenant, shared: Arc<Mutex<Shared>>) {
    let tenant = Arc::new(tenant);
    while let Ok((socket, _)) = listener.accept().await {
        let manners = {
            let mut shared = lock(&shared);
            shared.accepted += 1;
            shared.manners
        };
        // One small frame after another: each is to leave at once.
        let _ = socket.set_nodelay(true);
        let (tenant, shared) = (Arc::clone(&tenant), Arc::clone(&shared));
        tokio::spawn(async move { serve(socket, manners, &tenant, &shared).await });
    }
}

async fn serve(socket: TcpStream, manners: Manners, tenant: &Tenant, shared: &Mutex<Shared>) {
    match manners {
        Manners::SlamTheDoor => return,
        Manners::Hang => {
            let mut byte = [0];
            // Until the client gives up.
            while socket.readable().await.is_ok() && !matches!(socket.try_read(&mut byte), Ok(0)) {}
            return;
        }
        Manners::Welcome | Manners::RefuseCredentials | Manners::HangInLogin => {}
    }
    let Ok(mut socket) = accept_async(socket).await else {
        return;
    };
    let (sender, mut says) = mpsc::channel(64);
    let mut commands = 0;
    loop {
        tokio::select! {
            say = says.recv() => match say {
                Some(Say::Frame(frame)) => if socket.send(frame).await.is_err() { return },
                Some(Say::Nothing) | None => return,
            },
            message = socket.next() => {
                let Some(Ok(message)) = message else { return };
                let Ok(command) = serde_json::from_slice::<Value>(&message.into_data()) else { continue };
                commands += 1;
                lock(shared).heard.push(command.clone());
                let replies = reply(&command, commands, manners, tenant);
                let accepted = replies.first().is_some_and(|reply| reply["status"] == 0);
                for reply in replies {
                    if socket.send(Message::text(reply.to_string())).await.is_err() { return }
                }
                if accepted && command["command"] == "subscribe" && commands == 2 {
                    lock(shared).live.push(sender.clone());
                }
            }
        }
    }
}

/// The answer to a command, and the snapshots that follow it.
fn reply(command: &Value, number: u32, manners: Manners, tenant: &Tenant) -> Vec<Value> {
    let ok = |name: &str| json!({"command": name, "id": number.to_string(), "status": 0});
    match command["command"].as_str() {
        Some("auth") if manners == Manners::HangInLogin => Vec::new(),
        Some("auth") => {
            let known = command["username"] == "supervisor"
                && command["password"] == Pbx::PASSWORD
                && command["domain"] == tenant.domain.as_str();
            if known && manners == Manners::Welcome {
                return vec![ok("auth")];
            }
            let error = "access_token , username , domain or password error";
            vec![json!({"command": "auth", "error": error, "id": number.to_string(), "status": -1})]
        }
        Some("subscribe") => {
            let asks = |topic: &str| {
                command["topics"]
                    .as_array()
                    .is_some_and(|topics| topics.iter().any(|it| it == topic))
            };
            let mut replies = vec![ok("subscribe")];
            if asks("extension_events") {
                let numbers = command["extensions"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let numbers: Vec<String> = numbers
                    .iter()
                    .filter_map(|number| Some(number.as_str()?.to_owned()))
                    .collect();
                replies.push(tenant.extension_status(&numbers));
            }
            if asks("queue_events") {
                replies.push(tenant.queue_status());
            }
            replies
        }
        _ => vec![
            json!({"command": command["command"], "error": "unknown command", "id": number.to_string(), "status": -1}),
        ],
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().expect("nobody panics with the lock")
}
