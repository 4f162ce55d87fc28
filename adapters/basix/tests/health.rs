//! A healthy PBX leaves nothing to wonder about: simulator and map agree on every message, and on how every call went.

#![cfg(test)]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use adapter::{
    Output, Resume, Translator as _,
    truth::{Stage as _, TrueCall},
};
use basix::{
    Translator,
    sim::{Order, Plot, Profile, Stage},
};
use bytes::Bytes;
use model::{End, Fact, LegRole, LegState, Now, SourceId, Timestamp, observation::SourceFact};

const START: i64 = 1_774_000_000_000_000;

#[test]
fn every_message_is_recognized_and_every_call_is_told_as_it_went() {
    for seed in 1..=4 {
        let profile = Profile {
            seed,
            calls_per_s: 1.5,
            ..Profile::default()
        };
        let run = run(&profile, None, 600);
        assert!(run.truth.len() > 400, "{} calls", run.truth.len());
        run.check();
    }
}

#[test]
fn the_habits_of_single_servers_change_nothing() {
    let of = Profile::default;
    let odd = [
        Profile {
            names_as_atoms: true,
            ..of()
        },
        Profile {
            utf8_atoms: true,
            bare: true,
            ..of()
        },
        Profile {
            shuffle: false,
            bare_removals: false,
            ..of()
        },
        Profile {
            no_channel_waiting: true,
            ..of()
        },
    ];
    for profile in odd {
        let profile = Profile {
            calls_per_s: 1.5,
            ..profile
        };
        run(&profile, None, 200).check();
    }
}

#[test]
fn what_is_repeated_changes_nothing() {
    let mut profile = Profile {
        calls_per_s: 1.5,
        ..Profile::default()
    };
    profile.chaos.duplicate = 0.3;
    run(&profile, None, 300).check();
}

#[test]
fn each_plot_is_told_by_itself() {
    let mut plots: Vec<Plot> = Vec::new();
    for name in [
        "answered",
        "missed",
        "no_answer",
        "busy",
        "rejected",
        "unreachable",
        "voicemail",
        "queue",
        "abandoned",
        "overflow",
        "hunt",
        "menu",
        "internal",
        "internal_missed",
        "outbound",
        "outbound_busy",
        "click_to_call",
        "conference",
        "park_retrieve",
        "pickup",
        "web_phone",
        "blind_transfer",
        "attended_transfer",
        "queue_transfer",
        "monitored",
    ] {
        plots.push(serde_json::from_value(name.into()).unwrap());
    }
    for plot in plots {
        let run = run(&Profile::default().quiet(), Some(plot), 600);
        assert!(!run.truth.is_empty(), "{plot:?}");
        run.check();
    }
}

struct Run {
    facts: Vec<(Option<Timestamp>, Fact)>,
    truth: Vec<TrueCall>,
}

fn run(profile: &Profile, plot: Option<Plot>, seconds: u64) -> Run {
    let mut stage = Stage::new(profile, START);
    let source = SourceId::new("tokyo").unwrap();
    let mut translator = Translator::new(&source, &Stage::config(profile), &Resume::default());
    let at = |mono: Duration| Now {
        mono,
        wall: Timestamp::from_micros(START).after(mono),
    };
    let mut out = Output::default();
    translator.connected(None, at(Duration::ZERO), &mut out);
    let mut frames: Vec<Bytes> = Vec::new();
    stage.connect(&mut frames);
    if let Some(plot) = plot {
        stage.begin(&Order::of(plot)).unwrap();
    }
    let mut now = Duration::ZERO;
    loop {
        for frame in frames.drain(..) {
            translator.frame(&frame, at(now), &mut out);
        }
        let due = [stage.poll_timeout(), translator.poll_timeout()];
        let Some(next) = due.into_iter().flatten().min() else {
            break;
        };
        now = now.max(next);
        if now > Duration::from_secs(seconds) {
            stage.last_orders();
            if stage.open_calls() == 0 {
                break;
            }
        }
        if translator.poll_timeout().is_some_and(|due| due <= now) {
            translator.timeout(at(now), &mut out);
        }
        stage.advance(now, &mut frames);
    }
    let facts = out
        .reports
        .into_iter()
        .flat_map(|report| report.observations);
    Run {
        facts: facts.map(|told| (told.time, told.fact)).collect(),
        truth: stage.take_ended(),
    }
}

#[derive(Default)]
struct Told {
    ends: Vec<Option<End>>,
    answered: BTreeSet<String>,
    rang: BTreeSet<String>,
    open: BTreeSet<String>,
    transfers: Vec<&'static str>,
}

impl Run {
    fn check(&self) {
        let mut calls: BTreeMap<String, Told> = BTreeMap::new();
        let mut synced = false;
        let mut numbers: BTreeMap<String, String> = BTreeMap::new();
        for (_, fact) in &self.facts {
            match fact {
                Fact::Unrecognized { shape } => panic!("{shape}"),
                Fact::Source(SourceFact::Degraded { reason }) => panic!("{reason}"),
                Fact::Source(SourceFact::Synced) => synced = true,
                Fact::Call {
                    call, opens: true, ..
                } => {
                    assert!(
                        calls.insert(call.to_string(), Told::default()).is_none(),
                        "{call} opens twice"
                    );
                }
                Fact::Leg(leg) => {
                    let call = calls
                        .get_mut(&*leg.call)
                        .unwrap_or_else(|| panic!("{leg:?} before its call"));
                    assert!(call.ends.is_empty(), "{leg:?} after the end");
                    let key = leg.leg.to_string();
                    if let Some(number) = leg
                        .patch
                        .party
                        .as_ref()
                        .and_then(|party| party.number.as_ref())
                    {
                        numbers.insert(key.clone(), number.raw.to_string());
                    }
                    let number = numbers.get(&key).cloned().unwrap_or_default();
                    let role = leg.patch.role;
                    match leg.state {
                        Some(LegState::Ended) => {
                            assert!(call.open.remove(&key), "{leg:?} is not open");
                        }
                        Some(LegState::Ringing) if role != Some(LegRole::Caller) => {
                            call.open.insert(key);
                            call.rang.insert(number);
                        }
                        Some(LegState::Connected) => {
                            if call.rang.contains(&number) {
                                call.answered.insert(number);
                            }
                            call.open.insert(key);
                        }
                        Some(_) => {
                            call.open.insert(key);
                        }
                        None => {}
                    }
                }
                Fact::LegMoved { from, leg, to } => {
                    assert!(calls.get_mut(&**from).unwrap().open.remove(&**leg), "{leg}");
                    let next = format!("{leg}~2");
                    numbers.insert(next.clone(), numbers[&**leg].clone());
                    calls.get_mut(&**to).unwrap().open.insert(next);
                }
                Fact::Transferred { call, kind, .. } => {
                    calls
                        .get_mut(&**call)
                        .unwrap()
                        .transfers
                        .push(kind.as_str());
                }
                Fact::CallEnded { call, end, .. } => {
                    let told = calls.get_mut(&**call).unwrap();
                    assert!(told.open.is_empty(), "{call}: {:?} outlive it", told.open);
                    told.ends.push(end.clone());
                }
                _ => {}
            }
        }
        assert!(synced);
        for truth in &self.truth {
            let told = calls
                .get(&truth.key)
                .unwrap_or_else(|| panic!("nobody heard of {truth:?}"));
            let [Some(end)] = told.ends.as_slice() else {
                panic!("{} ends of {truth:?}", told.ends.len());
            };
            let real = truth.end.as_ref().unwrap();
            assert!(
                end.cause == real.cause || real.or.contains(&end.cause),
                "{end:?}: {truth:#?}"
            );
            assert_eq!(end.outcome, real.outcome, "{end:?}: {truth:#?}");
            assert_eq!(end.ended_by, real.ended_by, "{end:?}: {truth:#?}");
            let rang: BTreeSet<String> =
                truth.rang.iter().map(|ring| ring.number.clone()).collect();
            assert_eq!(told.rang, rang, "{truth:#?}");
            let transfers: Vec<&str> = truth
                .transfers
                .iter()
                .map(|handover| handover.kind.as_str())
                .collect();
            assert_eq!(told.transfers, transfers, "{truth:#?}");
        }
        let open = self
            .truth
            .iter()
            .map(|truth| truth.key.as_str())
            .collect::<BTreeSet<_>>();
        for (key, told) in &calls {
            assert!(open.contains(&**key), "{key} never was");
            assert_eq!(told.ends.len(), 1, "{key}");
        }
    }
}
