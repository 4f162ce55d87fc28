//! Every folder under `cases/`: native frames in, observations out.

use std::path::Path;

use model::SourceId;
use portsip::{Config, Translator};
use testkit::cases::{self, Case};

#[test]
fn every_case_comes_out_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    cases::check(&root, |case| {
        let config = config(case);
        let problems = config.check();
        assert!(problems.is_empty(), "{}: {problems:?}", case.name);
        let source = SourceId::new("hq").unwrap();
        Box::new(Translator::new(
            &source,
            &config,
            &adapter::Resume::default(),
        ))
    });
}

/// What a case does not configure: a tenant's administrator who may see everything.
fn config(case: &Case) -> Config {
    let text = if case.source.is_empty() {
        r#"
            url = "wss://pbx.example.com:8887/wsi"
            username = "supervisor"
            domain = "test.com"
            password = "secret"
            topics = ["cdr_events", "trunk_events"]
        "#
    } else {
        &case.source
    };
    toml_edit::de::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", case.name))
}
