//! Fetching the keys: the only file of authentication with a socket.

use std::{error::Error, net::SocketAddr, path::PathBuf, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
};

use crate::{config, config::Url, trust};

/// A URL that is asked now and then: by https, or by http on loopback.
pub(super) struct Fetcher {
    url: Url,
    ca_file: Option<PathBuf>,
}

type Failure = Box<dyn Error + Send + Sync>;

/// From the look-up of the name to the last byte.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest set of keys that is read, in bytes.
const MOST: usize = 256 * 1024;

impl Fetcher {
    /// Asks nothing yet.
    pub(super) fn new(settings: &config::Jwt) -> Self {
        Self {
            url: settings.jwks_url.clone(),
            ca_file: settings.ca_file.clone(),
        }
    }

    /// The body that is there now. Redirections are not followed: keys come from where the config says.
    pub(super) async fn get(&self) -> Result<Bytes, Failure> {
        match tokio::time::timeout(PATIENCE, self.ask()).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs()).into()),
        }
    }

    async fn ask(&self) -> Result<Bytes, Failure> {
        let host = self.url.host().trim_matches(['[', ']']);
        let secure = !self.url.is_plaintext();
        let default = if secure { 443 } else { 80 };
        let port = self.url.uri().port_u16().unwrap_or(default);
        let addresses = lookup_host((host, port)).await?;
        // What `localhost` means is up to the resolver.
        let legal = |address: &SocketAddr| secure || address.ip().is_loopback();
        let addresses: Vec<_> = addresses.filter(legal).collect();
        if addresses.is_empty() {
            return Err("the name has no address, or by http none on loopback".into());
        }
        let tcp = TcpStream::connect(&*addresses).await?;
        if !secure {
            return self.exchange(tcp).await;
        }
        // Made anew each time, which is seldom, so that a file that is exchanged needs nobody's attention.
        let tls = trust::connector(self.ca_file.as_deref())?;
        let name = ServerName::try_from(host.to_owned())?;
        self.exchange(tls.connect(name, tcp).await?).await
    }

    async fn exchange<S>(&self, socket: S) -> Result<Bytes, Failure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        let uri = self.url.uri();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::get(path)
            .header(header::HOST, authority)
            .header(header::ACCEPT, "application/jwk-set+json, application/json")
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())?;
        let answer = async {
            let response = sender.send_request(request).await?;
            if response.status() != StatusCode::OK {
                return Err(format!("the answer is {}", response.status()).into());
            }
            let body = Limited::new(response.into_body(), MOST).collect().await?;
            Ok::<_, Failure>(body.to_bytes())
        };
        tokio::pin!(answer);
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            // The connection ends after the answer is there, or because there will be none.
            ended = connection => {
                ended?;
                answer.await
            }
        }
    }
}
