//! What is told of a call as a whole: its parties, where it goes, where it is parked.

use model::{
    Call, Direction, Party, Route, RouteKind, Timestamp,
    observation::{CallPatch, Ref},
};

use super::{
    slot::{Slot, fill, same_place},
    times::{Times, earliest},
};
use crate::state::{State, mark::Turn};

#[derive(Clone, Copy)]
enum Side {
    Caller,
    Callee,
}

impl State {
    pub(super) fn begin_earlier(&mut self, turn: &Turn<'_>, slot: &mut Slot) {
        let mut times = Times::of_call(&slot.call);
        let started = earliest(times.started, turn.mark.time);
        if started != times.started {
            times.started = started;
            slot.set_times(times);
        }
    }

    pub(super) fn patch_call(&mut self, turn: &mut Turn<'_>, slot: &mut Slot, patch: &CallPatch) {
        slot.pending.touched = true;
        if slot.call.tenant.is_none() && turn.mark.tenant.is_some() {
            slot.call_mut().tenant.clone_from(&turn.mark.tenant);
            slot.changed("tenant");
        }
        if let Some(direction) = patch.direction
            && slot.call.direction == Direction::Unknown
            && direction != Direction::Unknown
        {
            slot.call_mut().direction = direction;
            slot.changed("direction");
        }
        let tenant = slot.call.tenant.clone();
        for (told, side) in [(&patch.caller, Side::Caller), (&patch.callee, Side::Callee)] {
            let Some(told) = told else { continue };
            let mut party = side.of(&slot.call).clone();
            if fill(&mut party, told) {
                self.enrich(&turn.mark.source, tenant.as_ref(), &mut party);
                self.involve_party(&mut slot.involved, &party);
                *side.of_mut(slot.call_mut()) = party;
                slot.changed(side.name());
            }
        }
        if patch.did.is_some() && slot.call.did.is_none() {
            slot.call_mut().did.clone_from(&patch.did);
            slot.changed("did");
        }
        if patch.trunk.is_some() && slot.call.trunk.is_none() {
            slot.call_mut().trunk.clone_from(&patch.trunk);
            slot.changed("trunk");
        }
        if let Some(route) = &patch.route {
            self.route(turn, slot, route, turn.mark.time);
        }
        let mut native = slot.call.native.clone();
        native.merge(&patch.native);
        if native != slot.call.native {
            slot.call_mut().native = native;
            slot.changed("native");
        }
        let external = match slot.call.direction {
            Direction::Inbound => Some(&slot.call.caller),
            Direction::Outbound => Some(&slot.call.callee),
            Direction::Internal | Direction::Transit | Direction::Unknown => None,
        }
        .filter(|party| !party.is_empty());
        if external != slot.call.external.as_ref() {
            let external = external.cloned();
            slot.call_mut().external = external;
            slot.changed("external");
        }
    }

    /// The call reached a service or a new destination.
    pub(in crate::state) fn route(
        &mut self,
        turn: &mut Turn<'_>,
        slot: &mut Slot,
        route: &Route,
        at: Option<Timestamp>,
    ) {
        let known = slot.call.route.as_ref();
        if known.is_some_and(|known| same_place(known, route)) {
            slot.routed = slot.routed.max(at);
            return;
        }
        if let (Some(known), Some(told)) = (slot.routed, at)
            && told <= known
        {
            return;
        }
        slot.routed = at;
        slot.call_mut().route = Some(route.clone());
        slot.pending.routed = true;
        slot.pending.touched = true;
        slot.pending.at = slot.pending.at.max(at);
        if !slot.is_open() {
            slot.changed("route");
        }
        if route.kind == RouteKind::Queue {
            let at = Ref {
                id: route.id.clone(),
                number: route.number.clone(),
            };
            if let Some(queue) = self.queue_at(turn, &at) {
                self.involve_queue(&mut slot.involved, &queue);
                slot.call_mut().queue = Some(queue);
            }
        }
    }

    pub(super) fn park(&mut self, turn: &mut Turn<'_>, slot: &mut Slot, place: Option<&Route>) {
        if !slot.is_open() || slot.parked == place.is_some() {
            return;
        }
        slot.parked = place.is_some();
        slot.pending.touched = true;
        slot.pending.at = Some(turn.mark.when());
        if let Some(place) = place {
            slot.call_mut().route = Some(place.clone());
            slot.changed("route");
        }
    }
}

impl Side {
    fn of(self, call: &Call) -> &Party {
        match self {
            Self::Caller => &call.caller,
            Self::Callee => &call.callee,
        }
    }

    fn of_mut(self, call: &mut Call) -> &mut Party {
        match self {
            Self::Caller => &mut call.caller,
            Self::Callee => &mut call.callee,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
        }
    }
}
