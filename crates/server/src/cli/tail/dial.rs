//! The connection to the gateway: the only file of `tail` with a socket.

use std::{fmt, sync::Arc};

use http::{Request, StatusCode, header};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{self, handshake::client::generate_key, protocol::WebSocketConfig},
};

use crate::{
    cli::{Exit, Failure},
    config::Url,
};

/// What to connect to, and what to ask for.
pub(super) struct Target {
    url: Url,
    port: u16,
    query: String,
    bearer: Option<header::HeaderValue>,
    tls: Option<TlsConnector>,
}

/// Why there is no connection.
pub(super) enum DialError {
    /// It may be there later.
    Lost(String),
    /// It will not be otherwise without another setting.
    Refused(Failure),
}

/// A socket, plain or encrypted.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// The largest message taken from the gateway, in bytes.
const MESSAGE: usize = 16 << 20;

impl Target {
    /// `parameters` are those of `/v1/events`.
    pub(super) fn new(
        url: &str,
        token: Option<&str>,
        parameters: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let usage = |message: &str| Failure::new(Exit::Usage, message);
        let url = Url::parse(url).ok_or_else(|| {
            usage("--url is not of the form http://host:port (a token goes in --token)")
        })?;
        let secure = match url.scheme() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return Err(usage("--url begins with http:// or https://")),
        };
        let bearer = token.map(|token| -> Result<_, Failure> {
            let mut value = header::HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| usage("the token holds characters that no token has"))?;
            value.set_sensitive(true);
            Ok(value)
        });
        let pairs: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .collect();
        Ok(Self {
            port: url
                .uri()
                .port_u16()
                .unwrap_or(if secure { 443 } else { 80 }),
            url,
            query: pairs.join("&"),
            bearer: bearer.transpose()?,
            tls: secure.then(connector).transpose()?,
        })
    }

    /// Connects and asks for the events after a position.
    pub(super) async fn dial(
        &self,
        after: Option<&str>,
    ) -> Result<WebSocketStream<Box<dyn Socket>>, DialError> {
        let host = self
            .url
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let lost =
            |error: &dyn fmt::Display| DialError::Lost(format!("cannot reach {self}: {error}"));
        let tcp = TcpStream::connect((host, self.port))
            .await
            .map_err(|error| lost(&error))?;
        let socket: Box<dyn Socket> = match &self.tls {
            None => Box::new(tcp),
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned()).map_err(|error| lost(&error))?;
                Box::new(tls.connect(name, tcp).await.map_err(|error| lost(&error))?)
            }
        };
        let request = self.request(after).map_err(|error| lost(&error))?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE))
            .max_frame_size(Some(MESSAGE));
        match client_async_with_config(request, socket, Some(config)).await {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::Error::Http(answer)) => Err(refusal(
                answer.status(),
                answer.body().as_deref().unwrap_or_default(),
            )),
            Err(error) => Err(lost(&error)),
        }
    }

    fn request(&self, after: Option<&str>) -> Result<Request<()>, http::Error> {
        let base = self.url.uri().path().trim_end_matches('/');
        let after = after.map(|after| format!("after={}", escape(after)));
        let query = [
            Some(self.query.clone()).filter(|query| !query.is_empty()),
            after,
        ];
        let query: Vec<String> = query.into_iter().flatten().collect();
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        let authority = self
            .url
            .uri()
            .authority()
            .map_or("", |authority| authority.as_str());
        let uri = format!("{scheme}://{authority}{base}/v1/events?{}", query.join("&"));
        let mut request = Request::get(uri.trim_end_matches('?'))
            .header(header::HOST, authority)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, generate_key())
            .body(())?;
        if let Some(bearer) = &self.bearer {
            request
                .headers_mut()
                .insert(header::AUTHORIZATION, bearer.clone());
        }
        Ok(request)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.url)
    }
}

/// What an answer other than 101 means.
fn refusal(status: StatusCode, body: &[u8]) -> DialError {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |member: &str| problem.get(member).and_then(Value::as_str);
    let detail = text("detail").or(text("title")).unwrap_or_default();
    let message = format!("the gateway answers {status}: {detail}");
    let message = message.trim_end_matches([':', ' ']).to_owned();
    match status.as_u16() {
        429 | 500..=599 => DialError::Lost(message),
        401 => {
            let hint = "give a token with --token or SWITCHHOOK_TOKEN";
            DialError::Refused(Failure::new(Exit::Config, format!("{message} ({hint})")))
        }
        400 | 403 | 410 | 414 => DialError::Refused(Failure::new(Exit::Config, message)),
        _ => {
            let message = format!("{message}; is there a Switchhook at this URL?");
            DialError::Refused(Failure::new(Exit::Unavailable, message))
        }
    }
}

/// TLS with the certificates of the system.
fn connector() -> Result<TlsConnector, Failure> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    let unavailable = |message: String| Failure::new(Exit::Unavailable, message);
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(": {error}"));
        let why = why.unwrap_or_default();
        return Err(unavailable(format!(
            "the system has no root certificates{why}"
        )));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(Exit::Internal, format!("cannot set up TLS: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Percent-encodes what has a meaning of its own in a query.
fn escape(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~*,:/".contains(&b);
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(url: &str, parameters: &[(&str, &str)], after: Option<&str>) -> String {
        let target = Target::new(url, None, parameters).unwrap();
        target.request(after).unwrap().uri().to_string()
    }

    #[test]
    fn filters_and_position_go_into_the_query() {
        let time = Some("2026-11-20T09:41:07+01:00");
        assert_eq!(
            uri(
                "http://127.0.0.1:7575",
                &[("types", "call.*,leg.*"), ("tenants", "a&b c")],
                time
            ),
            "ws://127.0.0.1:7575/v1/events?types=call.*,leg.*&tenants=a%26b%20c&after=2026-11-20T09:41:07%2B01:00"
        );
        assert_eq!(
            uri("https://events.example.com/pbx/", &[], None),
            "wss://events.example.com/pbx/v1/events"
        );
    }

    #[test]
    fn a_wrong_url_or_token_is_a_matter_of_usage() {
        for (url, token) in [
            ("127.0.0.1:7575", None),
            ("ftp://127.0.0.1", None),
            ("http://user:secret@127.0.0.1", None),
            ("http://127.0.0.1", Some("two\nlines")),
        ] {
            let failure = Target::new(url, token, &[]).err().unwrap();
            assert_eq!(failure.exit(), Exit::Usage, "{url}");
        }
    }
}
