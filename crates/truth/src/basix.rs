//! The column of Basix: its one dialect of BERT.

use std::{sync::Arc, time::Duration};

use adapter::{Adapter, Limits, recording, truth::TrueCall};
use basix::{
    Config,
    sim::{Chaos, Lever, Notation, Profile, Sim, Stage},
};
use bytes::Bytes;
use model::{Event, SourceId, Timestamp};
use serde_json::{Value, json};
use testkit::cases::{Encode, Notate, Step};

use crate::{
    gateway::SOURCE,
    house::{House, Opened, Served, Serving},
    weather::Weather,
};

/// Basix.
pub struct Basix;

impl House for Basix {
    fn name(&self) -> &'static str {
        "basix"
    }

    fn dialects(&self) -> Vec<&'static str> {
        vec!["ws_cti"]
    }

    /// It tells everything to everybody. Older servers do not know those who wait, why legs end, or what was removed.
    fn topics(&self, _: &str) -> Vec<&'static str> {
        vec!["channel_waiting", "last_event_data", "removed entities"]
    }

    fn open(&self, _: &str, weather: &Weather, seed: u64, start: Timestamp) -> Opened {
        let without = |topic: &str| weather.without == Some(topic);
        let missing = without("last_event_data").then(|| "last_event_data".to_owned());
        let profile = Profile {
            seed,
            calls_per_s: 0.6,
            users: 24,
            no_channel_waiting: without("channel_waiting"),
            missing_fields: missing.into_iter().collect(),
            bare_removals: without("removed entities"),
            chaos: Chaos {
                duplicate: weather.duplicate,
                reorder: weather.disorder,
                unknown_event: weather.novelty,
                unknown_field: weather.novelty,
                garbage: weather.novelty,
                ..Chaos::default()
            },
            ..Profile::default()
        };
        let config = Stage::config(&profile);
        Opened {
            source_toml: format!(
                "url = {:?}\ndomain = {:?}\ntoken = \"secret\"\nregion = \"JP\"\n",
                config.url, profile.domain
            ),
            adapter: adapter(config),
            stage: Box::new(Stage::new(&profile, start.micros())),
        }
    }

    fn serve<'a>(&'a self, _: &'a str, seed: u64) -> Serving<'a> {
        Box::pin(async move {
            let profile = Profile {
                seed,
                calls_per_s: 4.0,
                haste: 6.0,
                users: 40,
                ..Profile::default()
            };
            let sim = Sim::start(profile).await.expect("a free port");
            Box::new(On(sim)) as Box<dyn Served>
        })
    }

    fn adapter(&self, source_toml: &str) -> Arc<dyn Adapter> {
        adapter(toml_edit::de::from_str(source_toml).expect("a config of Basix"))
    }

    fn encode(&self) -> Encode {
        let mut notation = Notation::default();
        Box::new(move |frame| notation.frame(frame).map_err(|error| error.to_string()))
    }

    fn notate(&self) -> Notate {
        let mut notation = Notation::default();
        Box::new(move |step| match step {
            Step::Frame(at, bytes) => {
                json!({"at": at.as_secs_f64(), "frame": notation.written(bytes)})
            }
            other => recording::line(None, other),
        })
    }

    fn is_grammar(&self, frame: &Bytes) -> bool {
        let word = b"field_spec";
        frame.windows(word.len()).any(|part| part == word)
    }

    /// Entities are kept by the names of their fields, whose order is any; a value without a name is kept last.
    fn sample(&self, event: &Event) -> Option<Vec<Value>> {
        let origin = &event.data.origin;
        let at = |frame: Value| json!({"at": 1, "frame": frame});
        let Some(payload) = &origin.payload else {
            let base64 = origin.payload_base64.as_deref()?;
            return Some(vec![json!({"at": 1, "base64": base64})]);
        };
        let told: Value = serde_json::from_str(payload.as_str()).ok()?;
        let event = origin.event.as_deref();
        let Some((element, change)) = event.and_then(|event| event.split_once('.')) else {
            let mut parts = told.as_array()?.iter().map(plain);
            let kind = parts.next()?;
            let parts = [json!(format!(":{}", kind.as_str()?))]
                .into_iter()
                .chain(parts);
            return Some(vec![at(json!({"term": parts.collect::<Vec<_>>()}))]);
        };
        match told {
            Value::Array(fields) if change == "field_spec" => {
                Some(vec![at(json!({"field_spec": element, "fields": fields}))])
            }
            Value::Object(told) => {
                let (extra, named): (Vec<_>, Vec<_>) = told
                    .into_iter()
                    .partition(|(name, _)| name.starts_with('#'));
                let fields: Vec<_> = named.iter().map(|(name, _)| name.clone()).collect();
                let values: Vec<_> = named
                    .iter()
                    .chain(&extra)
                    .map(|(_, value)| plain(value))
                    .collect();
                Some(vec![
                    at(json!({"field_spec": element, "fields": fields})),
                    at(json!({"info_event": element, change: values})),
                ])
            }
            _ => None,
        }
    }
}

/// A value as the notation has it: texts are binaries, whatever they were.
fn plain(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with([':', '=', '\\']) => json!(format!("\\{text}")),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(_) => Value::Null,
        other => other.clone(),
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
    Arc::new(basix::Basix::new(source, config, limits))
}
