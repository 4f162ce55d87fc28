//! `switchhook tail` against a gateway whose every frame is scripted.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
    process::{Child, Command},
};
use tokio_rustls::{TlsAcceptor, rustls::pki_types::PrivateKeyDer};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// A gateway that does what a test says.
struct Gateway {
    listener: TcpListener,
    address: SocketAddr,
}

/// One connection to it, and what was asked for.
struct Connection {
    socket: WebSocketStream<TcpStream>,
    target: String,
    authorization: Option<String>,
}

impl Gateway {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    /// The program, following this gateway.
    fn tail(&self, args: &[&str]) -> Command {
        tail(&format!("http://{}", self.address), args)
    }

    async fn accept(&self) -> Connection {
        let (socket, _) = self.listener.accept().await.unwrap();
        let mut asked = (String::new(), None);
        #[expect(clippy::result_large_err, reason = "the signature is the library's")]
        let note = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            let authorization = request.headers().get("authorization");
            let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
            asked = (request.uri().to_string(), authorization);
            Ok(response)
        };
        let socket = accept_hdr_async(socket, note).await.unwrap();
        let (target, authorization) = asked;
        Connection {
            socket,
            target,
            authorization,
        }
    }

    /// Answers the next handshake with a problem.
    async fn refuse(&self, status: &str, problem: &Value) {
        let (mut socket, _) = self.listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert_ne!(socket.read(&mut request).await.unwrap(), 0);
        let body = problem.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all((head + &body).as_bytes()).await.unwrap();
    }
}

impl Connection {
    async fn send(&mut self, frame: &Value) {
        self.socket
            .send(Message::text(frame.to_string()))
            .await
            .unwrap();
    }

    async fn close(mut self, code: u16) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: "scripted".into(),
        };
        self.socket.send(Message::Close(Some(frame))).await.unwrap();
        while self.socket.next().await.is_some_and(|frame| frame.is_ok()) {}
    }
}

/// The program, following the gateway at this URL.
fn tail(url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchhook"));
    command
        .arg("tail")
        .args(args)
        .env_clear()
        .env("SWITCHHOOK_URL", url)
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn stream(kind: &str, data: &Value) -> Value {
    json!({"specversion": "1.0", "id": "s-1", "source": "/streams/1", "type": format!("stream.{kind}"), "data": data})
}

fn event(n: u32, kind: &str) -> Value {
    json!({
        "specversion": "1.0",
        "id": format!("k3v9q2xw-{n:016x}"),
        "source": "/sources/hq",
        "type": kind,
        "subject": format!("calls/hq:{n}"),
        "time": "2026-11-20T09:41:07.412Z",
        "data": {
            "call": {
                "state": "ringing",
                "caller": {"number": {"raw": "02079460018"}},
                "callee": {"extension": {"number": "101"}, "name": "Anna"},
            },
        },
    })
}

const WITHIN: Duration = Duration::from_secs(60);

async fn ended(child: Child) -> Output {
    tokio::time::timeout(WITHIN, child.wait_with_output())
        .await
        .unwrap()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn events_are_printed_and_a_lost_connection_is_resumed_after_the_last() {
    let gateway = Gateway::start().await;
    let tail = gateway.tail(&[
        "--types",
        "call.*",
        "--extensions",
        "101",
        "--token",
        "swh_x",
    ]);
    let child = { tail }.spawn().unwrap();

    let mut first = gateway.accept().await;
    assert_eq!(first.target, "/v1/events?types=call.*&extensions=101");
    assert_eq!(first.authorization.as_deref(), Some("Bearer swh_x"));
    first
        .send(&stream(
            "opened",
            &json!({"cursor": "k3v9q2xw-0000000000000000", "heartbeat_s": 30}),
        ))
        .await;
    first.send(&event(1, "call.started")).await;
    first.send(&event(2, "call.ringing")).await;
    drop(first);

    let mut second = gateway.accept().await;
    assert!(
        second.target.ends_with("&after=k3v9q2xw-0000000000000002"),
        "{}",
        second.target
    );
    second
        .send(&stream(
            "opened",
            &json!({"cursor": "k3v9q2xw-0000000000000002"}),
        ))
        .await;
    second
        .send(&stream(
            "bookmark",
            &json!({"cursor": "k3v9q2xw-0000000000000009"}),
        ))
        .await;
    second.close(4501).await;

    let mut third = gateway.accept().await;
    assert!(
        third.target.ends_with("&after=k3v9q2xw-0000000000000009"),
        "{}",
        third.target
    );
    third.send(&event(10, "call.ended")).await;
    third.close(4401).await;

    let output = ended(child).await;
    assert_eq!(output.status.code(), Some(78), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        "09:41:07.412 hq       call.started                   02079460018 → 101 Anna  ringing\n\
         09:41:07.412 hq       call.ringing                   02079460018 → 101 Anna  ringing\n\
         09:41:07.412 hq       call.ended                     02079460018 → 101 Anna\n"
    );
    let told = text(&output.stderr);
    assert!(
        told.contains("again in") && told.contains("4501") && told.contains("4401"),
        "{told}"
    );
}

#[tokio::test]
async fn over_tls_the_certificate_is_checked() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let gateway = Gateway::start().await;
    let url = format!("https://{}", gateway.address);
    let tail = |roots: &Path| {
        let mut command = tail(&url, &[]);
        command.env("SSL_CERT_FILE", roots).spawn().unwrap()
    };

    let trusting = tail(&roots);
    let (tcp, _) = gateway.listener.accept().await.unwrap();
    let tls = acceptor.accept(tcp).await.unwrap();
    let mut socket = tokio_tungstenite::accept_async(tls).await.unwrap();
    let frame = Message::text(event(1, "call.started").to_string());
    socket.send(frame).await.unwrap();
    let closing = stream("closing", &json!({"code": 4401, "retryable": false}));
    socket
        .send(Message::text(closing.to_string()))
        .await
        .unwrap();
    socket.close(None).await.unwrap();
    let output = ended(trusting).await;
    assert!(
        text(&output.stdout).contains("call.started"),
        "{}",
        text(&output.stderr)
    );

    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&roots, other.cert.pem()).unwrap();
    let wary = tail(&roots);
    let (tcp, _) = gateway.listener.accept().await.unwrap();
    assert!(acceptor.accept(tcp).await.is_err());
    let output = ended(wary).await;
    assert_eq!(output.status.code(), Some(69));
    assert!(
        text(&output.stderr).contains("certificate"),
        "{}",
        text(&output.stderr)
    );
}

#[tokio::test]
async fn json_is_passed_on_as_it_came() {
    let gateway = Gateway::start().await;
    let child = gateway
        .tail(&["--json", "--after", "earliest"])
        .spawn()
        .unwrap();
    let mut connection = gateway.accept().await;
    assert_eq!(connection.target, "/v1/events?after=earliest");
    connection.send(&stream("opened", &json!({}))).await;
    let odd = r#"{"type":"call.started",  "id":"k3v9q2xw-0000000000000001","data":{"n":1.50}}"#;
    connection.socket.send(Message::text(odd)).await.unwrap();
    connection.close(4403).await;
    let output = ended(child).await;
    assert_eq!(text(&output.stdout), format!("{odd}\n"));
    assert_eq!(output.status.code(), Some(78));
}

#[tokio::test]
async fn a_lost_position_is_loud() {
    let gateway = Gateway::start().await;
    let child = gateway.tail(&[]).spawn().unwrap();
    let mut connection = gateway.accept().await;
    let reset = json!({"reason": "expired", "requested": "k3v9q2xw-0000000000000001", "oldest": "k3v9q2xw-0000000000000100"});
    connection.send(&stream("reset", &reset)).await;
    connection
        .send(&stream(
            "error",
            &json!({"title": "Bad request", "detail": "no such op"}),
        ))
        .await;
    connection
        .send(&stream(
            "closing",
            &json!({"code": 4400, "reason": "bad filter", "retryable": false}),
        ))
        .await;
    connection.close(4400).await;
    let output = ended(child).await;
    let told = text(&output.stderr);
    assert!(
        told.contains("EVENTS ARE MISSING") && told.contains("expired"),
        "{told}"
    );
    assert!(
        told.contains("no such op") && told.contains("4400 bad filter"),
        "{told}"
    );
}

#[tokio::test]
async fn an_answer_that_time_will_not_mend_ends_it() {
    for (status, exit) in [
        ("401 Unauthorized", 78),
        ("400 Bad Request", 78),
        ("404 Not Found", 69),
        ("503 Service Unavailable", 69),
    ] {
        let gateway = Gateway::start().await;
        let child = gateway.tail(&[]).spawn().unwrap();
        gateway
            .refuse(status, &json!({"title": "No", "detail": "because of this"}))
            .await;
        let output = ended(child).await;
        assert_eq!(output.status.code(), Some(exit), "{status}");
        assert!(
            text(&output.stderr).contains("because of this"),
            "{status}: {}",
            text(&output.stderr)
        );
    }
}

#[tokio::test]
async fn an_unwilling_gateway_is_tried_again_once_it_has_worked() {
    let gateway = Gateway::start().await;
    let child = gateway.tail(&[]).spawn().unwrap();
    let mut first = gateway.accept().await;
    first.send(&event(1, "call.started")).await;
    drop(first);
    gateway
        .refuse("503 Service Unavailable", &json!({"detail": "starting"}))
        .await;
    let second = gateway.accept().await;
    assert_eq!(second.target, "/v1/events?after=k3v9q2xw-0000000000000001");
    second.close(4403).await;
    assert_eq!(ended(child).await.status.code(), Some(78));
}

#[tokio::test]
async fn nobody_at_the_address_is_69() {
    // Bound and not listening: nobody else gets the port, and whoever connects is refused.
    let deaf = TcpSocket::new_v4().unwrap();
    deaf.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let url = format!("http://{}", deaf.local_addr().unwrap());
    let child = tail(&url, &[]).spawn().unwrap();
    let output = ended(child).await;
    assert_eq!(output.status.code(), Some(69));
    assert!(
        text(&output.stderr).contains("cannot reach"),
        "{}",
        text(&output.stderr)
    );
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_it_quietly() {
    let gateway = Gateway::start().await;
    let mut child = gateway.tail(&[]).spawn().unwrap();
    let mut connection = gateway.accept().await;
    connection.send(&event(1, "call.started")).await;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(
        lines
            .next_line()
            .await
            .unwrap()
            .unwrap()
            .contains("call.started")
    );
    drop(lines);
    // The pipe is gone: whichever event is written to it ends the program.
    let feed = async {
        for n in 2.. {
            let frame = Message::text(event(n, "call.started").to_string());
            if connection.socket.send(frame).await.is_err() {
                break;
            }
        }
    };
    let (output, ()) = tokio::join!(ended(child), feed);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_it_well() {
    let gateway = Gateway::start().await;
    let mut child = gateway.tail(&[]).spawn().unwrap();
    let mut connection = gateway.accept().await;
    connection.send(&event(1, "call.started")).await;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next_line().await.unwrap().is_some());
    let id = child.id().unwrap().to_string();
    let kill = Command::new("kill")
        .args(["-INT", &id])
        .status()
        .await
        .unwrap();
    assert!(kill.success());
    let output = ended(child).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
