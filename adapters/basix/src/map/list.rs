//! Lists: all entities of an element, as the PBX tells them after connecting. What is not on them is gone.

use std::collections::BTreeSet;

use adapter::Output;
use model::{
    Basis, Cause, Collection, End, EndedBy, Fact, Now, Outcome, Text,
    observation::{CallPatch, Scope},
};

use super::{Translator, leg::Sight, read, tell::Telling};
use crate::wire::{Body, Element, Entity, FieldSpec, Terms};

impl Translator {
    /// A list: one report for its begin, one for each row, one for its end.
    pub(super) fn listed(&mut self, spec: &FieldSpec, rows: Terms<'_>, now: Now, out: &mut Output) {
        let element = &spec.element;
        let event = format!("{element}.initial_info");
        let collections = collections(element);
        let mut begin = self.telling(&event, now);
        for collection in collections {
            begin.native("initial_info", Fact::SnapshotBegin(all(*collection)));
        }
        begin.finish_bare(out);
        self.before_list(element);
        let mut rows: Vec<Option<Entity<'_>>> = rows.map(|row| spec.entity(row)).collect();
        // The legs that calls begin with come first, so that the others find their calls.
        rows.sort_by_key(|row| row.as_ref().map(age));
        for row in rows {
            let mut tell = self.telling(&event, now);
            match row {
                Some(entity) => {
                    self.entity(&mut tell, spec, &entity, None);
                    tell.finish(&entity, self.include_native, out);
                }
                None => {
                    tell.unrecognized(&format!("entity:{element}"));
                    tell.finish(&element.as_str(), true, out);
                }
            }
        }
        let mut end = self.telling(&event, now);
        self.after_list(&mut end, element);
        for collection in collections {
            end.native("initial_info", Fact::SnapshotEnd(all(*collection)));
        }
        self.sync.listed(element, now);
        if matches!(element, Element::Channel) {
            self.tell_all_busy(&mut end);
        }
        end.finish_bare(out);
    }

    fn before_list(&mut self, element: &Element) {
        match element {
            Element::User => self.directory.forget_users(),
            Element::Group => self.directory.forget_groups(),
            Element::GroupMember => self.directory.forget_members(),
            Element::Channel => self.monitors_seen.clear(),
            Element::ChannelWaiting => self.waiting_seen.clear(),
            _ => {}
        }
    }

    fn after_list(&mut self, tell: &mut Telling, element: &Element) {
        match element {
            Element::Channel => self.after_channels(tell),
            Element::ChannelWaiting => self.after_waiting(tell),
            _ => {}
        }
    }

    /// Legs that are not listed have ended meanwhile. Calls of which no leg is left are not named, and so are gone.
    fn after_channels(&mut self, tell: &mut Telling) {
        self.early_removed = None;
        let lost = || {
            End::new(
                Cause::SourceLost,
                Outcome::Unknown,
                EndedBy::Unknown,
                Basis::Inferred,
            )
        };
        let gone = self.calls.unconfirmed();
        for uuid in &gone {
            let alive = self
                .calls
                .leg(uuid)
                .and_then(|leg| self.calls.call(&leg.call))
                .is_some_and(|call| {
                    self.calls
                        .legs_of(call)
                        .any(|leg| leg.is_open() && leg.sight != Sight::Before)
                });
            if alive {
                self.leg_over(tell, uuid, lost(), None);
            }
        }
        let unheard: Vec<Text> = self
            .monitors
            .keys()
            .filter(|uuid| !self.monitors_seen.contains(*uuid))
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        for uuid in unheard {
            self.stop_monitor(tell, &uuid, None);
            self.monitors.remove(&uuid);
        }
        for key in self.calls.keys() {
            let open = |leg: &super::leg::Leg| leg.is_open() && leg.sight != Sight::Before;
            let alive = self
                .calls
                .call(&key)
                .is_some_and(|call| self.calls.legs_of(call).any(open));
            if alive {
                // Named, so that the list is known to hold it.
                let fact = Fact::Call {
                    call: key,
                    opens: false,
                    patch: Box::new(CallPatch::default()),
                };
                tell.native("initial_info", fact);
            } else {
                self.calls.forget(&key);
            }
        }
    }

    /// Nobody waits who is not listed.
    fn after_waiting(&mut self, tell: &mut Telling) {
        for key in self.calls.keys() {
            let Some(call) = self.calls.call_mut(&key) else {
                continue;
            };
            let seen = &self.waiting_seen;
            call.waits.take_if(|waits| !seen.contains(&waits.leg));
            let hidden = self.calls.call(&key).is_some_and(|call| {
                self.calls.legs_of(call).any(|leg| {
                    leg.is_open() && leg.sight == Sight::Waiting && !seen.contains(&leg.uuid)
                })
            });
            if hidden {
                self.calls.set_grace(&key, tell.now.mono);
            }
        }
    }

    /// A leg was told to be over before the list of legs came, which may still hold it.
    pub(super) fn removed_early(&mut self, uuid: &Text) {
        const MOST: usize = 10_000;
        if let Some(early) = self
            .early_removed
            .as_mut()
            .filter(|early| early.len() < MOST)
        {
            early.insert(uuid.clone());
        }
    }
}

/// What a list of an element lists.
fn collections(element: &Element) -> &'static [Collection] {
    match element {
        Element::Channel => &[Collection::Calls],
        Element::ChannelWaiting => &[Collection::Callers],
        Element::User => &[Collection::Extensions, Collection::Users],
        Element::Group => &[Collection::Queues],
        Element::GroupMember => &[Collection::Agents],
        Element::Terminal => &[Collection::Devices],
        Element::QueuedChannel | Element::ParkedChannel | Element::Domain | Element::Other(_) => {
            &[]
        }
    }
}

fn all(collection: Collection) -> Scope {
    Scope {
        collection,
        tenant: None,
        within: None,
        complete: true,
    }
}

/// Inbound legs before those that the PBX made for them, the oldest first.
fn age(row: &Entity<'_>) -> (bool, Option<i64>, Option<Text>) {
    match &row.body {
        Body::Channel(channel) => (
            channel.direction.as_deref() == Some("outbound"),
            channel.offer_timestamp,
            read::id(&channel.uuid),
        ),
        _ => (false, None, None),
    }
}
