//! Who is in a conference.

use model::{
    Collection, Fact, Text, UserRef,
    observation::{Ref, Scope},
};

use super::Translator;
use crate::{
    map::{
        read::{self, flag, live_leg, text},
        session::leg_id,
        tell::Telling,
    },
    wire::rest,
};

impl Translator {
    pub(super) fn participants(
        &mut self,
        tell: &mut Telling,
        id: &Text,
        conference: rest::Conference<'_>,
    ) {
        let at = Ref {
            id: Some(id.clone()),
            number: read::shared(&conference.name),
        };
        let Some(people) = rest::list::<rest::Participant<'_>>(conference.live) else {
            return;
        };
        let placed = |person: &rest::Participant<'_>| {
            let channel = text(&person.channel)?;
            match text(&person.server) {
                Some(server) => Some(leg_id(server, channel)),
                None => live_leg(channel).map(|(server, channel)| leg_id(server, channel)),
            }
        };
        let scope = Scope {
            collection: Collection::Participants,
            tenant: tell.tenant.clone(),
            within: Some(at.clone()),
            complete: people.iter().all(|person| placed(person).is_some()),
        };
        tell.native("snapshot.participant", Fact::SnapshotBegin(scope.clone()));
        for person in &people {
            let Some(leg) = placed(person) else {
                continue;
            };
            let mut party = self
                .directory
                .party(text(&person.number), text(&person.name), None);
            if let Some(employee) = text(&person.employee) {
                party.user = Some(UserRef {
                    id: Some(self.source.entity(employee)),
                    name: read::shared(&person.name),
                });
            }
            let fact = Fact::Participant {
                conference: at.clone(),
                room: read::shared(&person.room),
                call: self.sessions.of_leg(&leg),
                key: leg,
                present: true,
                party,
                muted: flag(&person.muted),
            };
            tell.native("snapshot.participant", fact);
        }
        tell.native("snapshot.participant", Fact::SnapshotEnd(scope));
    }
}
