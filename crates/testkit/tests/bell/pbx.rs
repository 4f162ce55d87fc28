//! A simulated Bell PBX: accepts a token, lists its open calls, says what a test wants said.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast,
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{StatusCode, header},
    },
};

/// A PBX that behaves until it is told not to.
pub(crate) struct Pbx {
    address: SocketAddr,
    refusing: Arc<AtomicBool>,
    says: broadcast::Sender<Say>,
}

#[derive(Clone)]
enum Say {
    Text(String),
    Drop,
    Silence,
}

impl Pbx {
    /// Listens on a free port of the loopback interface.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let (says, _) = broadcast::channel(4096);
        let refusing = Arc::new(AtomicBool::new(false));
        let (ears, refuses) = (says.clone(), Arc::clone(&refusing));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve(tcp, Arc::clone(&refuses), ears.clone()));
            }
        });
        Self {
            address,
            refusing,
            says,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/bell", self.address)
    }

    pub(crate) fn say(&self, message: &Value) {
        self.say_text(&message.to_string());
    }

    pub(crate) fn say_text(&self, text: &str) {
        self.order(Say::Text(text.to_owned()));
    }

    pub(crate) fn drop_all(&self) {
        self.order(Say::Drop);
    }

    pub(crate) fn fall_silent(&self) {
        self.order(Say::Silence);
    }

    pub(crate) fn refuse(&self, refuse: bool) {
        self.refusing.store(refuse, Ordering::SeqCst);
    }

    fn order(&self, say: Say) {
        // Nobody may be connected.
        let _ = self.says.send(say);
    }
}

async fn serve(tcp: TcpStream, refusing: Arc<AtomicBool>, says: broadcast::Sender<Say>) {
    // A test may speak as soon as the client believes itself connected.
    let mut says = says.subscribe();
    #[expect(
        clippy::result_large_err,
        reason = "the type of the handshake's callback"
    )]
    let login = |request: &Request, response: Response| {
        let token = request.headers().get(header::AUTHORIZATION);
        if token.is_some_and(|token| token == "Bearer bell") && !refusing.load(Ordering::SeqCst) {
            return Ok(response);
        }
        let mut refusal = ErrorResponse::new(None);
        *refusal.status_mut() = StatusCode::UNAUTHORIZED;
        Err(refusal)
    };
    let Ok(mut ws) = accept_hdr_async(tcp, login).await else {
        return;
    };
    let list = json!({"bell": "calls", "open": []});
    if ws.send(Message::text(list.to_string())).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            said = says.recv() => match said {
                Ok(Say::Text(text)) => if ws.send(Message::text(text)).await.is_err() { return },
                Ok(Say::Drop) | Err(_) => return,
                // The socket stays open, and nobody reads or writes it any more.
                Ok(Say::Silence) => return std::future::pending().await,
            },
            heard = ws.next() => if !matches!(heard, Some(Ok(_))) { return },
        }
    }
}
