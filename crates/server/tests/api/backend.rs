//! A hub in memory: a log of blocks, a view of items.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{Arc, Mutex},
};

use adapter::{Capabilities, Counters, Measure, Support};
use async_trait::async_trait;
use bytes::Bytes;
use hub::{
    block::{Block, Key},
    command::{Accepted, CommandRecord},
    draft::Draft,
    fanout::{History, HistoryError, HistoryPage},
    filter::Filter,
    log::LoggedGap,
    meters::{Meters, Tally},
    seal::Sealer,
    stream::ResetReason,
    tail::Tail,
};
use model::{
    Call, CallState, Collection, Cursor, Data, Direction, EntityId, Epoch, EventType, ExtensionRef,
    FrameId, Gap, Native, Number, Origin, Party, Payload, Position, Source, SourceId, SourceState,
    Text, Timestamp, call::QueueRef,
};
use serde_json::Value;
use server::api::backend::{
    Backend, Bounds, CommandError, ConfiguredSource, EndedCalls, Entity, Freshness, Health, Item,
    Order, Resume, View,
};

/// 2023-11-14T22:13:20Z
pub(crate) const START: Timestamp = Timestamp::from_secs(1_700_000_000);

pub(crate) struct Hub {
    pub(crate) tail: Tail,
    sealer: Mutex<Sealer>,
    log: Mutex<Vec<Arc<Block>>>,
    oldest: Mutex<Position>,
    items: Mutex<BTreeMap<(Collection, String), Item>>,
    /// Call and position of its last event.
    ended: Mutex<Vec<(EntityId, Timestamp, Position)>>,
    pub(crate) reconnected: Mutex<Vec<String>>,
    pub(crate) health: Mutex<Health>,
    pub(crate) frames: Mutex<BTreeMap<String, Bytes>>,
    pub(crate) gaps: Mutex<Vec<(&'static str, Gap)>>,
    meters: Arc<Meters>,
    tally: Mutex<Tally>,
}

struct Moment {
    position: Position,
    items: BTreeMap<(Collection, String), Item>,
}

impl Hub {
    pub(crate) fn new(tail: Tail) -> Self {
        let epoch = tail.epoch();
        let meters = Arc::<Meters>::default();
        let hub = Self {
            tally: Mutex::new(Tally::new(Arc::clone(&meters))),
            meters,
            tail,
            sealer: Mutex::new(Sealer::new(epoch, Position(1))),
            log: Mutex::default(),
            oldest: Mutex::default(),
            items: Mutex::default(),
            ended: Mutex::default(),
            reconnected: Mutex::default(),
            health: Mutex::new(Health {
                log_writable: true,
                state_rebuilt: true,
            }),
            frames: Mutex::default(),
            gaps: Mutex::default(),
        };
        hub.put_source("hq", SourceState::Synced);
        hub.put_source("branch", SourceState::Disconnected);
        hub
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.tail.epoch()
    }

    /// Commits and publishes one event.
    pub(crate) fn publish(&self, draft: Draft) -> Cursor {
        self.publish_all(&[draft])
    }

    /// Commits and publishes events in one block. The id of the last.
    pub(crate) fn publish_all(&self, drafts: &[Draft]) -> Cursor {
        let blocks = self.sealer.lock().unwrap().seal(drafts);
        let entries = blocks.iter().flat_map(|block| &block.entries);
        for (entry, draft) in entries.zip(drafts) {
            if let (Some(call), true) = (&draft.data.call, draft.closes.is_some()) {
                let ended = (call.id.clone(), draft.recorded, entry.position);
                self.ended.lock().unwrap().push(ended);
            }
        }
        self.log.lock().unwrap().extend(blocks.iter().cloned());
        self.tail.publish(&blocks);
        let gaps: Vec<_> = drafts.iter().filter_map(gap).collect();
        self.tally.lock().unwrap().published(&blocks, &gaps);
        self.epoch().at(self.tail.head())
    }

    /// Takes the oldest events away, up to a position.
    pub(crate) fn forget(&self, cursor: Cursor) {
        *self.oldest.lock().unwrap() = cursor.position;
    }

    pub(crate) fn put(&self, id: &str, tenant: Option<&str>, entity: Entity, json: String) {
        let source = id.split(':').next().unwrap();
        let below = |name: &str| {
            id.split_once(name)
                .map(|(parent, _)| EntityId::from_text(parent))
        };
        let item = Item {
            id: id.into(),
            parent: below("/callers/").or_else(|| below("/participants/")),
            source: source.into(),
            tenant: tenant.map(Text::from),
            freshness: Freshness::Live,
            json: Bytes::from(json),
            entity,
        };
        let key = (item.entity.collection(), id.to_owned());
        self.items.lock().unwrap().insert(key, item);
    }

    pub(crate) fn put_call(&self, call: &Arc<Call>) {
        let json = serde_json::to_string(&**call).unwrap();
        self.put(
            call.id.as_str(),
            call.tenant.as_deref(),
            Entity::Call(Arc::clone(call)),
            json,
        );
    }

    pub(crate) fn put_source(&self, id: &str, state: SourceState) {
        let source = Arc::new(Source {
            id: SourceId::new(id).unwrap(),
            adapter: "portsip".into(),
            dialect: Some("v22".into()),
            state,
            since: START,
            reason: None,
            last_event_at: None,
            clock_skew_ms: None,
            counters: Default::default(),
            quality: None,
            unrecognized: Default::default(),
        });
        let json = serde_json::to_string(&*source).unwrap();
        self.put(id, None, Entity::Source(source), json);
    }

    fn unavailable(&self) -> Result<(), HistoryError> {
        if self.health.lock().unwrap().log_writable {
            Ok(())
        } else {
            Err(HistoryError::Unavailable("the disk is gone".into()))
        }
    }
}

impl History for Hub {
    fn page(
        &self,
        after: Position,
        _: &Filter,
        max_bytes: usize,
    ) -> Result<HistoryPage, HistoryError> {
        self.unavailable()?;
        if after < *self.oldest.lock().unwrap() {
            return Err(HistoryError::Expired(after));
        }
        let mut bytes = 0;
        let blocks: Vec<_> = self
            .log
            .lock()
            .unwrap()
            .iter()
            .filter(|block| block.last() > after)
            .take_while(|block| {
                let fits = bytes < max_bytes;
                bytes += block.body.len();
                fits
            })
            .cloned()
            .collect();
        let scanned_to = blocks.last().map_or(after, |block| block.last());
        Ok(HistoryPage { blocks, scanned_to })
    }
}

#[async_trait]
impl Backend for Hub {
    fn view(&self) -> Arc<dyn View> {
        Arc::new(Moment {
            position: self.tail.head(),
            items: self.items.lock().unwrap().clone(),
        })
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            oldest: *self.oldest.lock().unwrap(),
            newest: self.tail.head(),
        }
    }

    fn resume(&self, cursor: Cursor) -> Result<Resume, HistoryError> {
        self.unavailable()?;
        let bounds = self.bounds();
        Ok(if cursor.epoch != self.epoch() {
            Resume::Reset(ResetReason::Epoch)
        } else if cursor.position > bounds.newest {
            Resume::Reset(ResetReason::Ahead)
        } else if cursor.position < bounds.oldest {
            Resume::Reset(ResetReason::Expired)
        } else {
            Resume::At(cursor.position)
        })
    }

    fn before_time(&self, time: Timestamp) -> Result<Position, HistoryError> {
        let log = self.log.lock().unwrap();
        let first = log
            .iter()
            .flat_map(|block| &block.entries)
            .find(|entry| entry.recorded >= time);
        Ok(first.map_or(self.tail.head(), |entry| Position(entry.position.0 - 1)))
    }

    fn page_back(
        &self,
        before: Position,
        _: &Filter,
        _: usize,
    ) -> Result<HistoryPage, HistoryError> {
        self.unavailable()?;
        let oldest = *self.oldest.lock().unwrap();
        let log = self.log.lock().unwrap();
        let block = log
            .iter()
            .rev()
            .find(|block| block.first() < before && block.first() > oldest);
        Ok(match block {
            None => HistoryPage {
                blocks: Vec::new(),
                scanned_to: before,
            },
            Some(block) => HistoryPage {
                blocks: vec![Arc::clone(block)],
                scanned_to: block.first(),
            },
        })
    }

    fn block(&self, position: Position) -> Result<Option<Arc<Block>>, HistoryError> {
        let log = self.log.lock().unwrap();
        let found = log
            .iter()
            .find(|block| block.first() <= position && position <= block.last());
        Ok(found
            .filter(|_| position > *self.oldest.lock().unwrap())
            .cloned())
    }

    fn frame(&self, id: &FrameId) -> Result<Option<Bytes>, HistoryError> {
        Ok(self.frames.lock().unwrap().get(&id.to_string()).cloned())
    }

    fn decode(&self, _: &SourceId, frame: &[u8]) -> Option<Value> {
        serde_json::from_slice(frame).ok()
    }

    fn gaps(
        &self,
        source: &SourceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Gap>, HistoryError> {
        self.unavailable()?;
        let gaps = self.gaps.lock().unwrap();
        let theirs = gaps
            .iter()
            .filter(|(id, gap)| *id == source.as_str() && gap.from <= to && gap.to >= from);
        Ok(theirs.map(|(_, gap)| gap.clone()).collect())
    }

    fn ended_call(&self, id: &EntityId) -> Result<Option<Position>, HistoryError> {
        let ended = self.ended.lock().unwrap();
        let found = ended.iter().find(|(call, ..)| call == id);
        Ok(found.map(|(.., last)| *last))
    }

    fn ended_calls(
        &self,
        since: Timestamp,
        before: Option<Position>,
        limit: usize,
    ) -> Result<EndedCalls, HistoryError> {
        let mut last: Vec<_> = self
            .ended
            .lock()
            .unwrap()
            .iter()
            .filter(|(_, closed_at, _)| *closed_at >= since)
            .map(|(.., last)| *last)
            .filter(|last| before.is_none_or(|before| *last < before))
            .collect();
        last.sort_by_key(|last| std::cmp::Reverse(*last));
        last.truncate(limit);
        let next = last.last().copied().filter(|_| last.len() == limit);
        Ok(EndedCalls { last, next })
    }

    fn sources(&self) -> Vec<ConfiguredSource> {
        let capabilities = || {
            Capabilities::default()
                .with(
                    Support::Native,
                    &[EventType::CallStarted, EventType::CallEnded],
                )
                .with(Support::Inferred, &[EventType::CallRinging])
        };
        [("branch", false), ("hq", true)]
            .map(|(id, required)| ConfiguredSource {
                id: SourceId::new(id).unwrap(),
                required,
                adapter: "portsip",
                capabilities: capabilities(),
                commands: Vec::new(),
            })
            .into()
    }

    fn reconnect(&self, source: &SourceId) -> bool {
        self.reconnected.lock().unwrap().push(source.to_string());
        true
    }

    async fn command(&self, _: Order) -> Result<Accepted, CommandError> {
        unreachable!("no source here offers any")
    }

    fn kept_command(&self, _: &str) -> Result<Option<CommandRecord>, HistoryError> {
        Ok(None)
    }

    fn keyed_command(&self, _: &str, _: &str) -> Result<Option<CommandRecord>, HistoryError> {
        Ok(None)
    }

    fn health(&self) -> Health {
        *self.health.lock().unwrap()
    }

    fn counters(&self, _: &SourceId) -> Option<Arc<Counters>> {
        Some(Arc::default())
    }

    fn measures(&self, _: &SourceId) -> Vec<Measure> {
        vec![
            Measure::counter("exits", 2).of("liveness"),
            Measure::gauge("snapshot_seconds", 0.5),
        ]
    }

    fn meters(&self) -> Arc<Meters> {
        Arc::clone(&self.meters)
    }
}

fn gap(draft: &Draft) -> Option<LoggedGap> {
    Some(LoggedGap {
        source: draft.source.clone()?,
        gap: draft.data.gap.as_deref().cloned()?,
    })
}

impl View for Moment {
    fn position(&self) -> Position {
        self.position
    }

    fn scan(
        &self,
        collection: Collection,
        parent: Option<&EntityId>,
        after: Option<&str>,
        each: &mut dyn FnMut(&Item) -> ControlFlow<()>,
    ) {
        let items = self
            .items
            .iter()
            .filter(|((kind, id), _)| {
                *kind == collection && after.is_none_or(|after| **id > *after)
            })
            .filter(|(_, item)| parent.is_none() || item.parent.as_ref() == parent);
        for (_, item) in items {
            if each(item).is_break() {
                return;
            }
        }
    }

    fn find(&self, collection: Collection, parent: Option<&EntityId>, id: &str) -> Option<Item> {
        let id = match parent {
            None => id.to_owned(),
            Some(parent) => format!("{parent}/{collection}/{id}"),
        };
        self.items.get(&(collection, id)).cloned()
    }
}

/// A call of `hq` between an extension and a number outside.
pub(crate) fn call(key: &str, tenant: Option<&str>) -> Call {
    let hq = SourceId::new("hq").unwrap();
    Call {
        id: hq.entity(key),
        source: hq.clone(),
        tenant: tenant.map(Text::from),
        interaction_id: hq.entity(key),
        direction: Direction::Inbound,
        state: CallState::Ringing,
        caller: Party::numbered(Number {
            e164: Some("+442079460018".into()),
            ..Number::internal("02079460018")
        }),
        callee: Party {
            extension: Some(ExtensionRef {
                id: Some(hq.entity("e101")),
                number: "101".into(),
            }),
            ..Party::numbered(Number::internal("101"))
        },
        external: None,
        did: None,
        trunk: None,
        queue: Some(QueueRef {
            id: hq.entity("q8"),
            number: Some("8001".into()),
            name: None,
        }),
        route: None,
        legs: Vec::new(),
        legs_omitted: 0,
        answered_by: None,
        handled_by: Vec::new(),
        related_calls: Vec::new(),
        started_at: START,
        queued_at: None,
        ringing_at: None,
        answered_at: None,
        ended_at: None,
        end: None,
        durations: None,
        version: 1,
        native: Native::new().with("session_id", key),
    }
}

/// An event about a call.
pub(crate) fn about(kind: EventType, call: &Call) -> Draft {
    Draft {
        kind,
        source: Some(call.source.clone()),
        subject: format!("calls/{}", call.id).into(),
        time: START,
        recorded: START,
        tenant: call.tenant.clone(),
        partitionkey: call.id.text(),
        correlationid: None,
        version: call.version,
        expires: None,
        data: Data {
            call: Some(Arc::new(call.clone())),
            origin: Origin {
                payload: Some(Payload::parse(r#"{"raw":1}"#.to_owned()).unwrap()),
                ..Origin::default()
            },
            ..Data::default()
        },
        extensions: ["101", "hq:e101", "e101"]
            .map(Key::of)
            .into_iter()
            .collect(),
        queues: ["8001", "hq:q8", "q8"].map(Key::of).into_iter().collect(),
        private: call.caller.private,
        mixed: false,
        closes: (kind == EventType::CallEnded).then(|| hub::draft::Closing {
            collection: Collection::Calls,
            aliases: Vec::new(),
        }),
    }
}

/// An event about a source.
pub(crate) fn of_source(kind: EventType, source: &str) -> Draft {
    let id = SourceId::new(source).unwrap();
    Draft {
        kind,
        source: Some(id.clone()),
        subject: format!("sources/{source}").into(),
        time: START,
        recorded: START,
        tenant: None,
        partitionkey: source.into(),
        correlationid: None,
        version: 1,
        expires: None,
        data: Data {
            source: Some(Arc::new(Source {
                id,
                adapter: "portsip".into(),
                dialect: Some("v22".into()),
                state: SourceState::Synced,
                since: START,
                reason: None,
                last_event_at: None,
                clock_skew_ms: None,
                counters: Default::default(),
                quality: None,
                unrecognized: Default::default(),
            })),
            ..Data::default()
        },
        extensions: Default::default(),
        queues: Default::default(),
        private: false,
        mixed: false,
        closes: None,
    }
}
