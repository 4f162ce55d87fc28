//! A small HTTP client that shows exactly what was answered, and what speaks SSE and WebSocket over it.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

/// Longer than anything here takes on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Client {
    address: SocketAddr,
    headers: Vec<(String, String)>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Sse {
    reply: Reply,
    socket: BufReader<TcpStream>,
    text: Vec<u8>,
}

/// One event of an SSE stream.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) id: Option<String>,
    pub(crate) fields: Vec<String>,
    pub(crate) data: Value,
}

pub(crate) struct Ws(WebSocketStream<TcpStream>);

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            headers: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same client, for a request with other headers beside.
    pub(crate) fn again(&self) -> Self {
        Self {
            address: self.address,
            headers: self.headers.clone(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, b"").await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        let (reply, mut socket) = self.begin(method, path, body, true).await;
        let mut reply = reply;
        let rest = async {
            match reply.length() {
                _ if method == "HEAD" || reply.status == 204 || reply.status == 304 => {}
                Some(length) => {
                    reply.body.resize(length, 0);
                    socket.read_exact(&mut reply.body).await.unwrap();
                }
                None => {
                    socket.read_to_end(&mut reply.body).await.unwrap();
                }
            }
        };
        timeout(PATIENCE, rest).await.expect("a whole answer");
        reply
    }

    pub(crate) async fn sse(&self, path: &str) -> Sse {
        let client = self.again().header("Accept", "text/event-stream");
        let (reply, socket) = client.begin("GET", path, b"", false).await;
        Sse {
            reply,
            socket,
            text: Vec::new(),
        }
    }

    /// Opens a WebSocket. The error is the HTTP answer.
    pub(crate) async fn ws(&self, path: &str) -> Result<Ws, Box<Reply>> {
        let host = self.host();
        let mut request = format!("ws://{host}{path}").into_client_request().unwrap();
        for (name, value) in &self.headers {
            request.headers_mut().insert(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        let socket = TcpStream::connect(self.address).await.unwrap();
        let opened = timeout(PATIENCE, client_async(request, socket)).await;
        match opened.expect("an answer") {
            Ok((ws, _)) => Ok(Ws(ws)),
            Err(tungstenite::Error::Http(response)) => Err(Box::new(Reply {
                status: response.status().as_u16(),
                headers: response
                    .headers()
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                    .collect(),
                body: response.into_body().unwrap_or_default(),
            })),
            Err(error) => panic!("no WebSocket: {error}"),
        }
    }

    fn host(&self) -> String {
        let given = self
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("host"));
        given.map_or_else(|| self.address.to_string(), |(_, host)| host.clone())
    }

    async fn begin(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        close: bool,
    ) -> (Reply, BufReader<TcpStream>) {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.host());
        for (name, value) in &self.headers {
            if !name.eq_ignore_ascii_case("host") {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        if close {
            text.push_str("Connection: close\r\n");
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(body);
        self.raw(&bytes).await
    }

    /// Sends bytes and reads the head of the answer.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> (Reply, BufReader<TcpStream>) {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        // A server that refuses early may not read all of it.
        let _ = socket.write_all(bytes).await;
        let mut socket = BufReader::new(socket);
        let reply = timeout(PATIENCE, head(&mut socket)).await;
        (reply.expect("an answer"), socket)
    }
}

async fn head(socket: &mut BufReader<TcpStream>) -> Reply {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let Ok(byte) = socket.read_u8().await else {
            break;
        };
        bytes.push(byte);
    }
    let text = String::from_utf8(bytes).unwrap();
    let mut lines = text.lines();
    let status = lines.next().unwrap_or_default();
    let status = status.split(' ').nth(1).unwrap_or("0").parse().unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Reply {
        status,
        headers,
        body: Vec::new(),
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The status of a problem, and its slug.
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        for member in ["title", "detail", "retryable"] {
            assert!(!problem[member].is_null(), "{member} is missing: {problem}");
        }
        let slug = problem["type"].as_str().unwrap();
        (
            self.status,
            slug.strip_prefix("/problems/").unwrap().to_owned(),
        )
    }

    /// The `parameter` or `pointer` of each error.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let problem = self.json();
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|error| {
                let place = error.get("parameter").or_else(|| error.get("pointer"));
                place.unwrap().as_str().unwrap().to_owned()
            })
            .collect()
    }

    /// The URL of the next page.
    pub(crate) fn next(&self) -> Option<String> {
        let link = self.header("link")?;
        let (url, rel) = link.strip_prefix('<')?.split_once('>')?;
        assert_eq!(rel, "; rel=\"next\"");
        Some(url.to_owned())
    }

    fn length(&self) -> Option<usize> {
        self.header("content-length")?.parse().ok()
    }
}

/// The members of an event that tests look at.
pub(crate) fn kinds(events: &Value) -> Vec<String> {
    let events = events.as_array().unwrap();
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect()
}

impl Sse {
    pub(crate) fn reply(&self) -> &Reply {
        &self.reply
    }

    /// The next event; none at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.text.drain(..end + 2).collect();
                return Some(told(std::str::from_utf8(&block).unwrap()));
            }
            let chunk = timeout(PATIENCE, self.chunk()).await.expect("more to come");
            self.text.extend(chunk?);
        }
    }

    /// The next event, whose type must be this.
    #[track_caller]
    pub(crate) fn expect(&mut self, kind: &str) -> impl Future<Output = Told> {
        let kind = kind.to_owned();
        async move {
            let told = self.next().await.expect("an event");
            assert_eq!(told.data["type"], kind, "{:?}", told.data);
            told
        }
    }

    async fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut size = String::new();
        loop {
            match self.socket.read_u8().await.ok()? {
                b'\n' if !size.is_empty() => break,
                b'\r' | b'\n' => {}
                byte => size.push(char::from(byte)),
            }
        }
        let mut chunk = vec![0; usize::from_str_radix(&size, 16).unwrap()];
        self.socket.read_exact(&mut chunk).await.ok()?;
        (!chunk.is_empty()).then_some(chunk)
    }
}

fn told(block: &str) -> Told {
    let mut id = None;
    let mut data = String::new();
    let mut fields = Vec::new();
    for line in block.lines().filter(|line| !line.is_empty()) {
        let (field, value) = line.split_once(": ").unwrap();
        fields.push(field.to_owned());
        match field {
            "id" => id = Some(value.to_owned()),
            "data" => data.push_str(value),
            _ => {}
        }
    }
    Told {
        id,
        fields,
        data: serde_json::from_str(&data).unwrap(),
    }
}

impl Ws {
    pub(crate) async fn say(&mut self, frame: Value) {
        self.say_text(&frame.to_string()).await;
    }

    pub(crate) async fn say_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> Value {
        match self.message().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("no event but {other:?}"),
        }
    }

    /// The next event, whose type must be this.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        let event = self.next().await;
        assert_eq!(event["type"], kind, "{event}");
        event
    }

    /// Reads up to the close frame: the events before it, and its code.
    pub(crate) async fn closed(&mut self) -> (Vec<Value>, u16) {
        let mut events = VecDeque::new();
        loop {
            match self.message().await {
                Message::Text(text) => events.push_back(serde_json::from_str(&text).unwrap()),
                Message::Close(Some(frame)) => return (events.into(), frame.code.into()),
                other => panic!("no close but {other:?}"),
            }
        }
    }

    async fn message(&mut self) -> Message {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await;
            match message.expect("more to come").expect("an open stream") {
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(message) => return message,
                Err(error) => panic!("broken stream: {error}"),
            }
        }
    }
}
