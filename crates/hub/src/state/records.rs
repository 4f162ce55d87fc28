//! Conferences, recordings, voicemail, and what travels as it is.

use std::sync::Arc;

use model::{
    Change, Collection, Conference, Data, EntityId, EventType, Participant, Party, Recording,
    RecordingState, Text, Voicemail,
    observation::{Fact, Ref},
    source::Alert,
};

use super::{
    State,
    directory::Fields,
    keep::Saying,
    mark::{About, Involved, Turn, subject},
    refs::Found,
};
use crate::{block::Key, draft::Closing};

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

    fn conference_at(
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
    fn count_participants(&mut self, turn: &Turn<'_>, id: &EntityId, by: i32) -> Data {
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

    /// Folds what a message tells of a recording.
    pub(super) fn recording(&mut self, turn: &mut Turn<'_>, fact: &Fact) {
        let Fact::Recording {
            key,
            alias,
            state,
            call,
            duration_ms,
            uri,
            native,
        } = fact
        else {
            return;
        };
        let id = self
            .names
            .canonical(Collection::Recordings, turn.mark.source.entity(key));
        self.confirm(turn, &id);
        let known = match self.get::<Recording>(&id) {
            Some(known) => Some((*known).clone()),
            None => self.closed_recording(turn, &id),
        };
        let id = known.as_ref().map_or(id, |known| known.id.clone());
        let first = known.is_none();
        let mut recording = known.unwrap_or_else(|| Recording {
            id: id.clone(),
            call: None,
            leg: None,
            state: *state,
            started_at: None,
            ended_at: None,
            duration_ms: None,
            uri: None,
            version: 0,
            native: model::Native::new(),
        });
        let from = recording.state;
        // A recording that is over does not go on, and one that is gone does not come back.
        let to = rank_of(from).max(rank_of(*state));
        let to = if to == rank_of(from) { from } else { *state };
        let mut fields = Fields::default();
        let call = call.as_ref().map(|key| turn.mark.source.entity(key));
        fields.set("call", &mut recording.call, &call);
        fields.set("duration_ms", &mut recording.duration_ms, duration_ms);
        fields.set("uri", &mut recording.uri, uri);
        fields.native(&mut recording.native, native);
        if let Some(alias) = alias {
            let before = recording.native.clone();
            recording.native.set("recording_id", &**alias);
            if before != recording.native {
                fields.note("native");
            }
            let alias = turn.mark.source.entity(alias);
            if alias != id {
                self.alias(Collection::Recordings, alias, &id);
            }
        }
        if !first && to == from && fields.is_empty() {
            self.seen::<Recording>(turn, &id);
            return;
        }
        recording.state = to;
        let at = turn.mark.when();
        match to {
            RecordingState::Recording => {
                recording.started_at.get_or_insert(at);
            }
            RecordingState::Ended if first || from != to => recording.ended_at = Some(at),
            RecordingState::Ended | RecordingState::Deleted => {}
        }
        let mut change = if first {
            Change::default()
        } else {
            fields.change()
        };
        let kind = if first || from != to {
            EventType::from(to)
        } else {
            EventType::RecordingUpdated
        };
        if !first && from != to {
            change.from = Some(from.as_str().into());
            change.to = Some(to.as_str().into());
        }
        let closes = to != RecordingState::Recording;
        let saying = Saying {
            change,
            closes,
            ..Saying::default()
        };
        self.publish(turn, kind, &id, recording.clone(), saying);
        if closes {
            self.closed_recordings.insert(id, recording);
        }
    }

    fn closed_recording(&mut self, turn: &mut Turn<'_>, id: &EntityId) -> Option<Recording> {
        if let Some(known) = self.closed_recordings.get(id) {
            return Some(known.clone());
        }
        let archived = turn.archive.find(Collection::Recordings, id)?;
        let recording = archived.last.data.recording?;
        self.closed_now(
            turn,
            Collection::Recordings,
            &recording.id,
            archived.version,
        );
        Some((*recording).clone())
    }

    /// Folds what a message tells of a voicemail message.
    pub(super) fn voicemail(&mut self, turn: &mut Turn<'_>, fact: &Fact) {
        let Fact::Voicemail {
            key,
            mailbox,
            present,
            read,
            caller,
            duration_ms,
            counters,
        } = fact
        else {
            return;
        };
        let id = turn.mark.source.entity(key);
        let (known, gone) = self.known_voicemail(turn, &id);
        let first = known.is_none();
        if gone || (first && !present) {
            return;
        }
        let mut voicemail = known.unwrap_or_else(|| Voicemail {
            id: id.clone(),
            mailbox: Text::clone(mailbox),
            caller: None,
            received_at: Some(turn.mark.when()),
            duration_ms: None,
            read: None,
            uri: None,
            counters: None,
            version: 0,
        });
        let before = voicemail.read;
        if let Some(caller) = caller {
            let mut party = voicemail.caller.clone().unwrap_or_default();
            party.merge(caller);
            let tenant = turn.mark.tenant.clone();
            self.enrich(&turn.mark.source, tenant.as_ref(), &mut party);
            voicemail.caller = Some(party);
        }
        voicemail.read = read.or(voicemail.read);
        voicemail.duration_ms = duration_ms.or(voicemail.duration_ms);
        voicemail.counters = counters.or(voicemail.counters);
        let kind = if !present {
            EventType::VoicemailDeleted
        } else if first {
            EventType::VoicemailReceived
        } else if voicemail.read == Some(true) && before != Some(true) {
            EventType::VoicemailRead
        } else {
            return;
        };
        voicemail.version += 1;
        let version = voicemail.version;
        let mut involved = Involved::default();
        involved.extension(Key::of(&voicemail.mailbox));
        if let Some(caller) = &voicemail.caller {
            self.involve_party(&mut involved, caller);
        }
        self.voicemails
            .insert(id.clone(), (voicemail.clone(), !present));
        self.closed_now(turn, Collection::Voicemails, &id, version);
        let about = About {
            kind,
            time: turn.mark.when(),
            subject: subject("voicemails", &id),
            partition: id.text(),
            correlation: None,
            tenant: turn.mark.tenant.clone(),
            version,
            involved: &involved,
        };
        let data = Data {
            voicemail: Some(Arc::new(voicemail)),
            ..Data::default()
        };
        turn.say(about, data).closes = Some(Closing {
            collection: Collection::Voicemails,
            aliases: Vec::new(),
        });
    }

    /// A message of which something was published before, and whether it is gone.
    fn known_voicemail(&self, turn: &mut Turn<'_>, id: &EntityId) -> (Option<Voicemail>, bool) {
        if let Some((known, gone)) = self.voicemails.get(id) {
            return (Some(known.clone()), *gone);
        }
        match turn.archive.find(Collection::Voicemails, id) {
            Some(archived) => {
                let gone = archived.last.kind == EventType::VoicemailDeleted;
                (archived.last.data.voicemail.as_deref().cloned(), gone)
            }
            None => (None, false),
        }
    }

    /// Publishes a fact that changes no entity.
    pub(super) fn remark(&mut self, turn: &mut Turn<'_>, fact: &Fact) {
        let (kind, data) = match fact {
            Fact::Directory(object) => {
                let object = Some((**object).clone());
                let data = Data {
                    object,
                    ..Data::default()
                };
                (EventType::DirectoryChanged, data)
            }
            Fact::Variable(variable) => {
                let variable = Some((**variable).clone());
                let data = Data {
                    variable,
                    ..Data::default()
                };
                (EventType::VariableChanged, data)
            }
            Fact::Alert(alert, raised) => {
                if !self.alert_changes(turn, alert, *raised) {
                    return;
                }
                let alert = Some((**alert).clone());
                let data = Data {
                    alert,
                    ..Data::default()
                };
                let kind = if *raised {
                    EventType::AlertRaised
                } else {
                    EventType::AlertCleared
                };
                (kind, data)
            }
            Fact::Message(message) => {
                let message = Some((**message).clone());
                let data = Data {
                    message,
                    ..Data::default()
                };
                (EventType::MessageReceived, data)
            }
            Fact::Request(request) => {
                let request = Some((**request).clone());
                let data = Data {
                    request,
                    ..Data::default()
                };
                (EventType::RequestReceived, data)
            }
            Fact::Reply(reply) => {
                let reply = Some((**reply).clone());
                let data = Data {
                    reply,
                    ..Data::default()
                };
                (EventType::ReplyReceived, data)
            }
            _ => return,
        };
        if !matches!(fact, Fact::Alert(..)) && self.repeated(turn, &format!("{fact:?}")) {
            return;
        }
        self.say_source(turn, kind, data);
    }

    /// Whether an alert is news. One that was raised and not cleared since is not raised again.
    fn alert_changes(&mut self, turn: &Turn<'_>, alert: &Alert, raised: bool) -> bool {
        let (kind, whole) = (Key::of(&alert.kind), Key::of(&format!("{alert:?}")));
        let Some(track) = self.sources.get_mut(&turn.mark.source) else {
            return false;
        };
        if raised {
            if track.alerts.len() >= MAX_ALERTS {
                track.alerts.pop_first();
            }
            return track.alerts.insert((kind, whole));
        }
        let before = track.alerts.len();
        if !track.alerts.remove(&(kind, whole)) {
            track.alerts.retain(|(other, _)| *other != kind);
        }
        // Whether it was raised before the gateway started is not known, so this may be news all the same.
        track.alerts.len() < before || !self.repeated(turn, &format!("cleared {alert:?}"))
    }
}

/// The most alerts of a source that are remembered as raised.
const MAX_ALERTS: usize = 1_000;

fn rank_of(state: RecordingState) -> u8 {
    match state {
        RecordingState::Recording => 0,
        RecordingState::Ended => 1,
        RecordingState::Deleted => 2,
    }
}
