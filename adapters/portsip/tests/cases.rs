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

fn config(case: &Case) -> Config {
    toml_edit::de::from_str(&case.source).unwrap_or_else(|error| panic!("{}: {error}", case.name))
}
