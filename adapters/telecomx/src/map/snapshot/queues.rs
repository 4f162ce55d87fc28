//! Queues with their members and callers.

use std::collections::HashSet;

use model::{
    Basis, CallerState, Collection, Fact, Text,
    observation::{AgentPatch, CallerFact, Ref, Scope},
};

use super::Translator;
use crate::{
    map::{
        queue::queue_patch,
        read::{self, flag, number, queued_leg, text, time},
        session::leg_id,
        tell::Telling,
        words,
    },
    wire::{self, rest},
};

impl Translator {
    pub(super) fn queues(&mut self, tell: &mut Telling, queues: Vec<rest::Queue<'_>>) {
        let mut named = HashSet::new();
        let mut facts = Vec::new();
        for queue in &queues {
            if let Some(id) = text(&queue.id) {
                named.insert(Text::from(id));
                facts.push(self.queue_fact(id, queue));
            }
        }
        let spared: Vec<Fact> = self
            .sync
            .touched_keys()
            .filter(|id| !named.contains(*id) && self.directory.knows_queue(id))
            .map(|id| Fact::Queue {
                at: self.directory.queue_ref(id),
                action: None,
                patch: Box::default(),
            })
            .collect();
        let facts = facts.into_iter().chain(spared);
        self.list(tell, Collection::Queues, "snapshot.queue", facts);
        for queue in queues {
            let _ = self.queue_people(tell, queue);
        }
    }

    /// A queue with its members and callers.
    pub(super) fn queue_listed(
        &mut self,
        tell: &mut Telling,
        queue: rest::Queue<'_>,
    ) -> Option<()> {
        let id: Text = text(&queue.id)?.into();
        let fact = self.queue_fact(&id, &queue);
        tell.native("snapshot.queue", fact);
        self.queue_people(tell, queue)
    }

    fn queue_fact(&mut self, id: &str, queue: &rest::Queue<'_>) -> Fact {
        self.directory.learn_queue(id, read::shared(&queue.number));
        let mut patch = queue_patch(id, read::shared(&queue.name));
        patch
            .native
            .set("strategy", text(&queue.strategy).unwrap_or(""));
        Fact::Queue {
            at: self.directory.queue_ref(id),
            action: None,
            patch: Box::new(patch),
        }
    }

    fn queue_people(&mut self, tell: &mut Telling, queue: rest::Queue<'_>) -> Option<()> {
        let id: Text = text(&queue.id)?.into();
        let within = self.directory.queue_ref(&id);
        if let Some(members) = rest::members(queue.members) {
            self.members(tell, &id, &within, &members);
        }
        if let Some(callers) = rest::list::<rest::Caller<'_>>(queue.callers) {
            self.callers(tell, &id, &within, &callers);
        }
        Some(())
    }

    fn members(
        &mut self,
        tell: &mut Telling,
        queue: &Text,
        within: &Ref,
        members: &[wire::Member<'_>],
    ) {
        let scope = Scope {
            collection: Collection::Agents,
            tenant: tell.tenant.clone(),
            within: Some(within.clone()),
            complete: !self.sync.is_overrun(),
        };
        tell.native("snapshot.member", Fact::SnapshotBegin(scope.clone()));
        let mut named: HashSet<Text> = HashSet::new();
        for member in members {
            let key = text(&member.extension)
                .or(text(&member.number))
                .or(text(&member.id));
            let Some(key) = key else {
                continue;
            };
            named.insert(key.into());
            let touched = self.sync.is_touched(&format!("{key}@{queue}"));
            if touched && !self.directory.is_member(key, queue) {
                continue;
            }
            self.member(tell, queue, member, true, "snapshot.member");
        }
        let spared: Vec<Text> = self
            .directory
            .members_of(queue)
            .filter(|id| !named.contains(*id) && self.sync.is_touched(&format!("{id}@{queue}")))
            .cloned()
            .collect();
        let gone: Vec<Text> = self
            .directory
            .members_of(queue)
            .filter(|id| !named.contains(*id) && !spared.contains(id))
            .cloned()
            .collect();
        for id in spared {
            let fact = Fact::Agent {
                extension: self.directory.extension_ref(&id),
                queue: within.clone(),
                patch: Box::<AgentPatch>::default(),
            };
            tell.native("snapshot.member", fact);
        }
        if scope.complete {
            for id in gone {
                self.directory.member(&id, queue, false);
            }
        }
        tell.native("snapshot.member", Fact::SnapshotEnd(scope));
    }

    /// Who waits. Only what the second list since the link came does not name either is gone.
    fn callers(
        &mut self,
        tell: &mut Telling,
        queue: &Text,
        within: &Ref,
        callers: &[rest::Caller<'_>],
    ) {
        let scope = Scope {
            collection: Collection::Callers,
            tenant: tell.tenant.clone(),
            within: Some(within.clone()),
            complete: self.sync.round == 2 && !self.sync.is_overrun(),
        };
        tell.native("snapshot.caller", Fact::SnapshotBegin(scope.clone()));
        for caller in callers {
            let leg = text(&caller.id)
                .and_then(queued_leg)
                .map(|(server, channel)| leg_id(server, channel));
            let call = text(&caller.session_id)
                .map(|told| self.sessions.resolve(told))
                .or_else(|| self.sessions.of_leg(leg.as_ref()?));
            let Some(key) = call.clone().or_else(|| read::shared(&caller.id)) else {
                continue;
            };
            if let (Some(call), Some(leg)) = (&call, &leg) {
                self.confirm_leg(call, leg);
            }
            if self.sync.is_touched(&key) {
                continue;
            }
            let mut party = self
                .directory
                .party(text(&caller.number), text(&caller.name), None);
            party.private = flag(&caller.privacy).unwrap_or(false);
            let entered = time(&caller.entered);
            let fact = Fact::Caller(Box::new(CallerFact {
                queue: within.clone(),
                key,
                call: call.filter(|key| self.sessions.get(key).is_some()),
                party,
                position: number(&caller.position),
                state: text(&caller.state)
                    .and_then(words::waits)
                    .unwrap_or(CallerState::Waiting),
                entered_at: entered,
            }));
            tell.say(Basis::Native, "snapshot.caller", entered, fact);
        }
        // Who came meanwhile need not be listed. The hub knows him by queue and key.
        let spared: Vec<(Text, model::Party)> = self
            .sync
            .touched_keys()
            .filter_map(|key| self.sessions.get(key))
            .filter(|session| session.waits_in.as_ref() == Some(queue))
            .map(|session| {
                let party = session.patch.caller.clone().unwrap_or_default();
                (session.key.clone(), party)
            })
            .collect();
        for (key, party) in spared {
            let fact = Fact::Caller(Box::new(CallerFact {
                queue: within.clone(),
                key: key.clone(),
                call: Some(key),
                party,
                position: None,
                state: CallerState::Waiting,
                entered_at: None,
            }));
            tell.native("snapshot.caller", fact);
        }
        tell.native("snapshot.caller", Fact::SnapshotEnd(scope));
    }
}
