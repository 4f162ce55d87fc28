//! Sources: the life of a connection, its gaps, its limits, and messages nobody knows.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use model::{
    Collection, Data, EntityId, EventType, Gap, Heard, OriginKind, Payload, Report, Source,
    SourceCounters, SourceId, SourceState, Text, Timestamp, observation::SourceFact,
};

use super::{
    State, Stored,
    clock::Skew,
    mark::{About, Involved, Mark, Turn, subject},
    track::MAX_RECENT,
};
use crate::{block::Key, draft::Closing};

impl State {
    /// Folds the life of a connection.
    pub(super) fn source_fact(&mut self, turn: &mut Turn<'_>, fact: &SourceFact) {
        let (state, kind, reason) = match fact {
            SourceFact::Connecting => (SourceState::Connecting, EventType::SourceConnecting, None),
            SourceFact::Connected {
                dialect,
                reconciles,
            } => {
                self.connected(turn, dialect.as_ref(), reconciles);
                return;
            }
            SourceFact::Synced => (SourceState::Synced, EventType::SourceSynced, None),
            SourceFact::Degraded { reason } => (
                SourceState::Degraded,
                EventType::SourceDegraded,
                Some(reason),
            ),
            SourceFact::Disconnected { reason } => (
                SourceState::Disconnected,
                EventType::SourceDisconnected,
                Some(reason),
            ),
            SourceFact::AuthFailed { reason } => (
                SourceState::AuthFailed,
                EventType::SourceAuthFailed,
                Some(reason),
            ),
            SourceFact::LimitReached { reason } => (
                SourceState::LimitReached,
                EventType::SourceLimitReached,
                Some(reason),
            ),
            SourceFact::Replaced { reason } => (
                SourceState::Replaced,
                EventType::SourceReplaced,
                Some(reason),
            ),
        };
        let known = self.source_entity(turn);
        if known.state == state && known.reason.as_ref() == reason {
            return;
        }
        let leaves = is_up(known.state) && !is_up(state);
        if leaves && let Some(track) = self.sources.get_mut(&turn.mark.source) {
            track.listings.clear();
            track.lost = reason.cloned();
        }
        let mut source = known;
        if source.state != state {
            source.since = turn.mark.when();
        }
        source.state = state;
        source.reason = reason.cloned();
        let data = Data {
            reason: reason.cloned(),
            ..Data::default()
        };
        self.set_source(turn, source);
        self.say_source(turn, kind, data);
        if leaves {
            self.lose_commands(turn, "connection_lost");
            self.remember_source(&turn.mark.source);
        }
    }

    pub(super) fn connected(
        &mut self,
        turn: &mut Turn<'_>,
        dialect: Option<&Text>,
        reconciles: &[Collection],
    ) {
        let mut source = self.source_entity(turn);
        if source.state == SourceState::Connected {
            return;
        }
        source.state = SourceState::Connected;
        source.since = turn.mark.when();
        source.reason = None;
        if dialect.is_some() {
            source.dialect = dialect.cloned();
        }
        let Some(track) = self.sources.get_mut(&turn.mark.source) else {
            return;
        };
        let again = std::mem::replace(&mut track.connected_before, true);
        track.listings.clear();
        let gap = again.then(|| {
            track.counters.reconnects += 1;
            let names = |of: &mut dyn Iterator<Item = Collection>| -> Vec<Text> {
                of.map(|collection| collection.as_str().into()).collect()
            };
            let told = track.told.union(&track.settings.tells).copied();
            Gap {
                from: track.heard.unwrap_or(turn.now.wall),
                to: turn.now.wall,
                reason: track
                    .lost
                    .take()
                    .unwrap_or_else(|| "connection lost".into()),
                reconciled: names(&mut reconciles.iter().copied()),
                unknown: names(&mut told.filter(|kind| !reconciles.contains(kind))),
                count: None,
            }
        });
        track.skew = Skew::default();
        self.set_source(turn, source);
        self.say_source(turn, EventType::SourceConnected, Data::default());
        if let Some(gap) = gap {
            self.set_gap_end(&turn.mark.source, gap.to);
            let data = Data {
                gap: Some(Box::new(gap)),
                ..Data::default()
            };
            self.say_source(turn, EventType::SourceGap, data);
        }
        self.remember_source(&turn.mark.source);
    }

    /// Tells that something about a source is beyond a limit, at most once a minute for each limit.
    pub(super) fn degraded(&mut self, turn: &mut Turn<'_>, limit: &str) {
        self.counters.limited += 1;
        let limit: Text = limit.into();
        let Some(track) = self.sources.get_mut(&turn.mark.source) else {
            return;
        };
        if !track.is_due(turn.now.mono, &limit) {
            return;
        }
        let mut source = self.source_entity(turn);
        if is_up(source.state) {
            source.state = SourceState::Degraded;
            source.reason = Some(Text::clone(&limit));
            self.set_source(turn, source);
        }
        let mark = Mark::own(&turn.mark.source, turn.now, OriginKind::Gateway, "limit");
        let data = Data {
            reason: Some(limit),
            ..Data::default()
        };
        turn.under(mark, |turn| {
            self.say_source(turn, EventType::SourceDegraded, data);
        });
    }

    /// Publishes a message that the adapter does not know, with its raw body.
    pub(super) fn unrecognized(
        &mut self,
        turn: &mut Turn<'_>,
        heard: &Heard,
        report: &Report,
        shape: &Text,
    ) {
        let Some(track) = self.sources.get_mut(&turn.mark.source) else {
            return;
        };
        track.counters.unrecognized += 1;
        track.count_shape(shape);
        if !track.is_due(turn.now.mono, shape) {
            return;
        }
        let mut origin = (*turn.mark.origin).clone();
        origin.payload.clone_from(&report.payload);
        origin.payload_base64.clone_from(&report.payload_base64);
        if let (None, None, Some(frame)) = (
            &origin.payload,
            &origin.payload_base64,
            heard.frame.as_ref(),
        ) {
            match std::str::from_utf8(&frame.bytes) {
                Ok(text) => {
                    let payload = Payload::parse(text.to_owned())
                        .unwrap_or_else(|_| Payload::from_value(&text.into()));
                    origin.payload = Some(payload);
                }
                Err(_) => origin.payload_base64 = Some(STANDARD.encode(&frame.bytes).into()),
            }
        }
        let mut mark = turn.mark.clone();
        mark.origin = Arc::new(origin);
        let data = Data {
            reason: Some(Text::clone(shape)),
            ..Data::default()
        };
        turn.under(mark, |turn| {
            self.say_source(turn, EventType::SourceUnrecognized, data);
        });
    }

    /// True when a fact that changes no entity was told before, at the same time of the PBX.
    pub(super) fn repeated(&mut self, turn: &Turn<'_>, fact: &str) -> bool {
        let Some(time) = turn.mark.time else {
            return false;
        };
        let Some(track) = self.sources.get_mut(&turn.mark.source) else {
            return true;
        };
        let key = Key::of(&format!("{} {fact}", time.micros()));
        if track.recent.contains(&key) {
            return true;
        }
        if track.recent.len() >= MAX_RECENT {
            track.recent.pop_front();
        }
        track.recent.push_back(key);
        false
    }

    /// The source is configured no more: its subject is closed.
    pub(super) fn close_source(&mut self, turn: &mut Turn<'_>) {
        let id = entity_id(&turn.mark.source);
        if !self.view.sources.contains_key(&id) {
            return;
        }
        let mut source = self.source_entity(turn);
        source.state = SourceState::Disconnected;
        source.since = turn.now.wall;
        source.reason = Some("removed from the configuration".into());
        let data = Data {
            reason: source.reason.clone(),
            ..Data::default()
        };
        self.set_source(turn, source);
        self.say_source(turn, EventType::SourceDisconnected, data);
        let version = self.view.sources.get(&id).map_or(0, |known| known.version);
        if let Some(last) = turn.out.last_mut() {
            last.closes = Some(Closing {
                collection: Collection::Sources,
                aliases: Vec::new(),
            });
        }
        self.remove::<Source>(&id);
        self.closed_now(turn, Collection::Sources, &id, version);
    }

    /// Publishes an event whose subject is the source.
    pub(super) fn say_source(&mut self, turn: &mut Turn<'_>, kind: EventType, mut data: Data) {
        let id = entity_id(&turn.mark.source);
        self.source_entity(turn);
        let Some(stored) = self.view.sources.get(&id) else {
            return;
        };
        let mut stored = Stored::clone(stored);
        stored.version += 1;
        stored.json = OnceLock::new();
        let version = stored.version;
        if kind.as_str().starts_with("source.") {
            let mut source = (*stored.entity).clone();
            self.count_into(&turn.mark.source, &mut source);
            data.source = Some(Arc::new(source));
        }
        self.view.sources.insert(id.clone(), Arc::new(stored));
        self.dirty.insert((Collection::Sources, id.clone()));
        let about = About {
            kind,
            time: turn.mark.when(),
            subject: subject("sources", &id),
            partition: id.text(),
            correlation: None,
            tenant: turn.mark.tenant.clone(),
            version,
            involved: &Involved::default(),
        };
        turn.say(about, data);
    }

    /// The entity of the source that speaks; a new one when it speaks for the first time.
    pub(super) fn source_entity(&mut self, turn: &mut Turn<'_>) -> Source {
        let id = entity_id(&turn.mark.source);
        if let Some(stored) = self.view.sources.get(&id) {
            return (*stored.entity).clone();
        }
        let settings = self.settings(&turn.mark.source);
        let source = Source {
            id: turn.mark.source.clone(),
            adapter: Text::clone(&settings.adapter),
            dialect: None,
            state: SourceState::Disconnected,
            since: turn.now.wall,
            reason: None,
            last_event_at: None,
            clock_skew_ms: None,
            counters: SourceCounters::default(),
            quality: None,
            unrecognized: BTreeMap::new(),
        };
        let version = self.version_of(turn, Collection::Sources, &id);
        let stored = Stored {
            entity: Arc::new(source.clone()),
            source: turn.mark.source.clone(),
            tenant: None,
            version,
            seen: Timestamp::default(),
            json: OnceLock::new(),
        };
        self.view.sources.insert(id, Arc::new(stored));
        source
    }

    pub(super) fn set_source(&mut self, turn: &Turn<'_>, source: Source) {
        let id = entity_id(&turn.mark.source);
        let (version, seen) = self
            .view
            .sources
            .get(&id)
            .map_or((0, Timestamp::default()), |stored| {
                (stored.version, stored.seen)
            });
        let stored = Stored {
            entity: Arc::new(source),
            source: turn.mark.source.clone(),
            tenant: None,
            version,
            seen,
            json: OnceLock::new(),
        };
        self.dirty.insert((Collection::Sources, id.clone()));
        self.view.sources.insert(id, Arc::new(stored));
    }

    /// When the last window was over in which the source may have told something unheard.
    pub(super) fn gap_end(&self, source: &SourceId) -> Timestamp {
        self.view
            .sources
            .get(&entity_id(source))
            .map_or_else(Timestamp::default, |stored| stored.seen)
    }

    pub(super) fn set_gap_end(&mut self, source: &SourceId, to: Timestamp) {
        let id = entity_id(source);
        if let Some(stored) = self.view.sources.get(&id) {
            let mut stored = Stored::clone(stored);
            stored.seen = to;
            self.view.sources.insert(id.clone(), Arc::new(stored));
            self.dirty.insert((Collection::Sources, id));
        }
    }

    /// Writes what is counted apart from events into the entity of a source.
    pub(super) fn count_into(&self, id: &SourceId, source: &mut Source) {
        if let Some(track) = self.sources.get(id) {
            source.counters = track.counters;
            source.quality.clone_from(&track.quality);
            source.unrecognized.clone_from(&track.shapes);
            source.last_event_at = track.heard.or(source.last_event_at);
        }
    }

    /// The sources that were connected when the gateway stopped no longer are.
    pub(super) fn disconnect_all(&mut self, turn: &mut Turn<'_>) {
        let ids: Vec<SourceId> = self.sources.keys().cloned().collect();
        for id in ids {
            let entity = self.view.sources.get(&entity_id(&id));
            if entity.is_some_and(|stored| is_up(stored.entity.state)) {
                let mark = Mark::own(&id, turn.now, OriginKind::Gateway, "restart");
                let reason = "the gateway was restarted".into();
                turn.under(mark, |turn| {
                    self.source_fact(turn, &SourceFact::Disconnected { reason });
                });
            }
        }
    }
}

pub(super) fn is_up(state: SourceState) -> bool {
    matches!(
        state,
        SourceState::Connected | SourceState::Synced | SourceState::Degraded
    )
}

/// Sources are kept by their name.
pub(super) fn entity_id(source: &SourceId) -> EntityId {
    EntityId::from_text(source.as_str())
}
