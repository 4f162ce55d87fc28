//! A receiver of webhooks that answers as the test says.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use server::webhooks::secret::Signer;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::client::PATIENCE;

/// What was received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    all: watch::Receiver<Vec<Received>>,
    task: JoinHandle<()>,
}

/// The status for what is received, with lines of headers after it; 0 to say nothing at all.
type Script = Arc<Mutex<dyn FnMut(&Received) -> (u16, String) + Send>>;

impl Received {
    pub(crate) fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn id(&self) -> String {
        self.headers["webhook-id"].clone()
    }

    /// Whether one of the signatures was made with this secret.
    pub(crate) fn is_signed(&self, secret: &str) -> bool {
        let signer = Signer::parse(secret).unwrap();
        let (timestamp, signatures) = (
            &self.headers["webhook-timestamp"],
            &self.headers["webhook-signature"],
        );
        signer.verify(&self.id(), timestamp, self.body.as_bytes(), signatures)
    }
}

impl Receiver {
    pub(crate) async fn start(script: impl FnMut(&Received) -> u16 + Send + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), script).await
    }

    pub(crate) async fn at(
        address: SocketAddr,
        mut script: impl FnMut(&Received) -> u16 + Send + 'static,
    ) -> Self {
        Self::listen(address, None, move |received| {
            (script(received), String::new())
        })
        .await
    }

    /// One whose answers carry headers.
    pub(crate) async fn start_saying(
        script: impl FnMut(&Received) -> (u16, String) + Send + 'static,
    ) -> Self {
        Self::listen("127.0.0.1:0".parse().unwrap(), None, script).await
    }

    /// One that speaks TLS.
    pub(crate) async fn start_secure(
        tls: TlsAcceptor,
        mut script: impl FnMut(&Received) -> u16 + Send + 'static,
    ) -> Self {
        let script = move |received: &Received| (script(received), String::new());
        Self::listen("127.0.0.1:0".parse().unwrap(), Some(tls), script).await
    }

    async fn listen(
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        script: impl FnMut(&Received) -> (u16, String) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let script: Script = Arc::new(Mutex::new(script));
        let (sender, all) = watch::channel(Vec::new());
        let sender = Arc::new(sender);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (script, sender, tls) = (Arc::clone(&script), Arc::clone(&sender), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve(socket, script, sender).await,
                        Some(tls) => {
                            // Whoever does not believe the certificate is gone by now.
                            if let Ok(socket) = tls.accept(socket).await {
                                serve(socket, script, sender).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            scheme,
            all,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        match self.scheme {
            "https" => format!("https://localhost:{}/hook", self.address.port()),
            scheme => format!("{scheme}://{}/hook", self.address),
        }
    }

    pub(crate) fn all(&self) -> Vec<Received> {
        self.all.borrow().clone()
    }

    /// Waits until what was received is enough.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        enough: impl Fn(&[Received]) -> bool,
    ) -> Vec<Received> {
        let wait = self.all.wait_for(|all| enough(all));
        let all = timeout(PATIENCE, wait).await;
        all.unwrap_or_else(|_| panic!("never received {what}"))
            .unwrap()
            .clone()
    }

    /// Nobody is there any more.
    pub(crate) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    socket: S,
    script: Script,
    sender: Arc<watch::Sender<Vec<Received>>>,
) {
    let mut socket = BufReader::new(socket);
    while let Some(received) = request(&mut socket).await {
        let (status, headers) = {
            let mut script = script.lock().unwrap();
            script(&received)
        };
        sender.send_modify(|all| all.push(received));
        if status == 0 {
            return std::future::pending().await;
        }
        let answer = format!("HTTP/1.1 {status} As Told\r\n{headers}content-length: 2\r\n\r\nok");
        if socket.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn request<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut BufReader<S>) -> Option<Received> {
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    socket.read_line(&mut line).await.ok().filter(|n| *n > 0)?;
    assert!(line.starts_with("POST /hook HTTP/1.1"), "{line}");
    loop {
        line.clear();
        socket.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        headers.insert(name.to_owned(), value.to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    socket.read_exact(&mut body).await.ok()?;
    Some(Received {
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}
