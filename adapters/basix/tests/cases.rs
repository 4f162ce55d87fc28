//! Every folder under `cases/`: frames in the notation for people, written as BERT, and the observations they make.

use std::path::Path;

use basix::{Config, Translator, sim::Notation};
use model::SourceId;
use testkit::cases::{self, Case};

#[test]
fn every_case_comes_out_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let notation = || {
        let mut notation = Notation::default();
        Box::new(move |frame: &_| notation.frame(frame).map_err(|error| error.to_string()))
            as cases::Encode
    };
    cases::check_encoded(&root, notation, |case| {
        let config = config(case);
        let problems = config.check();
        assert!(problems.is_empty(), "{}: {problems:?}", case.name);
        let source = SourceId::new("tokyo").unwrap();
        Box::new(Translator::new(
            &source,
            &config,
            &adapter::Resume::default(),
        ))
    });
}

/// What a case does not configure: a domain's token that may see everything.
fn config(case: &Case) -> Config {
    let text = if case.source.is_empty() {
        r#"
            url = "wss://pbx.example.com/basix/api/ws_cti"
            domain = "test1.com"
            token = "secret"
            region = "JP"
        "#
    } else {
        &case.source
    };
    toml_edit::de::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", case.name))
}
