//! A bounded run of the truth suite in all dialects and all weather, ghosts among many calls, and cases that tell the truth.

use std::path::{Path, PathBuf};

use proptest::{prelude::*, test_runner::RngSeed};
use truth::{
    Play, Score, Weather, case, houses,
    judge::{Fact, Verdict},
    live::Live,
    shrink::shrink,
};

/// Every dialect in every weather.
#[test]
fn nothing_is_wrong_and_nothing_invented() {
    let mut score = Score::default();
    for house in houses() {
        for dialect in house.dialects() {
            for (index, weather) in Weather::all(&house.topics(dialect)).iter().enumerate() {
                let play = Play {
                    dialect,
                    weather: (index, weather),
                    seed: 7,
                    calls: 60,
                    record: false,
                };
                score.join(play.run(&*house).score);
            }
        }
    }
    assert!(
        score.is_clean(),
        "{}\n{}",
        score.last_line(),
        score.faults()
    );
    assert!(score.calls > 2_000, "{}", score.last_line());
}

/// Blind, after asking, by pickup, and from a queue over one agent to the next: all are told, with their parties, in one
/// interaction, and name in order who talked.
#[test]
fn calls_that_change_hands_are_followed() {
    for house in houses() {
        let clear = Weather::clear();
        let play = Play {
            dialect: house.dialects()[0],
            weather: (0, &clear),
            seed: 17,
            calls: 400,
            record: false,
        };
        let score = play.run(&*house).score;
        assert!(score.is_clean(), "{}", score.faults());
        for story in [
            "blind_transfer",
            "attended_transfer",
            "pickup",
            "queue_transfer",
        ] {
            for fact in [Fact::Transfer, Fact::HandledBy, Fact::Interaction] {
                let of = |verdict| score.handover(house.name(), story, fact, verdict);
                let told = of(Verdict::Correct) + of(Verdict::Inferred);
                let what = format!("{} {story} {}", house.name(), fact.name());
                assert!(
                    told > 0 && told > 9 * of(Verdict::Unknown),
                    "{what}: {told} told"
                );
            }
        }
    }
}

/// Calls are held against the PBX's own records, where it keeps some.
#[test]
fn records_are_compared_where_there_are_any() {
    for house in houses() {
        let clear = Weather::clear();
        let play = Play {
            dialect: house.dialects()[0],
            weather: (0, &clear),
            seed: 19,
            calls: 60,
            record: false,
        };
        let source = play.run(&*house).source.expect("a source");
        let compared = source.quality.as_ref().map(|quality| quality.compared);
        if house.name() == "portsip" {
            assert!(compared >= Some(60), "{compared:?}");
        } else {
            assert_eq!(compared, None, "{}", house.name());
        }
    }
}

/// After any mix of disconnects no call stays open for ever, and none ends twice.
#[test]
fn no_ghost_is_left_by_a_storm() {
    for house in houses() {
        for dialect in house.dialects() {
            let storm = Weather::storm();
            let play = Play {
                dialect,
                weather: (0, &storm),
                seed: 11,
                calls: 400,
                record: false,
            };
            let score = play.run(&*house).score;
            assert_eq!((score.ghosts, score.twice), (0, 0), "{dialect}");
        }
    }
}

/// Over real sockets and a log on disk, with the socket cut and both ends restarted.
#[test]
fn the_long_way_tells_the_same_truth() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut lives = tokio::task::JoinSet::new();
        for (index, house) in houses().iter().enumerate() {
            for dialect in house.dialects() {
                for troubles in [false, true] {
                    lives.spawn(async move {
                        let house = houses().swap_remove(index);
                        let live = Live {
                            dialect,
                            seed: 3,
                            calls: 40,
                            troubles,
                        };
                        live.run(&*house).await.score
                    });
                }
            }
        }
        let mut score = Score::default();
        while let Some(lived) = lives.join_next().await {
            score.join(lived.expect("no panic in a run"));
        }
        assert!(
            score.is_clean(),
            "{}\n{}",
            score.last_line(),
            score.faults()
        );
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: stories(), max_shrink_iters: 0, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    /// Whatever happens: a fault is made small and left as a golden case. The same stories in every run; `tests/truth --seed`
    /// tells others.
    #[test]
    fn any_story_is_told_as_it_was(seed in any::<u64>(), duplicate in 0.0..0.4_f64, disorder in 0.0..0.4_f64) {
        let weather = Weather { duplicate, disorder, ..Weather::storm() };
        for house in houses() {
            let dialects = house.dialects();
            let dialect = dialects[usize::try_from(seed % 5).expect("small") % dialects.len()];
            let play = Play { dialect, weather: (0, &weather), seed, calls: 25, record: true };
            if let Some(fault) = play.run(&*house).fault {
                let fault = shrink(&*house, fault);
                let name = format!("{}_{}_{seed}", fault.truth.story, fault.finding.fact.name().replace(' ', "_"));
                let dir = case::write(&*house, &cases_of(house.name()), &name, &fault).expect("a case");
                panic!("{:?}: see {}", fault.finding, dir.display());
            }
        }
    }
}

/// Every golden case of every adapter that says what really happened.
#[test]
fn cases_tell_the_truth() {
    let mut played = 0;
    for house in houses() {
        for entry in std::fs::read_dir(cases_of(house.name())).expect("cases") {
            let dir = entry.expect("a folder").path();
            if !dir.is_dir() {
                continue;
            }
            let Some(findings) = case::play(&*house, &dir).expect("a case") else {
                continue;
            };
            played += 1;
            let faults: Vec<_> = findings
                .iter()
                .filter(|finding| finding.verdict.is_a_fault())
                .collect();
            assert!(faults.is_empty(), "{}: {faults:#?}", dir.display());
        }
    }
    assert!(played > 0, "no case has a truth.json");
}

/// How many; more when the environment asks for it.
fn stories() -> u32 {
    let wanted = std::env::var("PROPTEST_CASES").ok();
    wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or(12)
}

fn cases_of(adapter: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../adapters");
    root.join(adapter).join("cases")
}
