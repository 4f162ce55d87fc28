//! The column of PortSIP PBX: all dialects of WSI.

use std::{sync::Arc, time::Duration};

use adapter::{Adapter, Limits, truth::TrueCall};
use model::{SourceId, Timestamp};
use portsip::{
    Config,
    sim::{Chaos, Lever, Profile, Sim, Stage},
    wire::Dialect,
};

use crate::{
    gateway::SOURCE,
    house::{House, Opened, Served, Serving},
    weather::Weather,
};

/// PortSIP PBX.
pub struct Portsip;

impl House for Portsip {
    fn name(&self) -> &'static str {
        "portsip"
    }

    fn dialects(&self) -> Vec<&'static str> {
        Dialect::ALL.map(Dialect::as_str).to_vec()
    }

    fn topics(&self, _: &str) -> Vec<&'static str> {
        vec!["extension_events", "cdr_events", "queue_events"]
    }

    fn open(&self, dialect: &str, weather: &Weather, seed: u64, start: Timestamp) -> Opened {
        let dialect = Dialect::parse(dialect).expect("a dialect of PortSIP");
        let profile = Profile {
            seed,
            calls_per_s: 0.6,
            extensions: 24,
            duplicate_target_add: weather.duplicate > 0.0,
            stray_event: weather.disorder > 0.0,
            chaos: Chaos {
                duplicate: weather.duplicate,
                reorder: weather.disorder,
                unknown_event: weather.novelty,
                unknown_field: weather.novelty,
                garbage: weather.novelty,
                ..Chaos::default()
            },
            ..Profile::of(dialect)
        };
        let mut config = profile.config("wss://pbx.example.com:8887/wsi");
        config
            .topics
            .retain(|topic| Some(topic.as_str()) != weather.without);
        Opened {
            source_toml: source_toml(&config),
            adapter: adapter(config.clone()),
            stage: Box::new(Stage::new(profile, config, start.millis())),
        }
    }

    fn serve<'a>(&'a self, dialect: &'a str, seed: u64) -> Serving<'a> {
        Box::pin(async move {
            let dialect = Dialect::parse(dialect).expect("a dialect of PortSIP");
            let profile = Profile {
                seed,
                calls_per_s: 4.0,
                haste: 6.0,
                extensions: 40,
                ..Profile::of(dialect)
            };
            let sim = Sim::start(profile).await.expect("a free port");
            Box::new(On(sim)) as Box<dyn Served>
        })
    }

    fn adapter(&self, source_toml: &str) -> Arc<dyn Adapter> {
        adapter(toml_edit::de::from_str(source_toml).expect("a config of PortSIP"))
    }
}

/// A simulated PBX on a socket.
struct On(Sim);

impl Served for On {
    fn adapter(&self) -> Arc<dyn Adapter> {
        adapter(self.0.config())
    }

    fn cut(&self) {
        self.0.pull(Lever::Drop);
    }

    fn restart(&self) {
        self.0.pull(Lever::Restart);
    }

    fn last_orders(&self) {
        self.0.last_orders();
    }

    fn truth(&self) -> Vec<TrueCall> {
        self.0.truth()
    }
}

fn adapter(config: Config) -> Arc<dyn Adapter> {
    let limits = Limits {
        silence: Duration::from_secs(90),
        max_frame: 4 << 20,
    };
    let source = SourceId::new(SOURCE).expect("a source id");
    Arc::new(portsip::Portsip::new(source, config, limits))
}

fn source_toml(config: &Config) -> String {
    let list = |items: &[String]| format!("{items:?}");
    let domain = config
        .domain
        .as_ref()
        .map(|domain| format!("domain = {domain:?}\n"));
    format!(
        "url = {:?}\nusername = \"supervisor\"\n{}password = \"secret\"\ntopics = {}\nextensions = {}\nqueues = {}\n\
         service_numbers = {}\nvoicemail_numbers = {}\nregion = \"GB\"\n",
        config.url,
        domain.unwrap_or_default(),
        list(&config.topics),
        list(&config.extensions),
        list(&config.queues),
        list(&config.service_numbers),
        list(&config.voicemail_numbers),
    )
}
