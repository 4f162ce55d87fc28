//! Every folder under `cases/`: frames, and the facts that they make.

use std::path::Path;

use super::map::Bell;

#[test]
fn every_case_comes_out_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bell/cases");
    testkit::cases::check(&root, |_| Box::new(Bell));
}
