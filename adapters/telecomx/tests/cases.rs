//! Every folder under `cases/`: native frames in, observations out.

use std::path::Path;

use model::SourceId;
use telecomx::{Config, Translator};
use testkit::cases::{self, Case};

#[test]
fn every_case_comes_out_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    cases::check(&root, |case| {
        let config = config(case);
        let problems = config.check();
        assert!(problems.is_empty(), "{}: {problems:?}", case.name);
        let source = SourceId::new("cph").unwrap();
        Box::new(Translator::new(
            &source,
            &config,
            &adapter::Resume::default(),
        ))
    });
}

/// What a case does not configure: everything a viewer may hear of one customer, without snapshots.
fn config(case: &Case) -> Config {
    let text = if case.source.is_empty() {
        r#"
            url = "https://api.telecomx.dk"
            token = "secret"
            customer = "5f00000000000000000000c1"
            channels = ["PBX", "CALL", "REGISTER", "CONFIG"]
            snapshot = false
            region = "DK"
        "#
    } else {
        &case.source
    };
    toml_edit::de::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", case.name))
}
