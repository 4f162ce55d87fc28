//! The WebSocket handshake, and getting the socket back after it.

use std::io;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version, header};
use hub::fanout::Socket;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::problem::{Kind, Problem};

/// A handshake that is valid and can be accepted.
#[derive(Debug)]
pub struct Handshake {
    upgrade: OnUpgrade,
    accept: String,
    subprotocol: bool,
}

/// The one subprotocol spoken.
const SUBPROTOCOL: &str = "cloudevents.json";

/// True when a request asks to become a WebSocket.
#[must_use]
pub fn is_wanted(headers: &HeaderMap) -> bool {
    has_token(headers, &header::UPGRADE, "websocket")
}

impl Handshake {
    /// Checks the request of a client (RFC 6455, 4.2.1).
    ///
    /// # Errors
    /// Naming what is wrong with it.
    pub fn check(request: &mut Request<Body>) -> Result<Self, Problem> {
        let refuse = |why| Problem::new(Kind::InvalidRequest, why);
        let headers = request.headers();
        if request.method() != Method::GET || request.version() != Version::HTTP_11 {
            return Err(refuse("a WebSocket begins with a GET of HTTP/1.1"));
        }
        if !has_token(headers, &header::CONNECTION, "upgrade") {
            return Err(refuse("`Connection: Upgrade` is missing"));
        }
        let only = |name: header::HeaderName| {
            let mut values = headers.get_all(name).iter();
            values.next().filter(|_| values.next().is_none())
        };
        if only(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            return Err(Problem::new(
                Kind::UpgradeRequired,
                "`Sec-WebSocket-Version` is not 13",
            ));
        }
        let key = only(header::SEC_WEBSOCKET_KEY)
            .filter(|key| is_key(key.as_bytes()))
            .ok_or_else(|| refuse("`Sec-WebSocket-Key` is not 16 bytes in Base64"))?;
        let accept = derive_accept_key(key.as_bytes());
        let subprotocol = has_token(headers, &header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
        let upgrade = request
            .extensions_mut()
            .remove::<OnUpgrade>()
            .ok_or_else(|| refuse("this connection cannot be upgraded"))?;
        Ok(Self {
            upgrade,
            accept,
            subprotocol,
        })
    }

    /// The answer that accepts, and what becomes the socket once that is sent.
    ///
    /// # Errors
    /// The future fails when the client goes away meanwhile.
    pub fn accept(
        self,
    ) -> (
        Response,
        impl Future<Output = io::Result<(Socket, Bytes)>> + Send,
    ) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        if self.subprotocol {
            headers.insert(
                header::SEC_WEBSOCKET_PROTOCOL,
                HeaderValue::from_static(SUBPROTOCOL),
            );
        }
        let upgrade = self.upgrade;
        let socket = async move {
            let upgraded = upgrade.await.map_err(io::Error::other)?;
            take_apart(upgraded)
        };
        (response, socket)
    }
}

fn take_apart(upgraded: Upgraded) -> io::Result<(Socket, Bytes)> {
    let upgraded = match upgraded.downcast::<TokioIo<tokio::net::TcpStream>>() {
        Ok(parts) => {
            let socket = parts.io.into_inner().into_std()?;
            return Ok((Socket::Plain(socket), parts.read_buf));
        }
        Err(upgraded) => upgraded,
    };
    match upgraded.downcast::<TokioIo<TlsStream<tokio::net::TcpStream>>>() {
        Ok(parts) => {
            let (socket, tls) = parts.io.into_inner().into_inner();
            let socket = Socket::Tls(Box::new(tls), socket.into_std()?);
            Ok((socket, parts.read_buf))
        }
        Err(_) => Err(io::Error::other("the connection is of an unknown kind")),
    }
}

fn has_token(headers: &HeaderMap, name: &header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// 16 bytes are 22 characters and two of padding.
fn is_key(key: &[u8]) -> bool {
    let symbol = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(symbol)
}
