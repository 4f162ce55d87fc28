//! `[server]`: where the gateway listens.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use super::{
    net::{Network, Url, WebOrigin},
    pem,
    reader::Reader,
};

/// Where the gateway listens, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The address and port.
    pub listen: SocketAddr,
    /// TLS, when the gateway does it itself.
    pub tls: Option<Tls>,
    /// Web pages of other origins that may use the API.
    pub allowed_origins: Vec<WebOrigin>,
    /// The URL that clients see, when it is not that of the listener.
    pub public_url: Option<Url>,
    /// Proxies whose `Forwarded` headers are believed.
    pub trusted_proxies: Vec<Network>,
}

/// The files of the listener's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain, PEM.
    pub cert: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

impl Server {
    /// The default listener.
    pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7575);

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let tls = reader.optional_table("tls", |reader| {
            let mend = "write tls = { cert = \"server.pem\", key = \"server.key\" }";
            let cert = pem::path(reader, "cert", "CERTIFICATE");
            let key = pem::path(reader, "key", "PRIVATE KEY");
            reader.require("cert", mend);
            reader.require("key", mend);
            Some(Tls {
                cert: cert?,
                key: key?,
            })
        });
        let public_url: Option<Url> = reader.optional("public_url");
        if public_url
            .as_ref()
            .is_some_and(|url| !matches!(url.scheme(), "http" | "https"))
        {
            let mend = "write an https URL, such as \"https://pbx-events.example.com\"";
            reader.complain("public_url", "this is not an http or https URL", mend);
        }
        Self {
            listen: reader.or("listen", Self::LISTEN),
            tls,
            allowed_origins: reader.or("allowed_origins", Vec::new()),
            public_url,
            trusted_proxies: reader.or("trusted_proxies", Vec::new()),
        }
    }
}
