//! Snapshots: lists of what exists, compared with what is known.

use std::collections::HashSet;

use model::{
    Agent, Call, Caller, Collection, Device, EntityId, EventType, Extension, OriginKind,
    Participant, Queue, Recording, SourceId, Text, Trunk, TrunkState, User,
    observation::{Ref, Scope},
};

use super::{
    State, entities,
    keep::{Kept, Saying},
    mark::{Mark, Turn},
};

/// A list that is being told, and what it has named so far.
#[derive(Debug)]
pub(super) struct Listing {
    scope: Scope,
    named: HashSet<EntityId>,
}

/// The most lists of a source that may be open at once; the oldest is given up.
const MAX_OPEN: usize = 64;

/// The most entities that a list may name.
const MAX_NAMED: usize = 1_000_000;

impl State {
    pub(super) fn snapshot_begins(&mut self, turn: &Turn<'_>, scope: &Scope) {
        let Some(track) = self.sources.get_mut(&turn.mark.source) else {
            return;
        };
        track.listings.retain(|listing| listing.scope != *scope);
        if track.listings.len() >= MAX_OPEN {
            track.listings.remove(0);
        }
        track.listings.push(Listing {
            scope: scope.clone(),
            named: HashSet::new(),
        });
    }

    /// What a complete list did not name is gone. What any other did not name stays unconfirmed.
    pub(super) fn snapshot_ends(&mut self, turn: &mut Turn<'_>, scope: &Scope) {
        let Some(track) = self.sources.get_mut(&turn.mark.source) else {
            return;
        };
        let found = track
            .listings
            .iter()
            .position(|listing| listing.scope == *scope);
        let Some(index) = found else { return };
        let listing = track.listings.remove(index);
        if !scope.complete {
            return;
        }
        self.settle_touched(turn);
        let kind = self.snapshot_kind(&turn.mark.source);
        let mut mark = Mark::own(&turn.mark.source, turn.now, kind, "not_listed");
        mark.tenant.clone_from(&turn.mark.tenant);
        turn.under(mark, |turn| self.vanish(turn, &listing));
    }

    pub(super) fn vanish(&mut self, turn: &mut Turn<'_>, listing: &Listing) {
        let removed: Text = "removed".into();
        match listing.scope.collection {
            Collection::Calls => {
                for id in self.missing::<Call>(turn, listing, |_, _, _| false) {
                    let Some(mut slot) = self.calls.remove(&id) else {
                        continue;
                    };
                    let mark = turn.mark.clone();
                    self.end_lost(turn, &mut slot, mark);
                    self.keep_call(turn, slot);
                }
            }
            Collection::Extensions => {
                for id in self.missing::<Extension>(turn, listing, |_, _, _| false) {
                    self.delete_extension(turn, &id);
                }
            }
            Collection::Queues => {
                for id in self.missing::<Queue>(turn, listing, |_, _, _| false) {
                    self.delete_queue(turn, &id);
                }
            }
            Collection::Users => {
                for id in self.missing::<User>(turn, listing, |_, _, _| false) {
                    self.close::<User>(turn, &id, EventType::UserDeleted);
                }
            }
            Collection::Devices => {
                for id in self.missing::<Device>(turn, listing, |_, _, _| false) {
                    self.close::<Device>(turn, &id, EventType::DeviceUnregistered);
                }
            }
            Collection::Agents => {
                for id in
                    self.missing::<Agent>(turn, listing, |_, agent, queue| agent.queue.id == *queue)
                {
                    self.remove_agent(turn, &id);
                }
            }
            Collection::Callers => {
                for id in self
                    .missing::<Caller>(turn, listing, |_, caller, queue| caller.queue.id == *queue)
                {
                    self.remove_caller(turn, &id, &removed);
                }
            }
            Collection::Participants => {
                for id in self.missing::<Participant>(turn, listing, |id, _, conference| {
                    id.as_str().starts_with(&format!("{conference}/"))
                }) {
                    self.remove_participant(turn, &id);
                }
            }
            Collection::Trunks => {
                for id in self.missing::<Trunk>(turn, listing, |_, _, _| false) {
                    let at = Ref::id(id.key());
                    let state = TrunkState::Disconnected;
                    self.trunk(turn, &at, state, None, &model::Native::new());
                }
            }
            Collection::Recordings => {
                for id in self.missing::<Recording>(turn, listing, |_, _, _| false) {
                    self.close::<Recording>(turn, &id, EventType::RecordingEnded);
                }
            }
            Collection::Conferences
            | Collection::Voicemails
            | Collection::Cdrs
            | Collection::Sources
            | Collection::Commands
            | Collection::Webhooks => {}
        }
    }

    /// All that a source ever told of is gone, because the source is.
    pub(super) fn vanish_all(&mut self, turn: &mut Turn<'_>) {
        for collection in [
            Collection::Calls,
            Collection::Callers,
            Collection::Agents,
            Collection::Participants,
            Collection::Recordings,
            Collection::Devices,
            Collection::Users,
            Collection::Queues,
            Collection::Extensions,
        ] {
            self.vanish(turn, &everything(collection));
        }
        let trunks = everything(Collection::Trunks);
        for id in self.missing::<Trunk>(turn, &trunks, |_, _, _| false) {
            self.close::<Trunk>(turn, &id, EventType::TrunkDisconnected);
        }
        self.settle_touched(turn);
    }

    pub(super) fn close<T: Kept>(&mut self, turn: &mut Turn<'_>, id: &EntityId, kind: EventType) {
        if let Some(entity) = self.get::<T>(id) {
            let saying = Saying {
                closes: true,
                ..Saying::default()
            };
            self.publish(turn, kind, id, (*entity).clone(), saying);
        }
    }

    /// What is known within the scope of a list and was not named by it. `below` tells whether an entity is part of
    /// the queue or conference that the scope is limited to.
    pub(super) fn missing<T: Kept>(
        &self,
        turn: &Turn<'_>,
        listing: &Listing,
        below: fn(&EntityId, &T, &EntityId) -> bool,
    ) -> Vec<EntityId> {
        let source = &turn.mark.source;
        let scope = &listing.scope;
        let tenant = scope.tenant.as_ref();
        let tenant = tenant.map(|tenant| self.settings(source).tenant(tenant));
        let within = scope.within.as_ref();
        let within = within.map(|at| self.scope_id(source, tenant.as_ref(), listing, at));
        entities::below(T::table(&self.view), &format!("{source}:"))
            .filter(|(_, stored)| tenant.is_none() || stored.tenant == tenant)
            .filter(|(id, stored)| match &within {
                Some(Some(within)) => below(id, &stored.entity, within),
                Some(None) => false,
                None => true,
            })
            .map(|(id, _)| id.clone())
            .filter(|id| !listing.named.contains(id))
            .collect()
    }

    pub(super) fn scope_id(
        &self,
        source: &SourceId,
        tenant: Option<&Text>,
        listing: &Listing,
        at: &Ref,
    ) -> Option<EntityId> {
        let collection = match listing.scope.collection {
            Collection::Participants => Collection::Conferences,
            _ => Collection::Queues,
        };
        let known = |id: &EntityId| {
            self.view.queues.contains_key(id) || self.view.conferences.contains_key(id)
        };
        match self.names.find(collection, source, tenant, at, known)? {
            super::refs::Found::Known(id, _) | super::refs::Found::New(id) => Some(id),
        }
    }

    /// A list that is open has named an entity.
    pub(super) fn confirm(&mut self, turn: &Turn<'_>, id: &EntityId) {
        if let Some(track) = self.sources.get_mut(&turn.mark.source) {
            for listing in &mut track.listings {
                listing.named.insert(id.clone());
            }
            // A list that never ends is none.
            track
                .listings
                .retain(|listing| listing.named.len() < MAX_NAMED);
        }
    }

    /// How the events of an open list are marked; none when no list is open.
    pub(super) fn listing_kind(&self, source: &SourceId) -> Option<OriginKind> {
        let open = !self.sources.get(source)?.listings.is_empty();
        open.then(|| self.snapshot_kind(source))
    }

    pub(super) fn snapshot_kind(&self, source: &SourceId) -> OriginKind {
        if self.gap_end(source) == model::Timestamp::default() {
            OriginKind::Snapshot
        } else {
            OriginKind::Reconciled
        }
    }
}

/// A complete list that names nothing.
fn everything(collection: Collection) -> Listing {
    let scope = Scope {
        collection,
        tenant: None,
        within: None,
        complete: true,
    };
    let named = HashSet::new();
    Listing { scope, named }
}
