//! The three simulated PBXs, with and without TLS, and the keys of a source that listens to them.

use std::{any::Any, net::SocketAddr, sync::Arc};

use rustls::ServerConfig;

/// A simulated PBX that lives as long as this.
pub(crate) struct House {
    /// The keys of a source, `url` among them.
    pub(crate) source: String,
    _alive: Box<dyn Any>,
}

pub(crate) const ADAPTERS: [&str; 3] = ["portsip", "basix", "telecomx"];

impl House {
    /// One that speaks of calls all the time.
    pub(crate) async fn start(adapter: &str, tls: Option<Arc<ServerConfig>>) -> Self {
        match adapter {
            "portsip" => Self::portsip(Vec::new(), tls).await,
            "basix" => Self::basix(tls).await,
            _ => Self::telecomx(tls).await,
        }
    }

    /// A PortSIP PBX that grants everything but a topic.
    pub(crate) async fn denying(topic: &str) -> Self {
        Self::portsip(vec![topic.to_owned()], None).await
    }

    async fn portsip(denied_topics: Vec<String>, tls: Option<Arc<ServerConfig>>) -> Self {
        use portsip::sim::{Listen, Profile, Sim};
        let profile = Profile {
            calls_per_s: 20.0,
            denied_topics,
            ..Profile::of(portsip::wire::Dialect::V22)
        };
        let listen = Listen {
            tls,
            ..Listen::default()
        };
        let sim = Sim::listen(profile, listen).await.unwrap();
        let source = keys("portsip", sim.url());
        Self {
            source,
            _alive: Box::new(sim),
        }
    }

    async fn basix(tls: Option<Arc<ServerConfig>>) -> Self {
        use basix::sim::{Listen, Profile, Sim};
        let profile = Profile {
            calls_per_s: 20.0,
            ..Profile::default()
        };
        let listen = Listen {
            tls,
            ..Listen::default()
        };
        let sim = Sim::listen(profile, listen).await.unwrap();
        let source = keys("basix", sim.url());
        Self {
            source,
            _alive: Box::new(sim),
        }
    }

    async fn telecomx(tls: Option<Arc<ServerConfig>>) -> Self {
        use telecomx::sim::{Listen, Office, Profile, Sim};
        let profile = Profile {
            calls_per_s: 20.0,
            ..Profile::default()
        };
        let office = Office::new(&profile, 1_767_225_600_000);
        let listen = Listen {
            tls,
            ..Listen::default()
        };
        let sim = Sim::listen(profile, office, listen).await.unwrap();
        let source = keys("telecomx", sim.url());
        Self {
            source,
            _alive: Box::new(sim),
        }
    }
}

/// The URL of an adapter at an address where nothing of ours is.
pub(crate) fn url(adapter: &str, tls: bool, address: SocketAddr) -> String {
    let (plain, secret, path) = match adapter {
        "portsip" => ("ws", "wss", "/wsi"),
        "basix" => ("ws", "wss", "/basix/api/ws_cti"),
        _ => ("http", "https", ""),
    };
    let scheme = if tls { secret } else { plain };
    format!("{scheme}://localhost:{}{path}", address.port())
}

/// The keys of a source with the credentials of the simulators.
pub(crate) fn keys(adapter: &str, url: &str) -> String {
    // Certificates of tests are for names.
    let url = url.replace("127.0.0.1", "localhost");
    let rest = match adapter {
        "portsip" => r#"dialect = "v22"
username = "supervisor"
domain = "test.io"
password = "secret"
topics = ["extension_events", "cdr_events", "queue_events"]
extensions = ["101", "102"]
queues = ["8001"]
"#
        .to_owned(),
        "basix" => {
            let profile = basix::sim::Profile::default();
            format!(
                "domain = {:?}\ntoken = {:?}\n",
                profile.domain, profile.token
            )
        }
        _ => {
            let profile = telecomx::sim::Profile::default();
            let token = profile
                .account(telecomx::sim::Level::Viewer)
                .unwrap()
                .token
                .clone();
            format!(
                "token = {:?}\ncustomer = {:?}\nchannels = [\"PBX\", \"CALL\"]\n",
                token.unwrap(),
                profile.customer
            )
        }
    };
    format!("adapter = {adapter:?}\nurl = {url:?}\n{rest}")
}
