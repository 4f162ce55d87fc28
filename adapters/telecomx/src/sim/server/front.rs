//! One TCP connection of the simulated service: HTTP for login and REST, and the way to a WebSocket.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use adapter::sim::{self, Living as _, play_dead};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{
        CONNECTION, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE,
    },
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Asked, Hang, Shared, World, connection, polling};
use crate::sim::account::Account;

/// The most bytes of a request's body.
const BODY: usize = 1 << 20;

type Reply = Response<Full<Bytes>>;

pub(super) async fn accept<W: World>(shared: Arc<Shared<W>>, listener: TcpListener) {
    let stop = shared.house.stop();
    sim::accept(listener, stop, |tcp| take(&shared, tcp)).await;
}

fn take<W: World>(shared: &Arc<Shared<W>>, tcp: TcpStream) {
    let (hang, down) = {
        let state = shared.house.lock();
        (state.hang, state.is_down())
    };
    if down {
        return;
    }
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let stop = shared.house.stop();
        let served = stop.run_until_cancelled(serve(&shared, tcp, hang)).await;
        if let Some(Err(error)) = served {
            tracing::debug!(%error, "a connection ended");
        }
    });
}

async fn serve<W: World>(shared: &Arc<Shared<W>>, tcp: TcpStream, hang: Hang) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    if hang == Hang::Accepted {
        return play_dead(tcp).await;
    }
    match &shared.tls {
        Some(tls) => http(shared, sim::encrypted(tls, tcp).await?).await,
        None => http(shared, tcp).await,
    }
}

async fn http<W, S>(shared: &Arc<Shared<W>>, stream: S) -> io::Result<()>
where
    W: World,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| {
        let shared = Arc::clone(shared);
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    });
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await
        .map_err(io::Error::other)
}

async fn answer<W: World>(shared: &Arc<Shared<W>>, mut request: Request<Incoming>) -> Reply {
    let query = decoded(request.uri().query().unwrap_or(""));
    let path = request.uri().path().to_owned();
    if path.trim_end_matches('/') == "/socket.io" {
        return match request.headers().get(SEC_WEBSOCKET_KEY) {
            Some(_) => upgrade(shared, &mut request, &query),
            None => polling::answer(shared, request.method(), &query),
        };
    }
    let method = request.method().clone();
    let body = Limited::new(request.into_body(), BODY).collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match path.as_str() {
        "/auth/login" => log_in(shared, &body, &query),
        "/auth/validateToken" => validate(shared, &query),
        "/auth/logout" => {
            shared.house.count(|counts| counts.logouts += 1);
            shared.house.lock().tokens.clear();
            said(200, &json!({"success": true}))
        }
        path => rest(shared, &method, path, query, body).await,
    }
}

/// Switches to a WebSocket, and serves it when the switch is made.
fn upgrade<W: World>(
    shared: &Arc<Shared<W>>,
    request: &mut Request<Incoming>,
    query: &[(String, String)],
) -> Reply {
    if let Some(refused) = polling::refusal(shared.profile.engine_io, query) {
        return refused;
    }
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
        return said(400, &json!({"code": 3, "message": "Bad request"}));
    };
    let accept = derive_accept_key(key.as_bytes());
    let upgraded = hyper::upgrade::on(request);
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let stop = shared.house.stop();
        let serving = async {
            match upgraded.await {
                Ok(stream) => connection::serve(&shared, TokioIo::new(stream)).await,
                Err(error) => tracing::debug!(%error, "no upgrade"),
            }
        };
        stop.run_until_cancelled(serving).await;
    });
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept);
    response.body(Full::default()).unwrap_or_default()
}

fn log_in<W: World>(shared: &Shared<W>, body: &Value, query: &[(String, String)]) -> Reply {
    let text = |key: &str| {
        let in_query = query
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str());
        body.get(key)
            .and_then(Value::as_str)
            .or(in_query)
            .unwrap_or("")
    };
    let mut state = shared.house.lock();
    let accounts = &shared.profile.accounts;
    let who = accounts.iter().find(|account| {
        account.username == text("username") && account.password == text("password")
    });
    let refuses = state.refuse_logins || state.mangler.refuses_login();
    let Some(account) = who.filter(|_| !refuses) else {
        shared.house.count(|counts| counts.refused += 1);
        return said(401, &json!({"error": "credentials_invalid"}));
    };
    let persist = body
        .get("persist")
        .is_some_and(|persist| *persist == json!(true) || *persist == json!(1));
    let minutes = if persist {
        -1.0
    } else {
        shared.profile.login_minutes
    };
    let life = Duration::try_from_secs_f64(minutes * 60.0).ok();
    state.requests += 1;
    let token = format!("login-{}-{}", account.employee, state.requests);
    state
        .tokens
        .retain(|_, (_, until)| until.is_none_or(|until| Instant::now() < until));
    state.tokens.insert(
        token.clone(),
        (account.clone(), life.map(|life| Instant::now() + life)),
    );
    shared.house.count(|counts| counts.logins += 1);
    let mut answer = described(account);
    answer["token"] = token.into();
    answer["expiresInMinutes"] = minutes.into();
    said(200, &answer)
}

fn validate<W: World>(shared: &Shared<W>, query: &[(String, String)]) -> Reply {
    // To a client with a token of its own this question is the login.
    let refuses = shared.house.lock().mangler.refuses_login();
    match known(shared, query).filter(|_| !refuses) {
        Some(account) => said(200, &described(&account)),
        None => {
            shared.house.count(|counts| counts.refused += 1);
            said(401, &json!({"success": false, "error": "invalid_token"}))
        }
    }
}

fn described(account: &Account) -> Value {
    json!({
        "success": true, "employee": account.employee, "customer": account.customer,
        "accessLevel": account.level.as_str(), "name": account.username,
    })
}

fn known<W: World>(shared: &Shared<W>, query: &[(String, String)]) -> Option<Account> {
    let (_, token) = query.iter().find(|(name, _)| name == "token")?;
    let state = shared.house.lock();
    if state.refuse_logins {
        return None;
    }
    shared.account(&state, token)
}

async fn rest<W: World>(
    shared: &Shared<W>,
    method: &Method,
    path: &str,
    mut query: Vec<(String, String)>,
    body: Value,
) -> Reply {
    let Some(account) = known(shared, &query) else {
        shared.house.count(|counts| counts.refused += 1);
        return said(401, &json!({"error": "invalid_token"}));
    };
    query.retain(|(name, _)| name != "token");
    let slow = shared.profile.chaos.slow_ms;
    if slow > 0 {
        sleep(Duration::from_millis(slow)).await;
    }
    let asked = Asked {
        method: method.as_str(),
        path,
        query: &query,
        body,
        account: &account,
    };
    let answer = |state: &mut super::State<W>| {
        let letters = shared.catch_up(state);
        (letters, state.world.rest(&asked))
    };
    let answer = shared.house.in_turn(answer).await;
    shared.house.count(|counts| counts.rest += 1);
    said(answer.status, &answer.body)
}

/// A JSON answer.
pub(super) fn said(status: u16, body: &Value) -> Reply {
    let mut response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json; charset=utf-8");
    if status == 429 {
        response = response.header(RETRY_AFTER, "1");
    }
    let body = Full::new(Bytes::from(body.to_string()));
    response.body(body).unwrap_or_default()
}

/// A query as pairs.
fn decoded(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescaped(name), unescaped(value))
        })
        .collect()
}

fn unescaped(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                let code = high
                    .zip(low)
                    .and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                bytes.extend(code);
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded() {
        let pairs = decoded("a=1&b=%2Fx+y%C3%A6&c&&d=%zz");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            pairs,
            [
                pair("a", "1"),
                pair("b", "/x yæ"),
                pair("c", ""),
                pair("d", "")
            ]
        );
    }
}
