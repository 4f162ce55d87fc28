//! Hold: legs that go on and off it, and for how long.

use model::{EventType, Leg, LegState, Timestamp};

use super::{legs::Step, slot::Slot};
use crate::state::State;

impl State {
    /// A step onto or off hold, or the answer.
    pub(super) fn toggle_hold(
        &mut self,
        slot: &mut Slot,
        leg: &Leg,
        state: LegState,
        at: Timestamp,
        step: &mut Step,
    ) {
        match (leg.state, state) {
            (LegState::Connected, LegState::Held) => {
                slot.set_hold_since(&leg.id, at);
                slot.holds.total_ms.get_or_insert(0);
                step.kind = Some(EventType::LegHeld);
            }
            (LegState::Held, LegState::Connected) => {
                add_hold(slot, leg, at);
                slot.set_hold_since(&leg.id, at);
                step.kind = Some(EventType::LegResumed);
            }
            (LegState::Connected | LegState::Held, _) => {}
            (_, LegState::Held) => {
                slot.set_hold_since(&leg.id, at);
                slot.holds.total_ms.get_or_insert(0);
                step.kind = Some(EventType::LegHeld);
            }
            _ => step.kind = Some(EventType::LegAnswered),
        }
    }
}

/// Hold that has lasted until now.
pub(super) fn add_hold(slot: &mut Slot, leg: &Leg, until: Timestamp) {
    let since = slot.hold_since(&leg.id).or(leg.answered_at);
    let held = since.map_or(0, |since| until.millis_since(since));
    *slot.holds.total_ms.get_or_insert(0) += held;
}
