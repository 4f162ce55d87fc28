//! `[webhooks]`: where deliveries may go, and how their secrets are kept.

use std::path::PathBuf;

use super::{net::Network, pem, reader::Reader, secret::Secret};

/// Where deliveries may go, and how their secrets are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhooks {
    /// Networks that are refused otherwise: loopback, private and the like.
    pub allow_networks: Vec<Network>,
    /// Whether `http` URLs are accepted.
    pub allow_http: bool,
    /// Certificates that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Encrypts the secrets that are stored.
    pub key: Option<Secret>,
}

impl Webhooks {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            allow_networks: reader.or("allow_networks", Vec::new()),
            allow_http: reader.or("allow_http", false),
            ca_file: pem::path(reader, "ca_file", "CERTIFICATE"),
            key: reader.optional("key"),
        }
    }
}
