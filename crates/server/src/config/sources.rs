//! `[sources.<id>]`: the PBXs. Keys common to all are typed here; the others are declared by the adapter.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use model::{Normalizer, SourceId};
use serde_json::json;

use super::{
    net::Url,
    pem,
    reader::{Read, Reader, Slot, cut},
    secret::Secret,
    suggest::nearest,
    tree::Value,
    units::{Period, Size},
};
use crate::adapters::{Entry, Key, Kind};

/// A PBX to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub id: SourceId,
    /// The name of the adapter that speaks to it.
    pub adapter: &'static str,
    /// Where it is.
    pub url: Url,
    /// The region of numbers that are written without a country: an ISO 3166 code in capitals.
    pub region: Option<String>,
    /// Certificates trusted beside those of the system, PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether any certificate will do.
    pub insecure_tls: bool,
    /// Whether the connection may be unencrypted beyond this machine.
    pub allow_plaintext: bool,
    /// Whether the gateway is unready while this source is down.
    pub required: bool,
    /// Whether events carry the native body.
    pub include_native: bool,
    /// When to try again.
    pub reconnect: Reconnect,
    /// A connection without a byte for so long is dead.
    pub silence: Duration,
    /// The largest frame accepted.
    pub max_frame: Size,
    /// The age at which a call that nothing confirms any more is given up.
    pub max_call_age: Duration,
    /// What the adapter declared.
    pub settings: Settings,
}

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnect {
    /// The first pause.
    pub initial: Duration,
    /// The longest pause.
    pub max: Duration,
    /// Attempts in a minute.
    pub budget_per_min: u32,
}

/// The values of the keys that an adapter declared. A key that the adapter did not declare reads as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<&'static str, Setting>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    Text(String),
    Secret(Secret),
    Texts(Vec<String>),
    Flag(bool),
}

/// A rule that an adapter finds broken: the key at fault, what is wrong, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key at fault.
    pub key: String,
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl Settings {
    /// Every value that was given, by key.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Setting)> {
        self.0.iter().map(|(key, setting)| (*key, setting))
    }

    /// A text, or the word chosen.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.0.get(key)? {
            Setting::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A secret.
    #[must_use]
    pub fn secret(&self, key: &str) -> Option<&Secret> {
        match self.0.get(key)? {
            Setting::Secret(secret) => Some(secret),
            _ => None,
        }
    }

    /// A list of texts or words; empty when absent.
    #[must_use]
    pub fn texts(&self, key: &str) -> &[String] {
        match self.0.get(key) {
            Some(Setting::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// A flag.
    #[must_use]
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.0.get(key)? {
            Setting::Flag(flag) => Some(*flag),
            _ => None,
        }
    }
}

/// Reads every source.
pub(super) fn read(reader: &mut Reader<'_>, adapters: &[Entry]) -> BTreeMap<SourceId, Source> {
    let (mut sources, mut schemas) = (BTreeMap::new(), Vec::new());
    for (name, origin, slot) in reader.entries() {
        let id = SourceId::new(name).map_err(|error| {
            let mend = "rename the source, for example [sources.hq]";
            let key = format!("sources.{}", cut(name));
            slot.context.complain(origin, key, error.to_string(), mend);
        });
        if let Ok(id) = id.or_else(|()| SourceId::new("unnamed")) {
            let source = slot.read_table(|reader| {
                let source = Source::read(reader, id, adapters);
                schemas.push(reader.schema());
                source
            });
            sources.extend(source.map(|source| (source.id.clone(), source)));
        }
    }
    reader.accept_names(json!({ "anyOf": schemas }));
    sources
}

impl Source {
    fn read(reader: &mut Reader<'_>, id: SourceId, adapters: &[Entry]) -> Option<Self> {
        let Some(adapter) = adapter(reader, adapters) else {
            // Without the adapter nobody knows which keys are right.
            reader.accept_all();
            return None;
        };
        let url = url(reader, adapter);
        let reconnect = reader.table("reconnect", |reader| {
            let longest = Period::secs(3_600);
            let shortest = Period(Duration::from_millis(10));
            let initial = reader.within("initial", Period::secs(1), shortest..=longest);
            let max = reader.within("max", Period::secs(60), shortest..=longest);
            if initial > max {
                let wrong =
                    format!("the longest pause, {max}, is shorter than the first, {initial}");
                reader.complain("max", wrong, "write a longer one");
            }
            Reconnect {
                initial: initial.0,
                max: max.0,
                budget_per_min: reader.count("budget_per_min", 10, 1..=100_000),
            }
        });
        let region: Option<Region> = reader.optional("region");
        let ca_file = pem::path(reader, "ca_file", "CERTIFICATE");
        let insecure_tls = reader.or("insecure_tls", false);
        let allow_plaintext = reader.or("allow_plaintext", false);
        let required = reader.or("required", false);
        let include_native = reader.or("include_native", true);
        let silence = reader.within("silence", Period::secs(90), Period::secs(3)..=DAY);
        let frames = Size::kib(64)..=Size::mib(256);
        let max_frame = reader.within("max_frame", Size::mib(4), frames);
        let ages = Period::secs(60)..=Period::secs(30 * 86_400);
        let max_call_age = reader.within("max_call_age", Period::secs(12 * 3_600), ages);
        let settings = settings(reader, adapter.keys);
        let source = Self {
            id,
            adapter: adapter.name,
            // What stands in for a wrong URL is never used: it only lets the adapter look at the other keys.
            url: url.or_else(|| Url::parse(adapter.example))?,
            region: region.map(|region| region.0),
            ca_file,
            insecure_tls,
            allow_plaintext,
            required,
            include_native,
            reconnect,
            silence: silence.0,
            max_frame,
            max_call_age: max_call_age.0,
            settings,
        };
        for problem in (adapter.check)(&source) {
            if reader.is_wrong(&problem.key) {
                continue;
            }
            reader.complain(&problem.key, problem.message, adapter.advice(&problem.key));
        }
        Some(source)
    }
}

const DAY: Period = Period::secs(86_400);

fn adapter<'a>(reader: &mut Reader<'_>, adapters: &'a [Entry]) -> Option<&'a Entry> {
    let names: Vec<(&str, &Entry)> = adapters.iter().map(|known| (known.name, known)).collect();
    let known: Vec<&str> = adapters.iter().map(|known| known.name).collect();
    let mend = format!("write adapter = \"…\" with one of {}", known.join(", "));
    reader.require("adapter", &mend);
    let adapter = reader.word("adapter", &names)?;
    reader.describe("adapter", json!({"const": adapter.name}));
    Some(adapter)
}

/// The address: in a scheme that the adapter speaks, and encrypted, or on this machine, or plain by wish.
fn url(reader: &mut Reader<'_>, adapter: &Entry) -> Option<Url> {
    let url: Url = reader.required("url", &format!("write url = {:?}", adapter.example))?;
    let plain = reader.slot("allow_plaintext");
    let allowed = plain.is_some_and(|slot| matches!(slot.node.value, Value::Flag(true)));
    if !adapter.schemes.contains(&url.scheme()) {
        let schemes = adapter.schemes.join(" or ");
        let wrong = format!(
            "{} speaks {schemes}, not {}",
            adapter.name,
            cut(url.scheme())
        );
        reader.complain("url", wrong, format!("write it like {:?}", adapter.example));
    } else if url.is_plaintext() && !url.is_loopback() && !allowed {
        let wrong = "credentials would travel unencrypted: the host is not on this machine";
        let mend = format!(
            "use {}, or accept it with allow_plaintext = true",
            adapter.schemes[0]
        );
        reader.complain("url", wrong, mend);
    }
    Some(url)
}

/// The adapter's own keys.
fn settings(reader: &mut Reader<'_>, keys: &'static [Key]) -> Settings {
    let mut settings = BTreeMap::new();
    for key in keys {
        let setting = match key.kind {
            Kind::Text => reader.optional(key.name).map(Setting::Text),
            Kind::Secret => reader.optional(key.name).map(Setting::Secret),
            Kind::Texts => reader.optional(key.name).map(Setting::Texts),
            Kind::Flag => reader.optional(key.name).map(Setting::Flag),
            Kind::Word(words) => {
                let word = reader.word(key.name, &pairs(words));
                word.map(|word| Setting::Text(word.to_owned()))
            }
            Kind::Words(words) => {
                reader.describe(key.name, json!({"type": "array", "items": {"enum": words}}));
                reader.slot(key.name).map(|slot| {
                    let words = slot
                        .items()
                        .into_iter()
                        .filter_map(|item| item.word(&pairs(words)));
                    Setting::Texts(words.map(str::to_owned).collect())
                })
            }
        };
        if key.required {
            reader.require(key.name, key.help);
        }
        settings.extend(setting.map(|setting| (key.name, setting)));
    }
    Settings(settings)
}

fn pairs(words: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    words.iter().map(|word| (*word, *word)).collect()
}

/// Complains about a name that is none of the sources in the file.
pub(super) fn refuse_unknown(name: &str, given: &[&str], complain: impl FnOnce(String, String)) {
    if !given.contains(&name) {
        let mend = match nearest(name, given.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("add [sources.{}], or remove it", cut(name)),
        };
        complain(format!("there is no source {:?}", cut(name)), mend);
    }
}

/// A region that numbers can be read for.
struct Region(String);

impl Read for Region {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        slot.parsed("a region", "\"GB\" (ISO 3166, two capitals)", |text| {
            Normalizer::knows_region(text).then(|| Self(text.to_owned()))
        })
    }
}
