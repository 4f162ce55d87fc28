//! Recordings.

use model::{
    Change, Collection, EntityId, EventType, Recording, RecordingState, Timestamp,
    observation::Fact,
};

use super::{Last, State, fields::Fields, keep::Saying, mark::Turn};

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
        } else if first {
            self.look_after::<Recording>(turn.now, &id);
        }
    }

    /// A recording whose end was not told, and need not be told any more.
    pub(super) fn recording_over(
        &mut self,
        turn: &mut Turn<'_>,
        id: &EntityId,
        at: Option<Timestamp>,
    ) {
        let Some(going_on) = self.get::<Recording>(id) else {
            return;
        };
        let recording = Recording {
            state: RecordingState::Ended,
            ended_at: at,
            ..(*going_on).clone()
        };
        let change = Change {
            from: Some(RecordingState::Recording.as_str().into()),
            to: Some(RecordingState::Ended.as_str().into()),
            ..Change::default()
        };
        let saying = Saying {
            change,
            closes: true,
            ..Saying::default()
        };
        self.publish(
            turn,
            EventType::RecordingEnded,
            id,
            recording.clone(),
            saying,
        );
        self.closed_recordings.insert(id.clone(), recording);
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

fn rank_of(state: RecordingState) -> u8 {
    match state {
        RecordingState::Recording => 0,
        RecordingState::Ended => 1,
        RecordingState::Deleted => 2,
    }
}
