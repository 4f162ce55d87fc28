//! Going on after a restart: everything that follows from entities and memo is made again.

use std::sync::Arc;

use model::{Call, Collection, Now, OriginKind, SourceId};

use super::{
    Archive, SOURCE_REMOVED, State, Stored,
    call::{Ending, Remembered, Slot},
    mark::{Mark, Turn},
    timers::Due,
};
use crate::draft::Draft;

impl State {
    /// Goes on after a restart: deadlines run again, what was connected no longer is, and what is configured no more ends.
    pub fn restarted(&mut self, now: Now, archive: &mut dyn Archive, out: &mut Vec<Draft>) {
        self.rebuild(now);
        let configured = self.sources.keys().next().cloned();
        let left = || {
            let ids = self.view.sources.keys();
            ids.filter_map(|id| SourceId::new(id.as_str()).ok()).next()
        };
        let Some(any) = configured.or_else(left) else {
            return;
        };
        let mark = Mark::own(&any, now, OriginKind::Gateway, "restart");
        let mut turn = Turn {
            now,
            mark,
            archive,
            out,
        };
        self.lose_all_commands(&mut turn);
        self.disconnect_all(&mut turn);
        self.drop_unconfigured(&mut turn);
    }

    /// Closes what is left of sources that were taken out of the configuration meanwhile.
    pub(super) fn drop_unconfigured(&mut self, turn: &mut Turn<'_>) {
        let ids = self.view.sources.keys();
        let gone: Vec<SourceId> = ids
            .filter_map(|id| SourceId::new(id.as_str()).ok())
            .filter(|id| !self.sources.contains_key(id))
            .collect();
        for id in gone {
            let mark = Mark::own(&id, turn.now, OriginKind::Gateway, SOURCE_REMOVED);
            turn.under(mark, |turn| self.drop_source(turn, &id));
        }
    }

    /// Makes everything that follows from entities and memo.
    pub(super) fn rebuild(&mut self, now: Now) {
        self.restored.now = Some(now);
        self.learn_names();
        self.recount();
        let mut remembered = std::mem::take(&mut self.restored.calls);
        let open: Vec<Arc<Stored<Call>>> = self.view.calls.values().cloned().collect();
        for stored in open {
            let id = stored.entity.id.clone();
            let note = remembered.remove(&id);
            self.count_open(&stored.source, 1);
            self.rebuild_call(now, &stored, note);
        }
        for (id, (call, recorded)) in std::mem::take(&mut self.restored.ended) {
            let mut slot = Box::new(Slot::new((*call).clone(), recorded));
            self.involve_call(&mut slot);
            let mono = self.mono_at(recorded);
            self.remember_ended(mono, &slot);
            self.calls.insert(id, slot);
        }
        self.look_after_all(now);
        for (id, caller) in &self.view.callers {
            if let Some(call) = &caller.entity.call {
                let waiters = self.waiters.entry(call.clone()).or_default();
                waiters.push(id.clone());
                if let Some(slot) = self.calls.get_mut(call) {
                    slot.waiting.push(id.clone());
                }
            }
        }
    }

    pub(super) fn rebuild_call(
        &mut self,
        now: Now,
        stored: &Stored<Call>,
        note: Option<Remembered>,
    ) {
        let mut slot = Box::new(Slot::new((*stored.entity).clone(), stored.seen));
        self.involve_call(&mut slot);
        let max_age = self.settings(&stored.source).max_call_age;
        slot.age = Some(self.mono_at(stored.seen.after(max_age)));
        if let Some(note) = note {
            let kind = OriginKind::Native;
            slot.ending = note.ending.clone().map(|ending| Ending {
                end: ending.end,
                time: ending.time,
                deadline: self.mono_at(ending.deadline),
                mark: Mark::own(&stored.source, now, kind, ""),
            });
            slot.grace = note.grace.map(|grace| self.mono_at(grace));
            slot.holds = note.holds.clone().unwrap_or_default();
            slot.routes.clone_from(&note.routes);
            slot.transfers.clone_from(&note.transfers);
            slot.omitted.clone_from(&note.omitted);
            for key in &note.extensions {
                slot.involved.extension(*key);
            }
            for key in &note.queues {
                slot.involved.queue(*key);
            }
            slot.remembered = Some(note);
        }
        slot.armed = slot.deadline();
        if let Some(at) = slot.armed {
            self.timers.arm(at, Due::Call(slot.call.id.clone()));
        }
        self.calls.insert(slot.call.id.clone(), slot);
    }

    pub(super) fn learn_names(&mut self) {
        for (id, stored) in &self.view.extensions {
            let (source, tenant) = (&stored.source, stored.tenant.as_ref());
            let number = &stored.entity.number;
            self.names
                .learn_number(Collection::Extensions, source, tenant, number, id);
        }
        for (id, stored) in &self.view.queues {
            if let Some(number) = &stored.entity.number {
                let (source, tenant) = (&stored.source, stored.tenant.as_ref());
                self.names
                    .learn_number(Collection::Queues, source, tenant, number, id);
            }
        }
        for (id, stored) in &self.view.trunks {
            if let Some(name) = &stored.entity.name {
                let (source, tenant) = (&stored.source, stored.tenant.as_ref());
                self.names
                    .learn_number(Collection::Trunks, source, tenant, name, id);
            }
        }
        for (id, stored) in &self.view.conferences {
            if let Some(name) = &stored.entity.name {
                let (source, tenant) = (&stored.source, stored.tenant.as_ref());
                self.names
                    .learn_number(Collection::Conferences, source, tenant, name, id);
            }
        }
    }
}
