//! The column of Telecom X: both protocols of Socket.IO.

use std::{sync::Arc, time::Duration};

use adapter::{Adapter, Limits, truth::TrueCall};
use model::{SourceId, Timestamp};
use telecomx::{
    Config,
    link::packet::Engine,
    sim::{Chaos, Lever, Office, Profile, Sim, Stage},
};

use crate::{
    gateway::SOURCE,
    house::{House, Opened, Served, Serving},
    weather::Weather,
};

/// Telecom X.
pub struct TelecomX;

impl House for TelecomX {
    fn name(&self) -> &'static str {
        "telecomx"
    }

    fn dialects(&self) -> Vec<&'static str> {
        vec![Engine::V4.as_str(), Engine::V3.as_str()]
    }

    /// Without `PBX` there are other calls: those of the trunk.
    fn topics(&self, _: &str) -> Vec<&'static str> {
        vec!["CALL", "CONFIG", "REGISTER", "snapshot"]
    }

    fn open(&self, dialect: &str, weather: &Weather, seed: u64, start: Timestamp) -> Opened {
        let profile = Profile {
            seed,
            calls_per_s: 0.6,
            extensions: 24,
            chaos: Chaos {
                duplicate: weather.duplicate,
                reorder: weather.disorder,
                unknown_event: weather.novelty,
                unknown_field: weather.novelty,
                garbage: weather.novelty,
                ..Chaos::default()
            },
            ..Profile::of(engine(dialect))
        };
        let channels = Config::CHANNELS.map(|channel| channel.as_str());
        let channels: Vec<&str> = channels
            .into_iter()
            .filter(|channel| Some(*channel) != weather.without)
            .collect();
        let source_toml = format!(
            "url = \"https://api.example.dk\"\ntoken = \"viewer-token\"\ncustomer = {:?}\nchannels = {channels:?}\n\
             snapshot = {}\nregion = \"DK\"\n",
            profile.customer,
            weather.without != Some("snapshot"),
        );
        let config = config(&source_toml);
        Opened {
            source_toml,
            adapter: adapter(config.clone()),
            stage: Box::new(Stage::new(&profile, config, start.millis())),
        }
    }

    fn serve<'a>(&'a self, dialect: &'a str, seed: u64) -> Serving<'a> {
        Box::pin(async move {
            let profile = Profile {
                seed,
                calls_per_s: 4.0,
                haste: 6.0,
                extensions: 40,
                ..Profile::of(engine(dialect))
            };
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let now = i64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(i64::MAX);
            let office = Office::new(&profile, now);
            let sim = Sim::start(profile, office).await.expect("a free port");
            Box::new(On(sim)) as Box<dyn Served>
        })
    }

    /// Events bear no time: that of their arrival depends on how busy the machine is.
    fn precision_live(&self) -> i64 {
        60_000
    }

    fn adapter(&self, source_toml: &str) -> Arc<dyn Adapter> {
        adapter(config(source_toml))
    }
}

/// A simulated service on a socket.
struct On(Sim<Office>);

impl Served for On {
    fn adapter(&self) -> Arc<dyn Adapter> {
        let source_toml = format!(
            "url = {:?}\ntoken = \"viewer-token\"\ncustomer = {:?}\nregion = \"DK\"\n",
            self.0.url(),
            self.0.profile().customer
        );
        adapter(config(&source_toml))
    }

    fn cut(&self) {
        self.0.pull(Lever::Drop);
    }

    fn restart(&self) {
        self.0.pull(Lever::Restart);
    }

    fn last_orders(&self) {
        self.0.look(Office::last_orders);
    }

    fn truth(&self) -> Vec<TrueCall> {
        self.0.look(|office| office.truth())
    }
}

fn engine(dialect: &str) -> Engine {
    match dialect {
        "3" => Engine::V3,
        _ => Engine::V4,
    }
}

fn config(source_toml: &str) -> Config {
    toml_edit::de::from_str(source_toml).expect("a config of Telecom X")
}

fn adapter(config: Config) -> Arc<dyn Adapter> {
    let limits = Limits {
        silence: Duration::from_secs(90),
        max_frame: 4 << 20,
    };
    let source = SourceId::new(SOURCE).expect("a source id");
    Arc::new(telecomx::TelecomX::new(source, config, limits))
}
