//! The certificate of the listener: read from its files, and exchanged while the gateway listens.

use std::{path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use crate::config;

/// The certificate in use. Clones share it.
#[derive(Clone, Debug)]
pub struct Tls(Arc<ArcSwap<ServerConfig>>);

/// Why a certificate cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read, or is not PEM.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: pem::Error,
    },
    /// The key is not that of the certificate, or of a kind that is not known.
    #[error("the certificate and the key cannot be used")]
    Pair(#[from] rustls::Error),
}

impl Tls {
    /// Reads a certificate.
    ///
    /// # Errors
    /// When it cannot be read or used.
    pub fn load(files: &config::Tls) -> Result<Self, TlsError> {
        Ok(Self::new(read(files)?))
    }

    /// What is set up already.
    #[must_use]
    pub fn new(config: ServerConfig) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(config)))
    }

    /// Reads the certificate again, for the connections from here on.
    ///
    /// # Errors
    /// When it cannot be read or used; then the one in use stays.
    pub fn reload(&self, files: &config::Tls) -> Result<(), TlsError> {
        self.0.store(Arc::new(read(files)?));
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.load_full())
    }
}

fn read(files: &config::Tls) -> Result<ServerConfig, TlsError> {
    let wrong = |path: &PathBuf| {
        let path = path.clone();
        move |source| TlsError::File { path, source }
    };
    let chain = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(wrong(&files.cert))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(wrong(&files.key))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
