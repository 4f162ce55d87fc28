//! Legs that wait: in a queue's line, or in a park slot. `channel_waiting`, and the two elements that it replaced.

use model::{
    Basis, CallerState, Cause, End, EndedBy, Fact, Outcome, Text, Timestamp,
    observation::CallerFact,
};

use super::{
    Translator,
    leg::{Leg, Parked, Sight, Waits},
    read,
    tell::Telling,
};
use crate::wire::{Activity, Channel, Destination, Entity};

impl Translator {
    /// A leg as it waits now. `listed`: a row of the list of all that wait. `over`: it waits no more.
    pub(super) fn waiting(
        &mut self,
        tell: &mut Telling,
        entity: &Entity<'_>,
        channel: &Channel<'_>,
        over: bool,
        listed: bool,
    ) {
        let Some(uuid) = read::id(&channel.uuid) else {
            return tell.unrecognized(&format!("missing:{}.uuid", entity.element()));
        };
        if let Some(state) = &channel.state
            && let Activity::Other(_) = state.activity
        {
            tell.strange("channel.state", read::cut(&state.name));
        }
        if over {
            return self.waits_no_more(tell, &uuid);
        }
        if self.calls.is_closed(&uuid) {
            return;
        }
        // Who may see only a user's channels sees others only while they wait.
        let leg = self.calls.leg(&uuid);
        if leg.is_none_or(|leg| leg.sight == Sight::Waiting) {
            self.channel(tell, entity, channel, false);
            if let Some(leg) = self.calls.leg_mut(&uuid) {
                leg.sight = Sight::Waiting;
            }
        }
        let Some(state) = &channel.state else {
            return;
        };
        let since = read::time(state.since);
        match &state.activity {
            Activity::Park {
                slot,
                terminal_name,
                parker_id,
                parker_name,
            } => {
                let parked = Parked {
                    leg: uuid,
                    slot: read::id(slot),
                    parker: read::number_id(*parker_id),
                };
                let name = read::text(parker_name).or_else(|| read::text(terminal_name));
                self.park(tell, parked, name, since);
            }
            Activity::Calling {
                to: Destination::Group { id: Some(id), .. },
                ..
            } => {
                self.join_line(tell, &uuid, &id.to_string().into(), since, listed);
            }
            _ => {}
        }
    }

    fn join_line(
        &mut self,
        tell: &mut Telling,
        uuid: &Text,
        group: &Text,
        since: Option<Timestamp>,
        listed: bool,
    ) {
        let Some(leg) = self.calls.leg(uuid).filter(|leg| leg.is_open()).cloned() else {
            return;
        };
        let known = self
            .calls
            .call(&leg.call)
            .and_then(|call| call.waits.clone());
        if known.as_ref().is_some_and(|waits| waits.group != *group) {
            self.line_left(tell, uuid, "overflow", since);
        }
        let new = known.is_none_or(|waits| waits.group != *group);
        if new || listed {
            let fact = CallerFact {
                queue: self.directory.queue(group),
                key: leg.call.clone(),
                call: Some(leg.call.clone()),
                party: leg.party(),
                position: None,
                state: CallerState::Waiting,
                entered_at: since,
            };
            tell.native_at("channel_waiting", since, Fact::Caller(Box::new(fact)));
        }
        if let Some(call) = self.calls.call_mut(&leg.call) {
            call.waits = Some(Waits {
                leg: uuid.clone(),
                group: group.clone(),
                left: false,
            });
        }
    }

    /// It is out of the line or slot. Why, the leg itself tells; sometimes only later.
    fn waits_no_more(&mut self, tell: &mut Telling, uuid: &Text) {
        let Some(leg) = self.calls.leg(uuid).cloned() else {
            return;
        };
        if leg.sight == Sight::Waiting {
            self.calls.set_grace(&leg.call, tell.now.mono);
        }
        let Some(call) = self.calls.call_mut(&leg.call) else {
            return;
        };
        let answered = call.answered;
        let Some(waits) = call.waits.as_mut().filter(|waits| waits.leg == *uuid) else {
            return;
        };
        waits.left = true;
        if answered {
            self.line_left(tell, uuid, "answered", None);
        } else {
            self.calls.set_grace(&leg.call, tell.now.mono);
        }
    }

    /// A caller is out of the line, for a reason in the words of `queue.caller_left`.
    pub(super) fn line_left(
        &mut self,
        tell: &mut Telling,
        uuid: &Text,
        reason: &str,
        time: Option<Timestamp>,
    ) {
        let Some(key) = self.calls.leg(uuid).map(|leg| leg.call.clone()) else {
            return;
        };
        let Some(call) = self.calls.call_mut(&key) else {
            return;
        };
        let Some(waits) = call.waits.take_if(|waits| waits.leg == *uuid) else {
            return;
        };
        let fact = Fact::CallerLeft {
            queue: self.directory.queue(&waits.group),
            key,
            reason: reason.into(),
        };
        tell.native_at("channel_waiting.removed", time, fact);
    }

    /// A leg ended while it was in line.
    pub(super) fn leave_line(
        &mut self,
        tell: &mut Telling,
        leg: &Leg,
        end: &End,
        time: Option<Timestamp>,
    ) {
        let reason = match end.ended_by {
            EndedBy::Caller => "abandoned",
            _ if end.cause == Cause::NoAnswer => "timeout",
            _ => "removed",
        };
        self.line_left(tell, &leg.uuid, reason, time);
    }

    /// A call that was waited for has got nothing more to say for a while.
    pub(super) fn grace_over(&mut self, tell: &mut Telling, key: &Text) {
        let Some(call) = self.calls.call(key).cloned() else {
            return;
        };
        if let Some(waits) = call.waits.as_ref().filter(|waits| waits.left) {
            self.line_left(tell, &waits.leg, "removed", None);
        }
        let open: Vec<Leg> = self
            .calls
            .legs_of(&call)
            .filter(|leg| leg.is_open())
            .cloned()
            .collect();
        let unseen = open.iter().all(|leg| leg.sight == Sight::Waiting);
        let still = call.waits.is_some_and(|waits| !waits.left) || call.parked.is_some();
        if !unseen || still || open.is_empty() {
            return;
        }
        for leg in open {
            let end = End::new(
                Cause::Unknown,
                Outcome::Unknown,
                EndedBy::Unknown,
                Basis::Inferred,
            );
            self.leg_over(tell, &leg.uuid, end, None);
        }
        self.end_if_over(tell, key, None);
    }
}
