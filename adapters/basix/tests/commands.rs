//! Commands: what is sent, and how it is known what came of it.

#![cfg(test)]

use std::{sync::Arc, time::Duration};

use adapter::{Order as Command, Output, Refusal, Resume, Translator as _, truth::Stage as _};
use basix::{
    Translator, commands,
    sim::{Order, Plot, Profile, Stage},
};
use bytes::Bytes;
use model::{Call, Fact, LegState, Now, SourceId, Timestamp, observation::CommandOutcome};
use serde_json::{Value, json};

const START: i64 = 1_774_000_000_000_000;

#[test]
fn a_call_is_hung_up() {
    let mut pair = Pair::talking();
    pair.order("hangup", json!({})).unwrap();
    let outcome = pair.outcome();
    assert!(
        matches!(outcome, CommandOutcome::Succeeded { .. }),
        "{outcome:?}"
    );
    assert_eq!(pair.stage.open_calls(), 0);
}

#[test]
fn one_leg_of_it_is_hung_up() {
    let mut pair = Pair::ringing();
    let phone = pair
        .legs()
        .into_iter()
        .find(|leg| leg["native"]["direction"] == "outbound")
        .unwrap();
    pair.order("hangup", json!({"leg": phone["id"]})).unwrap();
    while pair.outcomes.is_empty() {
        pair.go_on();
    }
    assert!(matches!(pair.outcomes[0], CommandOutcome::Succeeded { .. }));
    assert_eq!(pair.stage.open_calls(), 1, "the caller still waits");
}

#[test]
fn a_call_is_parked() {
    let mut pair = Pair::talking();
    pair.order("park", json!({"timeout": 30})).unwrap();
    let outcome = pair.outcome();
    let CommandOutcome::Succeeded { native } = &outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(native.text("slot"), Some("901"));
}

#[test]
fn a_call_is_sent_on() {
    let mut pair = Pair::talking();
    pair.order("transfer", json!({"destination": "1009"}))
        .unwrap();
    assert!(matches!(pair.outcome(), CommandOutcome::Succeeded { .. }));
    let sent: Value = serde_json::from_slice(&pair.sent).unwrap();
    assert_eq!(sent["cmd"], "transfer");
    assert_eq!(sent["destination"], "1009");
    assert_eq!(sent["user_name"], "user2", "{sent}");
}

#[test]
fn a_leg_that_ends_otherwise_fails_what_was_wanted_of_it() {
    let mut pair = Pair::talking();
    // The PBX knows nobody of that number, and does nothing.
    pair.order("transfer", json!({"destination": "4711"}))
        .unwrap();
    let outcome = pair.outcome();
    let CommandOutcome::Failed { reason, .. } = &outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(&**reason, "leg_ended");
}

#[test]
fn what_cannot_be_done_is_refused() {
    let mut pair = Pair::talking();
    let refused = |refusal: Result<(), Refusal>| refusal.unwrap_err().reason.to_string();
    assert_eq!(
        refused(pair.order("hangup", json!({"leg": "tokyo:nobody"}))),
        "no_such_leg"
    );
    assert_eq!(
        refused(pair.order("transfer", json!({"destination": "1", "user": "9"}))),
        "no_such_user"
    );
    assert_eq!(refused(pair.order("transfer", json!({}))), "bad_params");
    assert!(pair.sent.is_empty());
    let names: Vec<&str> = commands().iter().map(|command| command.name).collect();
    assert_eq!(names, ["hangup", "park", "transfer"]);
}

/// A PBX and the translator that listens to it.
struct Pair {
    stage: Stage,
    translator: Translator,
    now: Duration,
    call: String,
    sent: Bytes,
    legs: std::collections::BTreeMap<String, (Value, LegState)>,
    outcomes: Vec<CommandOutcome>,
}

impl Pair {
    /// A call from outside to user 1002, who talks.
    fn talking() -> Self {
        Self::until(|legs| {
            let talks = legs
                .values()
                .filter(|(_, state)| *state == LegState::Connected);
            talks.count() == 2
        })
    }

    fn ringing() -> Self {
        Self::until(|legs| legs.values().any(|(_, state)| *state == LegState::Ringing))
    }

    fn until(
        fits: impl Fn(&std::collections::BTreeMap<String, (Value, LegState)>) -> bool,
    ) -> Self {
        let profile = Profile::default().quiet();
        let mut stage = Stage::new(&profile, START);
        let source = SourceId::new("tokyo").unwrap();
        let mut translator = Translator::new(&source, &Stage::config(&profile), &Resume::default());
        translator.connected(None, at(Duration::ZERO), &mut Output::default());
        let mut frames = Vec::new();
        stage.connect(&mut frames);
        let order = Order {
            callee: Some("1002".to_owned()),
            ..Order::of(Plot::Answered)
        };
        let call = stage.begin(&order).unwrap();
        let mut pair = Self {
            stage,
            translator,
            now: Duration::ZERO,
            call,
            sent: Bytes::new(),
            legs: std::collections::BTreeMap::new(),
            outcomes: Vec::new(),
        };
        pair.hear(frames);
        while !fits(&pair.legs) {
            pair.go_on();
        }
        pair
    }

    fn order(&mut self, kind: &'static str, params: Value) -> Result<(), Refusal> {
        let order = Command {
            id: "c1".into(),
            kind,
            target: Some(self.shown()),
            params,
        };
        let mut out = Output::default();
        self.translator.command(&order, at(self.now), &mut out)?;
        let [request] = &out.requests[..] else {
            panic!("{} requests", out.requests.len());
        };
        self.sent = request.clone();
        let mut frames = Vec::new();
        self.stage.request(request, &mut frames);
        self.hear(frames);
        Ok(())
    }

    /// The call as the hub shows it.
    fn shown(&self) -> Arc<Call> {
        let id = format!("tokyo:{}", self.call);
        let call = json!({
            "id": id, "source": "tokyo", "interaction_id": id, "direction": "inbound", "state": "active", "caller": {},
            "callee": {}, "legs": self.legs(), "started_at": "2026-03-20T09:46:40Z", "version": 1,
        });
        Arc::new(serde_json::from_value(call).unwrap())
    }

    /// What came of the command, which is told once.
    fn outcome(&mut self) -> CommandOutcome {
        while self.outcomes.is_empty() {
            self.go_on();
        }
        for _ in 0..20 {
            if self.stage.poll_timeout().is_some() {
                self.go_on();
            }
        }
        assert_eq!(self.outcomes.len(), 1, "{:?}", self.outcomes);
        self.outcomes[0].clone()
    }

    fn go_on(&mut self) {
        self.now = self.now.max(self.stage.poll_timeout().unwrap());
        let mut frames = Vec::new();
        self.stage.advance(self.now, &mut frames);
        self.hear(frames);
    }

    fn hear(&mut self, frames: Vec<Bytes>) {
        let mut out = Output::default();
        for frame in frames {
            self.translator.frame(&frame, at(self.now), &mut out);
        }
        for told in out
            .reports
            .into_iter()
            .flat_map(|report| report.observations)
        {
            match told.fact {
                Fact::Leg(leg) => {
                    let known = self.legs.entry(leg.leg.to_string()).or_insert_with(|| {
                        let party = leg.patch.party.clone().unwrap_or_default();
                        let shown = json!({
                            "id": format!("tokyo:{}", leg.leg), "role": leg.patch.role, "state": "connected",
                            "party": party, "started_at": "2026-03-20T09:46:40Z", "native": leg.patch.native,
                        });
                        (shown, LegState::Initiated)
                    });
                    known.1 = leg.state.unwrap_or(known.1);
                }
                Fact::Command { outcome, .. } => self.outcomes.push(outcome),
                _ => {}
            }
        }
    }

    /// The legs as a call shows them.
    fn legs(&self) -> Vec<Value> {
        let open = self
            .legs
            .values()
            .filter(|(_, state)| *state != LegState::Ended);
        open.map(|(leg, _)| leg.clone()).collect()
    }
}

fn at(mono: Duration) -> Now {
    Now {
        mono,
        wall: Timestamp::from_micros(START).after(mono),
    }
}
