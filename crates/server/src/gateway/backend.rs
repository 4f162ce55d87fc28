//! The hub and the sources as the HTTP surface and the fan-out see them.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use adapter::{Counters, Measure, Refusal};
use async_trait::async_trait;
use bytes::Bytes;
use hub::{
    Hub,
    block::Block,
    command::{Accepted, CommandRecord},
    fanout::{History, HistoryError, HistoryPage},
    filter::Filter,
    log::{self, Limit, LogError, Reason},
    meters::Meters,
    state::{self, Entities, Stored, Table},
    stream::ResetReason,
};
use model::{
    Clock, Collection, Cursor, EntityId, FrameId, Gap, Heard, Position, SourceId, Text, Timestamp,
};
use serde::Serialize;
use serde_json::Value;

use super::sources::Sources;
use crate::api::backend::{
    Backend, Bounds, CommandError, ConfiguredSource, EndedCalls, Entity, Freshness, Health, Item,
    Order, Resume, View,
};

/// The one backend.
pub(super) struct HubBackend {
    hub: Hub,
    sources: Arc<Sources>,
    clock: Arc<dyn Clock>,
}

/// How long one page of the log may look for blocks that a filter may want, before it says how far it got.
const PAGE_TIME: Duration = Duration::from_millis(250);

impl HubBackend {
    pub(super) fn new(hub: Hub, sources: Arc<Sources>, clock: Arc<dyn Clock>) -> Self {
        Self {
            hub,
            sources,
            clock,
        }
    }

    /// Tells that a command was accepted and did not even reach its source.
    async fn not_sent(&self, source: SourceId, id: &Text, refusal: Refusal) {
        let heard = Heard {
            source,
            frame: None,
            now: self.clock.now(),
            reports: vec![refusal.report(id)],
            memo: Vec::new(),
        };
        // When the hub has stopped, the next start says that the outcome is unknown.
        let _ = self.hub.hear(heard).await;
    }
}

impl History for HubBackend {
    fn page(
        &self,
        after: Position,
        filter: &Filter,
        max_bytes: usize,
    ) -> Result<HistoryPage, HistoryError> {
        let page = self
            .hub
            .reader()
            .page(after, &limit(max_bytes), &|block| filter.may_pass(block));
        page.map(of).map_err(unavailable)
    }
}

#[async_trait]
impl Backend for HubBackend {
    fn view(&self) -> Arc<dyn View> {
        Arc::new(Moment(self.hub.view()))
    }

    fn bounds(&self) -> Bounds {
        let reader = self.hub.reader();
        Bounds {
            oldest: reader.earliest(),
            newest: reader.head(),
        }
    }

    fn resume(&self, cursor: Cursor) -> Result<Resume, HistoryError> {
        Ok(match self.hub.reader().resume(cursor) {
            log::Resume::At(position) => Resume::At(position),
            log::Resume::Reset { reason, .. } => Resume::Reset(match reason {
                Reason::Expired => ResetReason::Expired,
                Reason::Lost => ResetReason::Lost,
                Reason::Epoch => ResetReason::Epoch,
                Reason::Ahead => ResetReason::Ahead,
            }),
        })
    }

    fn before_time(&self, time: Timestamp) -> Result<Position, HistoryError> {
        self.hub.reader().resolve_time(time).map_err(unavailable)
    }

    fn page_back(
        &self,
        before: Position,
        filter: &Filter,
        max_bytes: usize,
    ) -> Result<HistoryPage, HistoryError> {
        let page = self
            .hub
            .reader()
            .page_back(before, &limit(max_bytes), &|block| filter.may_pass(block));
        page.map(of).map_err(unavailable)
    }

    fn block(&self, position: Position) -> Result<Option<Arc<Block>>, HistoryError> {
        self.hub.reader().block_at(position).map_err(unavailable)
    }

    fn frame(&self, id: &FrameId) -> Result<Option<Bytes>, HistoryError> {
        self.hub.reader().frame(id).map_err(unavailable)
    }

    fn decode(&self, source: &SourceId, frame: &[u8]) -> Option<Value> {
        self.sources.adapter(source)?.decode(frame)
    }

    fn gaps(
        &self,
        source: &SourceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Gap>, HistoryError> {
        self.hub
            .reader()
            .gaps(source, from, to)
            .map_err(unavailable)
    }

    fn ended_call(&self, id: &EntityId) -> Result<Option<Position>, HistoryError> {
        let archived = self
            .hub
            .reader()
            .archived(Collection::Calls, id)
            .map_err(unavailable)?;
        Ok(archived.map(|archived| archived.position))
    }

    fn ended_calls(
        &self,
        since: Timestamp,
        before: Option<Position>,
        limit: usize,
    ) -> Result<EndedCalls, HistoryError> {
        let before = before.unwrap_or(Position(u64::MAX));
        let page = self
            .hub
            .reader()
            .archived_before(Collection::Calls, before, since, limit)
            .map_err(unavailable)?;
        Ok(EndedCalls {
            last: page
                .items
                .iter()
                .map(|archived| archived.position)
                .collect(),
            next: page.next,
        })
    }

    fn sources(&self) -> Vec<ConfiguredSource> {
        let mut all = Vec::new();
        self.sources.each(|id, adapter, required| {
            let descriptor = adapter.descriptor();
            all.push(ConfiguredSource {
                id: id.clone(),
                required,
                adapter: descriptor.adapter,
                capabilities: descriptor.capabilities.clone(),
                commands: descriptor.commands.clone(),
            });
        });
        all
    }

    fn reconnect(&self, source: &SourceId) -> bool {
        self.sources.reconnect(source)
    }

    async fn command(&self, order: Order) -> Result<Accepted, CommandError> {
        let Order {
            request,
            kind,
            params,
        } = order;
        let source = request.source.clone();
        let answer = self.hub.command(request).await;
        let accepted = answer
            .map_err(|_| CommandError::Stopped)?
            .map_err(CommandError::Rejected)?;
        if let Accepted::New { command, target } = &accepted {
            let order = adapter::Order {
                id: Text::clone(&command.id),
                kind,
                target: target.clone(),
                params,
            };
            if let Err(refusal) = self.sources.order(&source, order) {
                self.not_sent(source, &command.id, refusal).await;
            }
        }
        Ok(accepted)
    }

    fn kept_command(&self, id: &str) -> Result<Option<CommandRecord>, HistoryError> {
        self.hub.reader().command(id).map_err(unavailable)
    }

    fn keyed_command(&self, owner: &str, key: &str) -> Result<Option<CommandRecord>, HistoryError> {
        self.hub
            .reader()
            .command_of_key(owner, key)
            .map_err(unavailable)
    }

    fn health(&self) -> Health {
        let health = self.hub.health();
        Health {
            log_writable: health.log_writable,
            state_rebuilt: health.state_rebuilt,
        }
    }

    fn counters(&self, source: &SourceId) -> Option<Arc<Counters>> {
        self.sources.counters(source)
    }

    fn measures(&self, source: &SourceId) -> Vec<Measure> {
        self.sources.measures(source)
    }

    fn meters(&self) -> Arc<Meters> {
        Arc::clone(self.hub.meters())
    }
}

/// A view of the hub.
struct Moment(Arc<hub::View>);

impl View for Moment {
    fn position(&self) -> Position {
        self.0.position
    }

    fn scan(
        &self,
        collection: Collection,
        parent: Option<&EntityId>,
        after: Option<&str>,
        each: &mut dyn FnMut(&Item) -> ControlFlow<()>,
    ) {
        let within = parent.map(|parent| format!("{parent}/"));
        let start = after.or(within.as_deref()).unwrap_or_default();
        let walk = Walk {
            at: &self.0.entities,
            from: EntityId::from_text(start),
            within,
        };
        self.walk(collection, &walk, &mut |item| {
            // The walk begins with the one that the last page ended with.
            if after == Some(&*item.id) {
                ControlFlow::Continue(())
            } else {
                each(item)
            }
        });
    }

    fn find(&self, collection: Collection, parent: Option<&EntityId>, id: &str) -> Option<Item> {
        let id = match parent {
            None => id.to_owned(),
            Some(parent) => format!("{parent}/{collection}/{id}"),
        };
        let id = EntityId::from_text(&id);
        let mut found = None;
        self.walk(
            collection,
            &Walk {
                at: &self.0.entities,
                from: id.clone(),
                within: None,
            },
            &mut |item| {
                found = (*item.id == *id.as_str()).then(|| item.clone());
                ControlFlow::Break(())
            },
        );
        found
    }
}

impl Moment {
    fn walk(
        &self,
        collection: Collection,
        walk: &Walk<'_>,
        each: &mut dyn FnMut(&Item) -> ControlFlow<()>,
    ) {
        let at = &self.0.entities;
        match collection {
            Collection::Calls => walk.table(&at.calls, Entity::Call, each),
            Collection::Extensions => walk.table(&at.extensions, Entity::Extension, each),
            Collection::Users => walk.table(&at.users, Entity::User, each),
            Collection::Devices => walk.table(&at.devices, Entity::Device, each),
            Collection::Agents => walk.table(&at.agents, Entity::Agent, each),
            Collection::Queues => walk.table(&at.queues, Entity::Queue, each),
            Collection::Callers => walk.table(&at.callers, Entity::Caller, each),
            Collection::Trunks => walk.table(&at.trunks, Entity::Trunk, each),
            Collection::Conferences => walk.table(&at.conferences, Entity::Conference, each),
            Collection::Participants => walk.table(&at.participants, Entity::Participant, each),
            Collection::Sources => walk.table(&at.sources, Entity::Source, each),
            Collection::Recordings
            | Collection::Voicemails
            | Collection::Cdrs
            | Collection::Commands
            | Collection::Webhooks => {}
        }
    }
}

/// A way through a table, in order of id.
struct Walk<'a> {
    at: &'a Entities,
    /// The first id, if it exists.
    from: EntityId,
    /// What all ids begin with.
    within: Option<String>,
}

impl Walk<'_> {
    fn table<T: Serialize>(
        &self,
        table: &Table<T>,
        wrap: fn(Arc<T>) -> Entity,
        each: &mut dyn FnMut(&Item) -> ControlFlow<()>,
    ) {
        for (id, stored) in table.range(self.from.clone()..) {
            let below = |within: &String| id.as_str().starts_with(within.as_str());
            if !self.within.as_ref().is_none_or(below)
                || each(&self.item(id.text(), stored, wrap)).is_break()
            {
                return;
            }
        }
    }

    fn item<T: Serialize>(&self, id: Text, stored: &Stored<T>, wrap: fn(Arc<T>) -> Entity) -> Item {
        let entity = wrap(Arc::clone(&stored.entity));
        let below = match entity.collection() {
            Collection::Callers => id.split_once("/callers/"),
            Collection::Participants => id.split_once("/participants/"),
            _ => None,
        };
        Item {
            parent: below.map(|(parent, _)| EntityId::from_text(parent)),
            source: stored.source.as_str().into(),
            tenant: stored.tenant.clone(),
            freshness: match self.at.freshness(stored) {
                state::Freshness::Live => Freshness::Live,
                state::Freshness::Stale => Freshness::Stale,
                state::Freshness::Unconfirmed => Freshness::Unconfirmed,
            },
            json: stored.json().clone(),
            id,
            entity,
        }
    }
}

fn of(page: log::Page) -> HistoryPage {
    HistoryPage {
        blocks: page.blocks,
        scanned_to: page.scanned_to,
    }
}

fn limit(max_bytes: usize) -> Limit {
    Limit {
        bytes: max_bytes,
        events: usize::MAX,
        time: PAGE_TIME,
    }
}

fn unavailable(error: LogError) -> HistoryError {
    match error {
        LogError::Expired { after, .. } => HistoryError::Expired(after),
        error => HistoryError::Unavailable(error.into()),
    }
}
