//! Conferences and who is in them.

use model::{
    Basis, Fact, LegRole, LegState, Party, RouteKind, Text,
    observation::{LegFact, LegPatch, Ref},
};

use super::{
    Translator,
    call::service,
    end,
    read::{self, flag, text, time},
    session::leg_id,
    tell::{self, Telling},
};
use crate::wire::{ConferenceMember, ConferenceStep, Event};

impl Translator {
    /// `CONFERENCE_ENTERED`, `CONFERENCE_CHANGED`, `CONFERENCE_LEFT`; the id is the conference.
    pub(super) fn conference(
        &mut self,
        tell: &mut Telling,
        event: &Event<'_>,
        step: ConferenceStep,
        body: &ConferenceMember<'_>,
    ) {
        let Some(conference) = text(&event.id) else {
            return tell.missing("_id");
        };
        let Some(channel) = text(&body.channel) else {
            return tell.missing("channelId");
        };
        let leg = leg_id(text(&event.server).unwrap_or(""), channel);
        let call = self.sessions.of_leg(&leg);
        let mut party = self
            .directory
            .party(text(&body.number), text(&body.name), None);
        if let Some(key) = &call
            && let Some(session) = self.sessions.get(key)
        {
            let own = session.find(&leg).map(|at| &session.legs[at].party);
            party.private |= own.is_some_and(|own| own.private);
        }
        if let Some(employee) = text(&event.employee) {
            party.user = Some(model::UserRef {
                id: Some(self.source.entity(employee)),
                name: read::shared(&body.name),
            });
        }
        let at = Ref {
            id: Some(conference.into()),
            number: read::shared(&body.conference_name),
        };
        let entered = time(&body.entered).filter(|_| step == ConferenceStep::Entered);
        let present = step != ConferenceStep::Left;
        let fact = Fact::Participant {
            conference: at.clone(),
            room: read::shared(&body.room),
            key: leg.clone(),
            present,
            call: call.clone(),
            party,
            muted: flag(&body.muted),
        };
        let rule = match step {
            ConferenceStep::Entered => "CONFERENCE_ENTERED",
            ConferenceStep::Changed => "CONFERENCE_CHANGED",
            ConferenceStep::Left => "CONFERENCE_LEFT",
        };
        tell.say(Basis::Native, rule, entered, fact);
        if let Some(call) = call {
            self.in_conference(tell, &call, &leg, &at, present);
        }
    }

    /// A caller who is in a conference is with a service, which has a leg of its own.
    fn in_conference(
        &mut self,
        tell: &mut Telling,
        call: &Text,
        leg: &Text,
        conference: &Ref,
        present: bool,
    ) {
        let Some(session) = self.sessions.get(call).filter(|session| !session.ended) else {
            return;
        };
        let at_caller = session
            .find(leg)
            .is_some_and(|at| session.legs[at].role == LegRole::Caller);
        if !at_caller {
            return;
        }
        if present && let Some(session) = self.sessions.get_mut(call) {
            // It is known what picked up.
            session.served = false;
        }
        let key = conference.key().cloned().unwrap_or_else(|| "".into());
        let route = service(
            RouteKind::Conference,
            &Ref {
                id: conference.id.clone(),
                number: None,
            },
            conference.number.clone(),
        );
        let patch = if present {
            LegPatch {
                role: Some(LegRole::Service),
                party: Some(Party {
                    name: conference.number.clone(),
                    ..Party::default()
                }),
                route: Some(route),
                native: tell::native(&[("conference", Some(&key))]),
                ..LegPatch::default()
            }
        } else {
            LegPatch::default()
        };
        let fact = Fact::Leg(Box::new(LegFact {
            call: call.clone(),
            leg: format!("{leg}/conference").into(),
            state: Some(if present {
                LegState::Connected
            } else {
                LegState::Ended
            }),
            patch,
            end: (!present).then(end::of_service),
        }));
        tell.inferred("CONFERENCE.leg", fact);
    }
}
