//! `docs/adding-an-adapter.md` shows the files that stand here, and its checklist names the tests that run here.

use std::{collections::BTreeSet, fs, path::Path};

use adapter::Support;
use model::{EventType, Fact, LegState, Observation};
use testkit::cases::plain;

use super::map::Bell;

/// Where each line of the checklist is proven: the tests of this crate, by the names in the guide.
const PROVEN: &[&str] = &[
    "bad_credentials",
    "any_frame_is_told_of",
    "disorder",
    "duplicate",
    "every_case_comes_out_as_expected",
    "garbage",
    "it_is_deterministic",
    "reconnect",
    "silence",
    "slow_hub",
    "stop",
    "what_can_be_told_is_declared",
];

#[test]
fn it_shows_what_stands_here() {
    let guide = guide();
    let mut shown = 0;
    let mut blocks = guide.split("\n```rust title=");
    blocks.next();
    for block in blocks {
        let (title, rest) = block.split_once('\n').expect("a title");
        let (code, _) = rest.split_once("\n```").expect("the end of a block");
        let file = fs::read_to_string(root().join("crates/testkit/tests/bell").join(title));
        let file = file.unwrap_or_else(|error| panic!("{title}: {error}"));
        // A guide may leave out what is between.
        for part in code.split("\n// …\n") {
            assert!(
                file.contains(part.trim_end()),
                "{title} does not hold:\n{part}"
            );
        }
        shown += 1;
    }
    assert!(shown >= 4, "the guide shows {shown} files");
}

#[test]
fn its_checklist_is_followed() {
    let guide = guide();
    let named: BTreeSet<&str> = guide
        .lines()
        .filter(|line| line.starts_with("- [ ]"))
        .map(|line| {
            let name = line
                .rsplit_once("(`")
                .and_then(|(_, name)| name.strip_suffix("`)"));
            name.unwrap_or_else(|| panic!("no test is named: {line}"))
        })
        .collect();
    let proven: BTreeSet<&str> = PROVEN.iter().copied().collect();
    assert_eq!(named, proven);
    let sources: String = ["conforms.rs", "cases.rs", "properties.rs", "guide.rs"]
        .iter()
        .map(|file| {
            fs::read_to_string(root().join("crates/testkit/tests/bell").join(file)).expect("a file")
        })
        .collect();
    let suite =
        fs::read_to_string(root().join("crates/testkit/src/conformance.rs")).expect("the suite");
    for name in PROVEN {
        let is_test = sources.contains(&format!("fn {name}("))
            || suite.contains(&format!("pub async fn {name}<S"));
        assert!(is_test, "no test is called {name}");
    }
}

/// Whatever the cases tell is declared as told by the PBX.
#[test]
fn what_can_be_told_is_declared() {
    let declared = super::adapter::capabilities();
    let cases = testkit::cases::read_all(&root().join("crates/testkit/tests/bell/cases"), plain);
    let mut told = BTreeSet::new();
    for case in cases.expect("readable cases") {
        testkit::cases::play(&case, &mut Bell, |moment| {
            let reports = moment.output.reports.into_iter();
            told.extend(
                reports
                    .flat_map(|report| report.observations)
                    .filter_map(event),
            );
        });
    }
    for kind in &told {
        assert_eq!(declared.of(*kind), Support::Native, "{kind:?}");
    }
    assert!(told.contains(&EventType::CallEnded), "{told:?}");
    assert_eq!(declared.of(EventType::CallHeld), Support::Never);
}

/// The event that a fact is told for.
fn event(observation: Observation) -> Option<EventType> {
    match observation.fact {
        Fact::Call { opens: true, .. } => Some(EventType::CallStarted),
        Fact::CallEnded { .. } => Some(EventType::CallEnded),
        Fact::Leg(leg) => match leg.state? {
            LegState::Initiated => Some(EventType::LegStarted),
            LegState::Ringing => Some(EventType::LegRinging),
            LegState::Connected => Some(EventType::LegAnswered),
            state => panic!("Bell does not tell of {state:?}"),
        },
        _ => None,
    }
}

fn guide() -> String {
    fs::read_to_string(root().join("docs/adding-an-adapter.md")).expect("the guide")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the workspace")
}
