//! A TLS handshake that is looked at: what the server shows, and whether it would be trusted. Nothing is sent over it.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{TlsError, TlsOptions};

/// What a server shows in a handshake.
#[derive(Debug)]
pub struct Shown {
    /// Its certificates, its own first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Whether a connection would trust them; `insecure` does not count here.
    pub verdict: Result<(), Error>,
    /// The version of TLS agreed on, where the handshake came that far.
    pub version: Option<ProtocolVersion>,
    /// Why the handshake ended, where it did.
    pub handshake: io::Result<()>,
}

impl TlsOptions {
    /// Shakes hands over a fresh connection, only to look. The caller bounds the time.
    ///
    /// # Errors
    /// When there are no certificates to trust, so that nothing can be judged.
    pub async fn look(&self, name: ServerName<'static>, tcp: TcpStream) -> Result<Shown, TlsError> {
        let options = self.clone();
        let witness = tokio::task::spawn_blocking(move || Witness::new(&options))
            .await
            .map_err(|error| TlsError::Load(io::Error::other(error)))??;
        let witness = Arc::new(witness);
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        let shaken = TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await;
        let version = shaken
            .as_ref()
            .ok()
            .and_then(|stream| stream.get_ref().1.protocol_version());
        let seen = witness
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let (chain, verdict) =
            seen.unwrap_or((Vec::new(), Err(CertificateError::BadEncoding.into())));
        Ok(Shown {
            chain,
            verdict,
            version,
            handshake: shaken.map(|_| ()),
        })
    }
}

/// A chain, and what is thought of it.
type Seen = (Vec<CertificateDer<'static>>, Result<(), Error>);

/// Notes what is shown and what would be thought of it, and goes on in any case.
#[derive(Debug)]
struct Witness {
    judge: Arc<WebPkiServerVerifier>,
    seen: Mutex<Option<Seen>>,
}

impl Witness {
    fn new(options: &TlsOptions) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let roots = Arc::new(options.roots()?);
        let judge = WebPkiServerVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|error| TlsError::Setup(Error::General(error.to_string())))?;
        Ok(Self {
            judge,
            seen: Mutex::new(None),
        })
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self
            .judge
            .verify_server_cert(own, others, name, stapled, now);
        let chain = [own].into_iter().chain(others);
        let chain = chain.map(|certificate| certificate.clone().into_owned());
        let seen = (chain.collect(), judged.map(|_| ()));
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}
