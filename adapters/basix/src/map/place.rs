//! Services that answer without a person: told as legs of their own, and as where the call is.

use model::{
    Basis, Cause, End, EndedBy, Fact, LegRole, LegState, Outcome, Party, Route, RouteKind, Text,
    Timestamp,
    observation::{LegFact, LegPatch},
};

use super::{Translator, leg::Place, read, tell::Telling};
use crate::wire::{Activity, Destination};

impl Translator {
    /// A leg is with a service, told as a leg of its own.
    pub(super) fn enter(
        &mut self,
        tell: &mut Telling,
        uuid: &Text,
        name: &str,
        route: &Route,
        since: Option<Timestamp>,
    ) {
        let Some(leg) = self.calls.leg(uuid) else {
            return;
        };
        let call = leg.call.clone();
        if let Some(known) = self.calls.call_mut(&call) {
            known.served = matches!(name, "conference" | "checking_voicemail");
        }
        let Some(leg) = self.calls.leg(uuid) else {
            return;
        };
        if leg
            .place
            .as_ref()
            .is_some_and(|place| place.route == *route)
        {
            return;
        }
        let party = leg.party();
        self.leave_place(tell, uuid, since);
        let Some(known) = self.calls.call_mut(&call) else {
            return;
        };
        known.places += 1;
        known.voicemail |= name == "voicemail";
        let key: Text = match known.places {
            1 => format!("{}/{name}", known.key),
            n => format!("{}/{name}#{n}", known.key),
        }
        .into();
        let is_group = name == "group";
        let queue = is_group
            .then(|| route.id.as_deref().map(|id| self.directory.queue(id)))
            .flatten();
        let patch = LegPatch {
            role: Some(LegRole::Service),
            party: Some(Party {
                number: route.number.as_deref().map(model::Number::internal),
                name: route.name.clone(),
                ..Party::default()
            }),
            queue,
            route: Some(route.clone()),
            ..LegPatch::default()
        };
        let state = if is_group {
            LegState::Queued
        } else {
            LegState::Connected
        };
        let fact = LegFact {
            call: call.clone(),
            leg: key.clone(),
            state: Some(state),
            patch,
            end: None,
        };
        tell.native_at("state.service", since, Fact::Leg(Box::new(fact)));
        let conference = (route.kind == RouteKind::Conference)
            .then(|| route.id.clone())
            .flatten();
        if let Some(room) = &conference {
            let fact = participant(room, uuid, &call, party, true);
            tell.native_at("state.conference", since, fact);
        }
        if let Some(leg) = self.calls.leg_mut(uuid) {
            leg.place = Some(Place {
                key,
                route: route.clone(),
                conference,
            });
        }
    }

    /// A leg is with a service no more.
    pub(super) fn leave_place(
        &mut self,
        tell: &mut Telling,
        uuid: &Text,
        since: Option<Timestamp>,
    ) {
        let Some(leg) = self.calls.leg_mut(uuid) else {
            return;
        };
        let Some(place) = leg.place.take() else {
            return;
        };
        let (call, party) = (leg.call.clone(), leg.party());
        let end = End::new(
            Cause::Normal,
            Outcome::Unknown,
            EndedBy::Unknown,
            Basis::Inferred,
        );
        let fact = LegFact {
            call: call.clone(),
            leg: place.key,
            state: Some(LegState::Ended),
            patch: LegPatch::default(),
            end: Some(end),
        };
        tell.native_at("state.service_left", since, Fact::Leg(Box::new(fact)));
        if let Some(room) = &place.conference {
            tell.native_at(
                "state.conference",
                since,
                participant(room, uuid, &call, party, false),
            );
        }
    }

    /// The service that a state means.
    pub(super) fn service(&self, activity: &Activity<'_>) -> Option<(&'static str, Route)> {
        let route = |kind, id: Option<Text>, number: Option<&str>, name: Option<&str>| Route {
            kind,
            id,
            number: number.map(Into::into),
            name: name.map(Into::into),
        };
        Some(match activity {
            Activity::Voicemail {
                target_id,
                target_name,
                ..
            } => (
                "voicemail",
                route(
                    RouteKind::Voicemail,
                    read::number_id(*target_id),
                    None,
                    read::text(target_name),
                ),
            ),
            Activity::CheckingVoicemail { target_name } => (
                "checking_voicemail",
                // No message is left here: a service like any other.
                route(RouteKind::System, None, None, read::text(target_name)),
            ),
            Activity::CallingSipTermination { url } => (
                "sip_termination",
                route(RouteKind::External, None, read::text(url), None),
            ),
            Activity::Ivr { id } => ("ivr", route(RouteKind::Ivr, read::id(id), None, None)),
            Activity::XmlIvr => (
                "xml_ivr",
                route(RouteKind::Ivr, None, None, Some("xml_ivr")),
            ),
            Activity::SystemOperation { operation } => (
                "system_operation",
                route(RouteKind::System, None, None, read::text(operation)),
            ),
            Activity::Conference { room_id } => (
                "conference",
                route(RouteKind::Conference, read::id(room_id), None, None),
            ),
            Activity::Calling { .. }
            | Activity::Ringing
            | Activity::Bridged
            | Activity::Park { .. }
            | Activity::Eavesdrop { .. }
            | Activity::Other(_) => return None,
        })
    }

    /// Where a leg calls to.
    pub(super) fn route_to(&mut self, to: &Destination<'_>) -> Option<Route> {
        Some(match to {
            Destination::User { id } => {
                let id = read::number_id(*id)?;
                let user = self.directory.user(&id);
                Route {
                    kind: RouteKind::User,
                    number: user.and_then(|user| user.number.clone()),
                    name: user.and_then(|user| user.label.clone().or_else(|| user.name.clone())),
                    id: Some(id),
                }
            }
            Destination::Group { id, queue_id, .. } => {
                let id = read::number_id(*id)?;
                let group = self.directory.group(&id);
                let queue =
                    read::text(queue_id).is_some() || group.is_some_and(|group| group.queue);
                Route {
                    kind: if queue {
                        RouteKind::Queue
                    } else {
                        RouteKind::Group
                    },
                    number: group.and_then(|group| group.number.clone()),
                    name: group
                        .and_then(|group| group.name.clone())
                        .or_else(|| read::text(queue_id).map(Into::into)),
                    id: Some(id),
                }
            }
            Destination::Pstn { address } => Route {
                kind: RouteKind::External,
                id: None,
                number: read::text(address).map(Into::into),
                name: None,
            },
            Destination::Endpoint { name, host } => Route {
                kind: RouteKind::External,
                id: None,
                number: Some(format!("{}@{}", read::text(name)?, read::text(host)?).into()),
                name: None,
            },
            Destination::Other { .. } => return None,
        })
    }
}

fn participant(room: &Text, uuid: &Text, call: &Text, party: Party, present: bool) -> Fact {
    Fact::Participant {
        conference: model::observation::Ref::id(room),
        room: Some(room.clone()),
        key: uuid.clone(),
        present,
        call: Some(call.clone()),
        party,
        muted: None,
    }
}
