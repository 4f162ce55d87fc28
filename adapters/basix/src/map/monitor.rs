//! Supervisors who listen: legs in the calls that they hear, and otherwise nobody's business.

use model::{
    Basis, Cause, End, EndedBy, Fact, LegRole, LegState, Outcome, Text, Timestamp,
    observation::{LegFact, LegPatch},
};

use super::{
    Translator, read,
    tell::{self, Telling},
};
use crate::wire::{Activity, Channel};

/// Supervisors that are remembered at once.
const MAX_MONITORS: usize = 10_000;

/// A supervisor, and whom they listen to.
#[derive(Clone, Debug, Default)]
pub(super) struct Monitor {
    /// The call that is heard, and the key of the leg there.
    pub(super) hears: Option<(Text, Text)>,
    /// How often it began to listen to somebody.
    pub(super) times: u32,
}

impl Translator {
    /// A supervisor's channel as it is now.
    pub(super) fn monitor(
        &mut self,
        tell: &mut Telling,
        uuid: &Text,
        channel: &Channel<'_>,
        over: bool,
    ) {
        let state = channel.state.as_ref().filter(|_| !over);
        let since = state.and_then(|state| read::time(state.since));
        let (heard, how) = match state.map(|state| &state.activity) {
            Some(Activity::Eavesdrop {
                uuid,
                eavesdrop_state,
            }) => (read::id(uuid), read::text(eavesdrop_state)),
            _ => (None, None),
        };
        self.monitors_seen.insert(uuid.clone());
        let call = heard
            .as_ref()
            .and_then(|heard| self.calls.call_of(heard))
            .cloned();
        let heard = |monitor: &Monitor| monitor.hears.as_ref().map(|(call, _)| call.clone());
        let before = self.monitors.get(uuid).and_then(heard);
        if before.is_some() && before != call {
            let time = since.or_else(|| read::time(channel.hangup_timestamp));
            self.stop_monitor(tell, uuid, time);
        }
        if over {
            self.monitors.remove(uuid);
            return;
        }
        let Some(call) = call.filter(|call| self.calls.call(call).is_some()) else {
            return;
        };
        let room = self.monitors.len() < MAX_MONITORS || self.monitors.contains_key(uuid);
        if before.as_ref() == Some(&call) || !room {
            return;
        }
        let times = self
            .monitors
            .get(uuid)
            .map_or(1, |monitor| monitor.times + 1);
        let key: Text = match times {
            1 => uuid.clone(),
            n => format!("{uuid}#{n}").into(),
        };
        let user = read::number_id(channel.user_id);
        let patch = LegPatch {
            role: Some(LegRole::Monitor),
            party: user.map(|user| self.directory.user_party(&user, None)),
            native: tell::native(&[
                ("channel_uuid", Some(uuid)),
                ("call_id", read::text(&channel.call_id)),
                ("eavesdrop_state", how),
            ]),
            ..LegPatch::default()
        };
        let fact = LegFact {
            call: call.clone(),
            leg: key.clone(),
            state: Some(LegState::Connected),
            patch,
            end: None,
        };
        tell.native_at("state.eavesdrop", since, Fact::Leg(Box::new(fact)));
        let hears = Some((call, key));
        self.monitors.insert(uuid.clone(), Monitor { hears, times });
    }

    /// A leg that was taken for somebody who talks: it ends where it was.
    pub(super) fn turns_out_to_listen(&mut self, tell: &mut Telling, uuid: &Text) {
        let leg = self.calls.leg(uuid).filter(|leg| leg.is_open());
        let Some((call, user)) = leg.map(|leg| (leg.call.clone(), leg.user.clone())) else {
            return;
        };
        let end = End::new(
            Cause::Normal,
            Outcome::Unknown,
            EndedBy::Unknown,
            Basis::Inferred,
        );
        self.leg_over(tell, uuid, end, None);
        self.end_if_over(tell, &call, None);
        if let Some(user) = user {
            self.tell_busy(tell, &user);
        }
    }

    /// It listens no more.
    pub(super) fn stop_monitor(
        &mut self,
        tell: &mut Telling,
        uuid: &Text,
        time: Option<Timestamp>,
    ) {
        let heard = self
            .monitors
            .get_mut(uuid)
            .and_then(|monitor| monitor.hears.take());
        let Some((call, leg)) = heard else {
            return;
        };
        let end = End::new(
            Cause::Normal,
            Outcome::Unknown,
            EndedBy::Unknown,
            Basis::Inferred,
        );
        let fact = LegFact {
            call,
            leg,
            state: Some(LegState::Ended),
            patch: LegPatch::default(),
            end: Some(end),
        };
        tell.native_at("state.eavesdrop_left", time, Fact::Leg(Box::new(fact)));
    }

    /// A call is over: nobody listens to it any more.
    pub(super) fn stop_monitors(&mut self, tell: &mut Telling, call: &Text) {
        let listeners = self.monitors.iter().filter(|(_, monitor)| {
            monitor
                .hears
                .as_ref()
                .is_some_and(|(heard, _)| heard == call)
        });
        let mut listeners: Vec<Text> = listeners.map(|(uuid, _)| uuid.clone()).collect();
        listeners.sort();
        for uuid in listeners {
            self.stop_monitor(tell, &uuid, None);
        }
    }
}
