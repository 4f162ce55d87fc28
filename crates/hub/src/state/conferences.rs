//! Conferences and who is in them.

use std::sync::Arc;

use model::{
    Change, Collection, Conference, Data, EntityId, EventType, Participant, Party, Text,
    observation::{Fact, Ref},
};

use super::{State, fields::Fields, keep::Saying, mark::Turn, refs::Found};

impl State {
    /// Folds who is in a conference.
    pub(super) fn participant(&mut self, turn: &mut Turn<'_>, fact: &Fact) {
        let Fact::Participant {
            conference,
            room,
            key,
            present,
            call,
            party,
            muted,
        } = fact
        else {
            return;
        };
        let Some(conference) = self.conference_at(turn, conference, room.as_ref(), *present) else {
            return;
        };
        let id = EntityId::from_text(&format!("{conference}/participants/{key}"));
        self.confirm(turn, &id);
        let known = self.get::<Participant>(&id);
        if !present {
            self.remove_participant(turn, &id);
            return;
        }
        let first = known.is_none();
        let mut participant = known.map_or_else(
            || Participant {
                call: None,
                party: Party::default(),
                muted: None,
                joined_at: Some(turn.mark.when()),
            },
            |known| (*known).clone(),
        );
        let mut fields = Fields::default();
        let call = call.as_ref().map(|key| turn.mark.source.entity(key));
        fields.set("call", &mut participant.call, &call);
        fields.set("muted", &mut participant.muted, muted);
        let mut merged = participant.party.clone();
        merged.merge(party);
        if merged != participant.party {
            let tenant = turn.mark.tenant.clone();
            self.enrich(&turn.mark.source, tenant.as_ref(), &mut merged);
            participant.party = merged;
            fields.note("party");
        }
        if !first && fields.is_empty() {
            self.seen::<Participant>(turn, &id);
            return;
        }
        let (kind, change) = if first {
            let kind = EventType::ConferenceParticipantJoined;
            (kind, Change::default())
        } else {
            (EventType::ConferenceParticipantUpdated, fields.change())
        };
        let data = self.count_participants(turn, &conference, i32::from(first));
        let saying = Saying {
            change,
            data,
            closes: false,
        };
        let draft = self.publish(turn, kind, &id, participant, saying);
        draft.partitionkey = conference.text();
        if first {
            self.look_after::<Participant>(turn.now, &id);
        }
    }

    pub(super) fn remove_participant(&mut self, turn: &mut Turn<'_>, id: &EntityId) {
        let Some(participant) = self.get::<Participant>(id) else {
            return;
        };
        let Some((conference, _)) = id.as_str().split_once("/participants/") else {
            return;
        };
        let conference = EntityId::from_text(conference);
        let saying = Saying {
            data: self.count_participants(turn, &conference, -1),
            closes: true,
            ..Saying::default()
        };
        let kind = EventType::ConferenceParticipantLeft;
        let draft = self.publish(turn, kind, id, (*participant).clone(), saying);
        draft.partitionkey = conference.text();
        let empty = |conference: &Arc<Conference>| conference.participants == 0;
        if self
            .get::<Conference>(&conference)
            .as_ref()
            .is_some_and(empty)
        {
            let version = self.view.conferences.get(&conference).map(|it| it.version);
            self.remove::<Conference>(&conference);
            let kind = Collection::Conferences;
            self.closed_now(turn, kind, &conference, version.unwrap_or(0));
            self.forget_aliases(Collection::Conferences, &conference);
        }
    }

    pub(super) fn conference_at(
        &mut self,
        turn: &mut Turn<'_>,
        at: &Ref,
        room: Option<&Text>,
        create: bool,
    ) -> Option<EntityId> {
        let known = |id: &EntityId| self.view.conferences.contains_key(id);
        let (source, tenant) = (turn.mark.source.clone(), turn.mark.tenant.clone());
        let kind = Collection::Conferences;
        let found = self.names.find(kind, &source, tenant.as_ref(), at, known)?;
        let id = match found {
            Found::Known(id, alias) => {
                if let Some(alias) = alias {
                    self.alias(kind, alias, &id);
                }
                id
            }
            Found::New(id) if create => {
                let version = self.version_of(turn, kind, &id);
                let conference = Arc::new(Conference {
                    id: id.clone(),
                    name: at.number.clone(),
                    room: room.cloned(),
                    participants: 0,
                    version,
                });
                self.insert(turn, &id, &conference, tenant.clone(), version);
                if let Some(number) = &at.number {
                    self.names
                        .learn_number(kind, &source, tenant.as_ref(), number, &id);
                }
                id
            }
            Found::New(_) => return None,
        };
        self.confirm(turn, &id);
        Some(id)
    }

    /// The conference after somebody came or left: it changes with its participants and has no event of its own.
    pub(super) fn count_participants(&mut self, turn: &Turn<'_>, id: &EntityId, by: i32) -> Data {
        let Some(stored) = self.view.conferences.get(id) else {
            return Data::default();
        };
        let mut conference = (*stored.entity).clone();
        conference.participants = conference.participants.saturating_add_signed(by);
        conference.version += 1;
        let (tenant, version) = (stored.tenant.clone(), conference.version);
        let conference = Arc::new(conference);
        self.insert(turn, id, &conference, tenant, version);
        Data {
            conference: Some(conference),
            ..Data::default()
        }
    }
}
