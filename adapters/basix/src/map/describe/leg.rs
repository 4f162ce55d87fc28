//! What a channel tells of its leg, as far as it is news.

use model::{
    Fact, LegRole, LegState, Text, Timestamp,
    observation::{LegFact, LegPatch},
};
use serde_json::json;

use super::fresh;
use crate::{
    map::{
        Translator,
        leg::Sight,
        people::unknown_fields,
        read,
        tell::{self, Telling},
    },
    wire::{Activity, Channel, Entity},
};

impl Translator {
    /// Who is on a leg, and how far it is, as far as it is news.
    pub(in crate::map) fn describe_leg(
        &mut self,
        tell: &mut Telling,
        uuid: &Text,
        entity: &Entity<'_>,
        channel: &Channel<'_>,
    ) {
        let party = self.leg_party(channel);
        let user = read::number_id(channel.user_id);
        let Some(leg) = self.calls.leg_mut(uuid) else {
            return;
        };
        let fresh = leg.sight == Sight::Live && leg.told == LegPatch::default();
        leg.sight = Sight::Live;
        leg.user = user.or(leg.user.take());
        leg.group = read::number_id(channel.group_id).or(leg.group.take());
        let mut native = tell::native(&[
            ("channel_uuid", Some(uuid)),
            ("call_id", read::text(&channel.call_id)),
            ("group_id", leg.group.as_deref()),
            ("direction", read::text(&channel.direction)),
        ]);
        let tags: Vec<&str> = channel.tags.iter().take(16).map(read::cut).collect();
        if !tags.is_empty() {
            native.set("tags", json!(tags));
        }
        if let Some(user) = read::number_id(channel.last_bridged_user_id) {
            native.set("last_bridged_user_id", &*user);
        }
        if leg.role != LegRole::Caller {
            unknown_fields(&mut native, entity);
        }
        let told = LegPatch {
            role: Some(leg.role),
            party: (!party.is_empty()).then_some(party),
            native,
            ..LegPatch::default()
        };
        let news = news(&leg.told, &told);
        if let Some(news) = &news {
            merge(&mut leg.told, news);
        }
        let answered = read::time(channel.answer_timestamp);
        let is_answered = answered.is_some()
            || matches!(
                channel.last_event.as_deref(),
                Some("CHANNEL_ANSWER" | "CHANNEL_BRIDGE")
            )
            || channel
                .state
                .as_ref()
                .is_some_and(|state| state.activity == Activity::Bridged);
        let (call, key) = (leg.call.clone(), leg.key.clone());
        let mut say = |state, time: Option<Timestamp>, patch: LegPatch| {
            let fact = LegFact {
                call: call.clone(),
                leg: key.clone(),
                state,
                patch,
                end: None,
            };
            tell.native_at("channel", time, Fact::Leg(Box::new(fact)));
        };
        let mut news = news;
        if fresh {
            // One that is met in conversation may have rung for another call.
            let rings = leg.outbound && !is_answered;
            let state = if rings {
                LegState::Ringing
            } else {
                LegState::Initiated
            };
            leg.rang = rings;
            leg.state = state;
            say(Some(state), leg.offered, news.take().unwrap_or_default());
        }
        if is_answered && !leg.answered {
            leg.answered = true;
            leg.state = LegState::Connected;
            let since = channel
                .state
                .as_ref()
                .and_then(|state| read::time(state.since));
            say(
                Some(LegState::Connected),
                answered.or(since),
                news.take().unwrap_or_default(),
            );
        }
        if let Some(news) = news {
            say(None, None, news);
        }
        let answered = leg.answered && leg.role == LegRole::Callee;
        if answered && let Some(call) = self.calls.call_mut(&call) {
            call.answered = true;
        }
    }
}

/// What of a leg's description is new.
fn news(known: &LegPatch, told: &LegPatch) -> Option<LegPatch> {
    let mut all = known.clone();
    merge(&mut all, told);
    let native = fresh(&known.native, &told.native);
    let news = LegPatch {
        role: told.role.filter(|role| known.role != Some(*role)),
        party: told.party.clone().filter(|_| all.party != known.party),
        native,
        ..LegPatch::default()
    };
    (news != LegPatch::default()).then_some(news)
}

fn merge(known: &mut LegPatch, told: &LegPatch) {
    known.role = told.role.or(known.role);
    known.native.merge(&told.native);
    match (&mut known.party, &told.party) {
        (Some(known), Some(told)) => known.merge(told),
        (known, told) => {
            if let Some(told) = told {
                *known = Some(told.clone());
            }
        }
    }
}
