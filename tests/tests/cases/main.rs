//! Every golden case of every adapter, played on through the reducer: the canonical events that a client gets to see.
//!
//! Beside the case lies `events.jsonl`, an event on each line: of an entity only what differs from the last event of
//! its subject. With `UPDATE_CASES=1` the files are rewritten instead of compared.

#![expect(clippy::expect_used, reason = "helpers of tests")]

mod delta;
mod frozen;
mod reducer;

use std::{fs, path::Path, time::Duration};

use adapter::{Adapter, Limits, Resume};
use model::{Event, SourceId};
use testkit::cases::{self, Case};

use reducer::Reducer;

/// For how long after the last message time goes on.
const AFTERWARDS: Duration = Duration::from_secs(30);
const LIMITS: Limits = Limits {
    silence: Duration::from_secs(90),
    max_frame: 4 << 20,
};

/// A kind of PBX: the folder of its adapter, how its cases are read, and the adapter.
struct Kind {
    folder: &'static str,
    encode: fn() -> cases::Encode,
    make: fn(SourceId, &str) -> Box<dyn Adapter>,
}

const KINDS: [Kind; 3] = [PORTSIP, BASIX, TELECOMX];

const PORTSIP: Kind = Kind {
    folder: "portsip",
    encode: cases::plain,
    make: |source, text| {
        let config: portsip::Config = toml_edit::de::from_str(text).expect("the case's source");
        Box::new(portsip::Portsip::new(source, config, LIMITS))
    },
};

const BASIX: Kind = Kind {
    folder: "basix",
    encode: || {
        let mut notation = basix::sim::Notation::default();
        Box::new(move |frame: &_| notation.frame(frame).map_err(|error| error.to_string()))
    },
    make: |source, text| {
        let domain = r#"
            url = "wss://pbx.example.com/basix/api/ws_cti"
            domain = "test1.com"
            token = "secret"
            region = "JP"
        "#;
        let text = if text.is_empty() { domain } else { text };
        let config: basix::Config = toml_edit::de::from_str(text).expect("the case's source");
        Box::new(basix::Basix::new(source, config, LIMITS))
    },
};

const TELECOMX: Kind = Kind {
    folder: "telecomx",
    encode: cases::plain,
    make: |source, text| {
        let viewer = r#"
            url = "https://api.telecomx.dk"
            token = "secret"
            customer = "5f00000000000000000000c1"
            channels = ["PBX", "CALL", "REGISTER", "CONFIG"]
            snapshot = false
            region = "DK"
        "#;
        let text = if text.is_empty() { viewer } else { text };
        let config: telecomx::Config = toml_edit::de::from_str(text).expect("the case's source");
        Box::new(telecomx::TelecomX::new(source, config, LIMITS))
    },
};

#[test]
fn portsip() {
    every_case(&PORTSIP);
}

#[test]
fn basix() {
    every_case(&BASIX);
}

#[test]
fn telecomx() {
    every_case(&TELECOMX);
}

fn every_case(kind: &Kind) {
    let cases = kind.cases();
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let mut differ = Vec::new();
    for case in &cases {
        let (events, _) = kind.reduced(case);
        let path = case.dir.join("events.jsonl");
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if expected == events {
            continue;
        }
        if update {
            fs::write(&path, events).expect("the folder can be written");
        } else {
            differ.push(format!(
                "{}:\n{}",
                case.name,
                cases::difference(&expected, &events)
            ));
        }
    }
    assert!(
        differ.is_empty(),
        "{} cases differ (UPDATE_CASES=1 rewrites them)\n\n{}",
        differ.len(),
        differ.join("\n")
    );
}

impl Kind {
    fn cases(&self) -> Vec<Case> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../adapters")
            .join(self.folder)
            .join("cases");
        let cases = cases::read_all(&root, self.encode).expect("the cases");
        assert!(!cases.is_empty(), "no case in {}", root.display());
        cases
    }

    /// The events of a case: as its file shows them, and whole.
    fn reduced(&self, case: &Case) -> (String, Vec<Event>) {
        let source = SourceId::new("hq").expect("a name");
        let adapter = (self.make)(source.clone(), &case.source);
        let mut translator = adapter.translator(Resume::default());
        let mut reducer = Reducer::new(&case.name, &source, adapter.descriptor());
        cases::play(case, translator.as_mut(), |moment| reducer.hear(moment));
        reducer.pass(AFTERWARDS);
        reducer.finish()
    }
}
