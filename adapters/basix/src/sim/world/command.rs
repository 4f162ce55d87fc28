//! Commands of clients: acted on, never answered.

use adapter::truth::TrueEnd;
use model::{Cause, EndedBy, Outcome};

use super::World;
use crate::{
    sim::{call::Call, plot::Step},
    wire::command::Command,
};

impl World {
    /// Does what a client wants, when it can be done.
    pub(in crate::sim) fn command(&mut self, command: &Command<'_>) {
        match command {
            Command::Hangup { uuid } => self.with_call(uuid, Self::hung_up_by_command),
            Command::Park { uuid, timeout } => {
                let wait = f64::from(timeout.unwrap_or(60).min(3_600));
                self.with_call(uuid, |world, call, _| {
                    if call.with.is_some() {
                        world.park(call, None);
                        // Nobody comes for it.
                        call.steps = [Step::Wait(wait..wait + 1.0), Step::GiveUp].into();
                    }
                    false
                });
            }
            Command::Transfer {
                uuid, destination, ..
            } => {
                let Some(to) = self.find_number(destination) else {
                    return;
                };
                self.with_call(uuid, move |world, call, _| {
                    if call.with.is_some() {
                        world.refer(call, Some(to));
                        call.steps = [
                            Step::Wait(1.0..3.0),
                            Step::Answer,
                            Step::Wait(5.0..20.0),
                            Step::HangUp,
                        ]
                        .into();
                    }
                    false
                });
            }
            Command::Eavesdrop { .. } => {}
        }
    }

    /// Finds the call of a leg, lets it change, and goes on with it unless it is over.
    fn with_call(&mut self, uuid: &str, change: impl FnOnce(&mut Self, &mut Call, u64) -> bool) {
        let Some(leg) = self
            .channels
            .iter()
            .find(|(_, leg)| leg.uuid == uuid)
            .map(|(key, _)| *key)
        else {
            return;
        };
        let has = |call: &Call| {
            call.first == leg || call.with == Some(leg) || call.ringing.contains(&leg)
        };
        let Some(key) = self
            .calls
            .iter()
            .find(|(_, call)| has(call))
            .map(|(key, _)| *key)
        else {
            return;
        };
        let Some(mut call) = self.calls.remove(&key) else {
            return;
        };
        if change(self, &mut call, leg) {
            self.remember(call.truth);
        } else {
            self.calls.insert(key, call);
            self.reschedule(key);
        }
    }

    /// What the call was about to do is void.
    fn reschedule(&mut self, key: u64) {
        let agenda = std::mem::take(&mut self.agenda);
        self.agenda = agenda
            .into_iter()
            .filter(|std::cmp::Reverse((_, _, act))| *act != super::Act::Continue(key))
            .collect();
        self.after(
            std::time::Duration::from_millis(1),
            super::Act::Continue(key),
        );
    }

    fn hung_up_by_command(&mut self, call: &mut Call, leg: u64) -> bool {
        if call.ringing.contains(&leg) {
            call.ringing.retain(|ringing| *ringing != leg);
            self.remove_leg(leg, "send_cancel,MANAGER_REQUEST");
            return false;
        }
        let talked = call.with.is_some();
        let data = if talked {
            "send_bye,MANAGER_REQUEST"
        } else {
            "send_refuse,MANAGER_REQUEST"
        };
        self.leaves_line(call);
        self.remove_ringing(call, "send_cancel,ORIGINATOR_CANCEL");
        self.remove_leg(call.first, data);
        if let Some(with) = call.with.take() {
            self.remove_leg(with, data);
        }
        let answered = !call.truth.talked.is_empty();
        let end = TrueEnd {
            cause: Cause::Admin,
            or: vec![],
            outcome: if answered {
                Outcome::Answered
            } else {
                Outcome::Failed
            },
            ended_by: EndedBy::System,
        };
        self.ends(call, end);
        true
    }
}
