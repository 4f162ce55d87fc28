//! Channels: legs that come and go, and the calls that they make up.

use model::{
    Direction, Fact, LegRole, LegState, Text, Timestamp,
    observation::{CallPatch, LegFact, LegPatch},
};

use super::{
    Translator, end,
    leg::{Call, Leg},
    read::{self, Pseudo},
    tell::{self, Telling},
    words,
};
use crate::wire::{self, Activity, Channel, Entity};

impl Translator {
    /// A channel as it is now. `over`: it has been removed.
    pub(super) fn channel(
        &mut self,
        tell: &mut Telling,
        entity: &Entity<'_>,
        channel: &Channel<'_>,
        over: bool,
    ) {
        let Some(uuid) = read::id(&channel.uuid) else {
            return tell.unrecognized(&format!("missing:{}.uuid", entity.element()));
        };
        let event = read::text(&channel.last_event);
        if let Some(event) = event.filter(|event| !words::is_known_event(event)) {
            tell.strange("channel.last_event", event);
        }
        if let Some(state) = &channel.state
            && let Activity::Other(_) = state.activity
        {
            tell.strange("channel.state", read::cut(&state.name));
        }
        let over = over || event == Some("CHANNEL_HANGUP");
        if over {
            self.removed_early(&uuid);
        }
        if is_monitor(channel) || self.monitors.contains_key(&uuid) {
            self.turns_out_to_listen(tell, &uuid);
            return self.monitor(tell, &uuid, channel, over);
        }
        if self.calls.is_closed(&uuid) {
            return;
        }
        if self.calls.leg(&uuid).is_some_and(|leg| !leg.is_open()) {
            return;
        }
        let met = self.calls.leg(&uuid).is_none();
        if met {
            // A key alone tells of nobody.
            if over && channel.direction.is_none() && channel.offer_timestamp.is_none() {
                return;
            }
            if over && self.is_of_a_call_unheard(&uuid, channel) {
                return;
            }
            self.meet(tell, &uuid, channel);
        }
        let Some(before) = self
            .calls
            .leg(&uuid)
            .map(|leg| (leg.user.clone(), leg.call.clone()))
        else {
            return;
        };
        self.describe_call(tell, &uuid, entity, channel);
        self.describe_leg(tell, &uuid, entity, channel);
        if over {
            self.was_last(tell, &uuid, channel, met);
            self.hang_up(tell, &uuid, channel);
        } else {
            self.act(tell, &uuid, channel);
        }
        self.calls.index(&uuid, before.0.as_ref());
        if let Some(user) = &before.0 {
            self.tell_busy(tell, user);
        }
        if let Some(user) = self.calls.leg(&uuid).and_then(|leg| leg.user.clone())
            && before.0.as_ref() != Some(&user)
        {
            self.tell_busy(tell, &user);
        }
        if over {
            let call = self
                .calls
                .leg(&uuid)
                .map_or(before.1, |leg| leg.call.clone());
            self.end_if_over(tell, &call, read::time(channel.hangup_timestamp));
        }
    }

    /// A leg that is seen for the first time: it joins the call of a leg that it names, or begins one.
    pub(super) fn meet(&mut self, tell: &mut Telling, uuid: &Text, channel: &Channel<'_>) {
        let named = self.named_by(channel);
        let joins = self
            .calls
            .call_of(uuid)
            .or_else(|| named.iter().find_map(|other| self.calls.call_of(other)))
            .cloned();
        let outbound = channel.direction.as_deref() == Some("outbound");
        let key = joins.unwrap_or_else(|| {
            // The PBX makes legs for a leg that was there before: that one is the root, seen or not.
            let made_for = named
                .first()
                .filter(|other| outbound && !was_first(channel) && !self.calls.is_closed(other));
            self.begin(tell, made_for.unwrap_or(uuid), uuid, channel)
        });
        let is_root = self.calls.call(&key).is_some_and(|call| call.root == *uuid);
        let role = if is_root {
            LegRole::Caller
        } else {
            LegRole::Callee
        };
        let mut leg = Leg::new(uuid.clone(), key.clone(), role);
        leg.outbound = outbound;
        leg.offered = read::time(channel.offer_timestamp);
        leg.picks_up = !is_root && !outbound;
        self.calls.add(leg);
        for other in &named {
            self.calls.imagine(other, &key);
        }
    }

    /// A leg that the PBX made for a call, or that took one over, of which nothing is known; or that asked somebody who
    /// talks with others by now. It is no call of its own, and none of theirs.
    fn is_of_a_call_unheard(&self, uuid: &Text, channel: &Channel<'_>) -> bool {
        let named = self.named_by(channel);
        if channel.direction.as_deref() == Some("outbound") {
            return named.is_empty() && !was_first(channel);
        }
        let dialled = read::text(&channel.called_number);
        let takes_over = dialled.is_some_and(|number| {
            let picks_up = matches!(read::pseudo(number), Some(Pseudo::PicksUp(_)));
            picks_up || read::is_park_slot(number)
        });
        let inside = channel.peer_location.as_deref() == Some("internal");
        if takes_over {
            let known = |other: &Text| self.calls.call_of(other).is_some();
            return inside && !named.iter().any(known);
        }
        named.iter().any(|other| {
            let leg = self.calls.leg(other);
            leg.and_then(|leg| leg.peer.as_ref())
                .is_some_and(|peer| peer != uuid)
        })
    }

    /// What a leg did until it went, which may not have been heard before: it was with a service; or, where it is heard
    /// of only when it is gone, it talked with somebody who was not heard of.
    fn was_last(&mut self, tell: &mut Telling, uuid: &Text, channel: &Channel<'_>, met: bool) {
        let Some(state) = &channel.state else {
            return;
        };
        if let Some((name, route)) = self.service(&state.activity) {
            return self.enter(tell, uuid, name, &route, read::time(state.since));
        }
        if !met || state.activity != Activity::Bridged {
            return;
        }
        let Some(leg) = self.calls.leg_mut(uuid) else {
            return;
        };
        leg.conversed = true;
        let call = leg.call.clone();
        if let Some(call) = self.calls.call_mut(&call) {
            call.answered = true;
        }
    }

    /// The legs that a channel names: its other leg, and whom its numbers stand for.
    pub(super) fn named_by(&self, channel: &Channel<'_>) -> Vec<Text> {
        let mut named: Vec<Text> = read::id(&channel.other_uuid).into_iter().collect();
        if let Some(number) = read::text(&channel.called_number) {
            match read::pseudo(number) {
                Some(Pseudo::PicksUp(other) | Pseudo::Ringing(Some(other))) => named.push(other),
                Some(_) => {}
                // Somebody inside dials a park slot to take the call out of it.
                None if channel.direction.as_deref() == Some("inbound") => {
                    named.extend(self.calls.parked_in(number).cloned());
                }
                None => {}
            }
        }
        named.dedup();
        named
    }

    /// The first sign of a call, which began with the leg `root`. Yields its key.
    pub(super) fn begin(
        &mut self,
        tell: &mut Telling,
        root: &Text,
        uuid: &Text,
        channel: &Channel<'_>,
    ) -> Text {
        let key = self.calls.free_key(root);
        let other = channel.other_info.as_ref();
        let own = read::time(channel.offer_timestamp);
        let before = other
            .and_then(|other| read::time(other.offer_timestamp))
            .filter(|_| root != uuid);
        let mut call = Call::new(key.clone());
        call.root = root.clone();
        call.started = match (before, own) {
            (Some(before), Some(own)) => Some(before.min(own)),
            (before, own) => before.or(own),
        };
        let mut patch = CallPatch {
            native: tell::native(&[
                ("channel_uuid", Some(root)),
                (
                    "call_id",
                    read::text(&channel.call_id).filter(|_| root == uuid),
                ),
            ]),
            ..CallPatch::default()
        };
        if root == uuid {
            self.sides(channel, &mut call, &mut patch);
        } else if let Some(other) = other {
            // Its caller is not seen, perhaps never will be: this is what is told of it.
            let party = self.other_party(other);
            call.caller = party.clone().unwrap_or_default();
            patch.caller = party;
            if other.direction.as_deref() == Some("inbound")
                && other.peer_location.as_deref() == Some("external")
            {
                call.direction = Direction::Inbound;
                patch.direction = Some(Direction::Inbound);
            }
        }
        let fact = Fact::Call {
            call: key.clone(),
            opens: true,
            patch: Box::new(patch),
        };
        tell.native_at("channel.added", call.started, fact);
        self.calls.open(call);
        key
    }

    /// A leg ends.
    pub(super) fn hang_up(&mut self, tell: &mut Telling, uuid: &Text, channel: &Channel<'_>) {
        let time = read::time(channel.hangup_timestamp);
        let data = read::text(&channel.last_event_data);
        if let Some(data) = data {
            let cause = words::hangup(data).cause;
            if !cause.is_empty() && words::cause(cause).is_none() {
                tell.strange("channel.last_event_data", read::cut(cause));
            }
        }
        let Some(leg) = self.calls.leg(uuid) else {
            return;
        };
        let end = end::of_leg(leg, data);
        self.leg_over(tell, uuid, end, time);
    }

    /// A leg is over, for whatever reason.
    pub(super) fn leg_over(
        &mut self,
        tell: &mut Telling,
        uuid: &Text,
        end: model::End,
        time: Option<Timestamp>,
    ) {
        let Some(leg) = self.calls.leg(uuid).cloned() else {
            return;
        };
        if let Some(call) = self.calls.call(&leg.call)
            && leg.role == LegRole::Caller
            && end.cause != model::Cause::Transferred
        {
            let legs: Vec<&Leg> = self.calls.legs_of(call).collect();
            let given_up = end::given_up(call, &legs, &end);
            if let Some(call) = self.calls.call_mut(&leg.call) {
                call.given_up = Some(given_up);
            }
        }
        self.leave_place(tell, uuid, time);
        self.leave_line(tell, &leg, &end, time);
        self.unpark(tell, uuid, time, None, false);
        let fact = LegFact {
            call: leg.call.clone(),
            leg: leg.key.clone(),
            state: Some(LegState::Ended),
            patch: LegPatch::default(),
            end: Some(end.clone()),
        };
        tell.say(
            end.basis,
            "channel.hangup",
            time.or(tell.time),
            Fact::Leg(Box::new(fact)),
        );
        if let Some(leg) = self.calls.leg_mut(uuid) {
            leg.state = LegState::Ended;
            leg.peer = None;
            leg.end = Some(end);
        }
        self.calls.index(uuid, leg.user.as_ref());
    }

    /// Ends a call that has no open leg any more.
    pub(super) fn end_if_over(&mut self, tell: &mut Telling, key: &Text, time: Option<Timestamp>) {
        let Some(call) = self.calls.call(key) else {
            return;
        };
        if self.calls.is_alive(call) {
            return;
        }
        let legs: Vec<&Leg> = self.calls.legs_of(call).collect();
        let end = end::of_call(call, &legs);
        self.stop_monitors(tell, key);
        let fact = Fact::CallEnded {
            call: key.clone(),
            settle: std::time::Duration::ZERO,
            end: Some(end.clone()),
        };
        tell.say(end.basis, "channel.last_leg", time.or(tell.time), fact);
        self.calls.forget(key);
    }
}

/// The other leg that a channel names came after it, as after a click-to-call: the channel was not made for it.
fn was_first(channel: &Channel<'_>) -> bool {
    let own = read::time(channel.offer_timestamp);
    let other = channel.other_info.as_ref();
    match (
        own,
        other.and_then(|other| read::time(other.offer_timestamp)),
    ) {
        (Some(own), Some(other)) => own < other,
        // Servers before 2019 do not say; that a program asked for it, they all do.
        _ => channel.origination.parts().next().is_some(),
    }
}

/// A supervisor's leg: it listens, and is no business of the callers.
pub(super) fn is_monitor(channel: &Channel<'_>) -> bool {
    let plug = |number: &wire::Scalar<'_>| {
        read::text(number).and_then(read::pseudo) == Some(Pseudo::MediaPlug)
    };
    let listens = channel
        .state
        .as_ref()
        .is_some_and(|state| matches!(state.activity, Activity::Eavesdrop { .. }));
    listens || plug(&channel.calling_number) || plug(&channel.called_number)
}
