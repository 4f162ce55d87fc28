//! Certificates: good ones, and such as an operator meets.

use std::{path::PathBuf, sync::Arc};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer},
};

use crate::stage::Stage;

/// A CA, and what it signs.
pub(crate) struct Ca {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// What a server shows.
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let (params, key) = Self::params(name);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    /// A CA below this one.
    pub(crate) fn below(&self, name: &str) -> Self {
        let (params, key) = Self::params(name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    fn params(name: &str) -> (CertificateParams, KeyPair) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params, KeyPair::generate().unwrap())
    }

    /// Who a server on this machine is, until the end of a year.
    pub(crate) fn localhost(&self, until: i32) -> Identity {
        self.server("localhost", until)
    }

    pub(crate) fn server(&self, host: &str, until: i32) -> Identity {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, host);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(until, 12, 31);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            chain: vec![certificate.der().clone()],
            key,
        }
    }

    /// The file that `ca_file` is to name.
    pub(crate) fn write(&self, stage: &Stage, name: &str) -> PathBuf {
        stage.write(name, &self.certificate.pem())
    }
}

impl Identity {
    /// With the certificate of a CA in between.
    pub(crate) fn with(mut self, ca: &Ca) -> Self {
        self.chain.push(ca.certificate.der().clone());
        self
    }

    pub(crate) fn tls(self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain, key)
            .unwrap();
        Arc::new(config)
    }
}
