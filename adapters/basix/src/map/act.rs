//! What a leg does: it calls, is parked, talks, is with a service.

use model::{
    Basis, Direction, Fact, LegRole, Route, RouteKind, Text, Timestamp, event::TransferKind,
    observation::CallPatch,
};

use super::{Translator, describe::direction_to, leg::Parked, read, tell::Telling};
use crate::wire::{Activity, Channel, Destination};

impl Translator {
    /// Takes a leg to what it does now.
    pub(super) fn act(&mut self, tell: &mut Telling, uuid: &Text, channel: &Channel<'_>) {
        let Some(state) = &channel.state else {
            // Old servers tell of the bridge in the event alone.
            if channel.last_event.as_deref() == Some("CHANNEL_BRIDGE") {
                self.talk(tell, uuid, channel, None);
            }
            return;
        };
        let since = read::time(state.since);
        if !matches!(state.activity, Activity::Park { .. }) {
            let by = read::id(&channel.other_uuid);
            self.unpark(tell, uuid, since, by.as_ref(), true);
        }
        match &state.activity {
            Activity::Calling { location, to } => {
                self.call_on(tell, uuid, location.as_deref(), to, since);
            }
            Activity::Bridged => {
                self.leave_place(tell, uuid, since);
                self.line_left(tell, uuid, "answered", since);
                self.talk(tell, uuid, channel, since);
            }
            Activity::Park {
                slot,
                terminal_name,
                parker_id,
                parker_name,
            } => {
                self.leave_place(tell, uuid, since);
                // Whoever talked with it has handed it on, to the slot.
                if let Some(parker) = self.calls.leg(uuid).and_then(|leg| leg.peer.clone()) {
                    self.hand_on(&parker);
                }
                self.stop_talking(uuid);
                let parked = Parked {
                    leg: uuid.clone(),
                    slot: read::id(slot),
                    parker: read::number_id(*parker_id),
                };
                let name = read::text(parker_name).or_else(|| read::text(terminal_name));
                self.park(tell, parked, name, since);
            }
            Activity::Ringing | Activity::Other(_) | Activity::Eavesdrop { .. } => {}
            service => {
                let Some((name, route)) = self.service(service) else {
                    return;
                };
                self.stop_talking(uuid);
                self.line_left(tell, uuid, "overflow", since);
                self.enter(tell, uuid, name, &route, since);
            }
        }
    }

    /// A leg calls somebody: first, or when it had talked, next.
    pub(super) fn call_on(
        &mut self,
        tell: &mut Telling,
        uuid: &Text,
        location: Option<&str>,
        to: &Destination<'_>,
        since: Option<Timestamp>,
    ) {
        let route = self.route_to(to);
        let party = self.destination_party(to);
        let Some(leg) = self.calls.leg(uuid).cloned() else {
            return;
        };
        if leg.towards == route && leg.peer.is_none() {
            return;
        }
        let Some(call) = self.calls.call(&leg.call).cloned() else {
            return;
        };
        let mut patch = CallPatch::default();
        let transferred = leg.peer.is_some();
        if leg.role == LegRole::Caller && leg.outbound && call.callee.is_empty() {
            // The PBX called this leg to have it call somebody else.
            patch.callee = party.clone();
        }
        if call.direction == Direction::Unknown {
            patch.direction = direction_to(location);
        }
        let first = leg.towards.is_none() && call.places == 0 && !call.answered && !transferred;
        let is_group = matches!(to, Destination::Group { .. });
        if !first || is_group {
            patch.route = route.clone();
        }
        if patch != CallPatch::default() {
            let fact = Fact::Call {
                call: call.key.clone(),
                opens: false,
                patch: Box::new(patch.clone()),
            };
            tell.native_at("state.calling", since, fact);
        }
        if let Some(call) = self.calls.call_mut(&leg.call) {
            if let Some(callee) = patch.callee {
                call.callee = callee;
            }
            if let Some(direction) = patch.direction {
                call.direction = direction;
            }
        }
        self.leave_place(tell, uuid, since);
        self.line_left(tell, uuid, "overflow", since);
        if transferred && let Some(before) = &leg.peer {
            let from = self.hand_on(before);
            let fact = Fact::Transferred {
                call: call.key.clone(),
                kind: TransferKind::Blind,
                from,
                to: party,
                related: None,
            };
            tell.say(
                Basis::Inferred,
                "state.calling_after_bridged",
                since.or(tell.time),
                fact,
            );
            if let Some(call) = self.calls.call_mut(&leg.call) {
                call.announced = true;
            }
        }
        if is_group && let Some(route) = &route {
            self.enter(tell, uuid, "group", route, since);
        }
        if let Some(leg) = self.calls.leg_mut(uuid) {
            leg.towards = route;
            leg.peer = None;
        }
    }

    pub(super) fn stop_talking(&mut self, uuid: &Text) {
        if let Some(leg) = self.calls.leg_mut(uuid) {
            leg.peer = None;
            leg.talked = None;
            leg.towards = None;
        }
    }

    /// A call goes into a park slot.
    pub(super) fn park(
        &mut self,
        tell: &mut Telling,
        parked: Parked,
        name: Option<&str>,
        since: Option<Timestamp>,
    ) {
        let Some(key) = self.calls.leg(&parked.leg).map(|leg| leg.call.clone()) else {
            return;
        };
        if self.calls.call(&key).is_none_or(|call| {
            let known = call.parked.as_ref();
            known.is_some_and(|known| known.leg == parked.leg && known.slot == parked.slot)
        }) {
            return;
        }
        let route = Route {
            kind: RouteKind::Park,
            id: None,
            number: parked.slot.clone(),
            name: name.map(Into::into),
        };
        let fact = Fact::Parked {
            call: key.clone(),
            slot: Some(route),
        };
        tell.native_at("state.park", since, fact);
        if let Some(slot) = &parked.slot {
            self.calls.park(slot, &parked.leg);
        }
        if let Some(call) = self.calls.call_mut(&key) {
            call.parked = Some(parked);
        }
    }

    /// A leg is parked no more: taken out by another leg, or gone.
    pub(super) fn unpark(
        &mut self,
        tell: &mut Telling,
        uuid: &Text,
        since: Option<Timestamp>,
        by: Option<&Text>,
        goes_on: bool,
    ) {
        let Some(key) = self.calls.leg(uuid).map(|leg| leg.call.clone()) else {
            return;
        };
        let Some(call) = self.calls.call_mut(&key) else {
            return;
        };
        let Some(parked) = call.parked.take_if(|parked| parked.leg == *uuid) else {
            return;
        };
        if let Some(slot) = &parked.slot {
            self.calls.unpark(slot, uuid);
        }
        // A call that ends in its slot ends; it does not come out.
        if !goes_on {
            return;
        }
        tell.native_at(
            "state.unpark",
            since,
            Fact::Parked {
                call: key.clone(),
                slot: None,
            },
        );
        let Some(by) = by else {
            return;
        };
        let to = self
            .calls
            .leg(by)
            .map(|leg| (leg.user.clone(), leg.party()));
        if let Some(leg) = self.calls.leg_mut(by) {
            leg.picks_up = false;
        }
        // Whoever takes their own call out of its slot takes nobody's place.
        let another = |user: &Option<Text>| parked.parker.is_some() && *user != parked.parker;
        let Some((user, to)) = to.filter(|(user, _)| another(user)) else {
            return;
        };
        let from = parked
            .parker
            .as_ref()
            .map(|parker| self.directory.user_party(parker, None));
        if user.is_some() && self.calls.leg(by).is_some_and(|leg| leg.call == key) {
            let fact = Fact::Transferred {
                call: key,
                kind: TransferKind::Pickup,
                from,
                to: Some(to),
                related: None,
            };
            tell.say(Basis::Native, "state.unpark", since.or(tell.time), fact);
        }
    }
}
