//! Recordings and voicemail.

use std::sync::Arc;

use model::{
    Change, Collection, Data, EntityId, EventType, Recording, RecordingState, Text, Voicemail,
    observation::Fact,
};

use super::{
    Last, State,
    fields::Fields,
    keep::Saying,
    mark::{About, Involved, Turn, subject},
};
use crate::{block::Key, draft::Closing};

impl State {
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
            Some(known) => Some(((*known).clone(), false)),
            None => self.closed_recording(turn, &id),
        };
        let (known, hollow) = known.unzip();
        let id = known.as_ref().map_or(id, |known| known.id.clone());
        let first = known.is_none();
        let mut recording = known.unwrap_or_else(|| blank_recording(id.clone(), *state, 0));
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
        // Of one whose attributes are forgotten none is news.
        let news = !fields.is_empty() && hollow != Some(true);
        if !first && to == from && !news {
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

    /// A recording that is over, and whether only its state is left of it.
    fn closed_recording(
        &mut self,
        turn: &mut Turn<'_>,
        id: &EntityId,
    ) -> Option<(Recording, bool)> {
        if let Some(known) = self.closed_recordings.get(id) {
            return Some((known.clone(), false));
        }
        let archived = turn.archive.find(Collection::Recordings, id)?;
        let (kind, version) = (archived.kind(), archived.version);
        let known = match archived.last {
            Last::Event(last) => (Recording::clone(&*last.data.recording?), false),
            Last::Remains(_) => {
                let state = match kind {
                    EventType::RecordingDeleted => RecordingState::Deleted,
                    _ => RecordingState::Ended,
                };
                (blank_recording(archived.id, state, version), true)
            }
        };
        self.closed_now(turn, Collection::Recordings, &known.0.id, version);
        Some(known)
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
        let (known, gone) = self.known_voicemail(turn, &id, mailbox);
        let first = known.is_none();
        if gone || (first && !present) {
            return;
        }
        let mut voicemail = known.unwrap_or_else(|| Voicemail {
            received_at: Some(turn.mark.when()),
            ..blank_voicemail(id.clone(), mailbox)
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
    fn known_voicemail(
        &self,
        turn: &mut Turn<'_>,
        id: &EntityId,
        mailbox: &Text,
    ) -> (Option<Voicemail>, bool) {
        if let Some((known, gone)) = self.voicemails.get(id) {
            return (Some(known.clone()), *gone);
        }
        let Some(archived) = turn.archive.find(Collection::Voicemails, id) else {
            return (None, false);
        };
        let (kind, version) = (archived.kind(), archived.version);
        let known = match archived.last {
            Last::Event(last) => last.data.voicemail.as_deref().cloned(),
            Last::Remains(_) => Some(Voicemail {
                read: (kind == EventType::VoicemailRead).then_some(true),
                version,
                ..blank_voicemail(archived.id, mailbox)
            }),
        };
        (known, kind == EventType::VoicemailDeleted)
    }
}

/// A recording of which nothing is known but its state.
fn blank_recording(id: EntityId, state: RecordingState, version: u64) -> Recording {
    Recording {
        id,
        call: None,
        leg: None,
        state,
        started_at: None,
        ended_at: None,
        duration_ms: None,
        uri: None,
        version,
        native: model::Native::new(),
    }
}

/// A message of which nothing is known but its box.
fn blank_voicemail(id: EntityId, mailbox: &Text) -> Voicemail {
    Voicemail {
        id,
        mailbox: Text::clone(mailbox),
        caller: None,
        received_at: None,
        duration_ms: None,
        read: None,
        uri: None,
        counters: None,
        version: 0,
    }
}

fn rank_of(state: RecordingState) -> u8 {
    match state {
        RecordingState::Recording => 0,
        RecordingState::Ended => 1,
        RecordingState::Deleted => 2,
    }
}
