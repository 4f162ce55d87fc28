//! An index over filters: an event is tested against those that could let it pass, not against all there are.
//!
//! Every filter is filed under its most selective list. Because the events that tell how complete a stream is pass
//! that list unasked, it is filed under their types as well.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use model::EventType;
use smallvec::SmallVec;

use super::Filter;
use crate::block::{Entry, Key};

/// Filters, each with the number under which its owner knows it.
#[derive(Debug)]
pub struct FilterIndex {
    filters: Vec<Option<Filed>>,
    by_key: HashMap<(List, Key), SmallVec<[u32; 2]>>,
    by_type: Vec<Vec<u32>>,
    /// How many filters are filed under each list, so that lists nobody uses cost no look-up.
    used: [usize; 5],
    round: u64,
}

#[derive(Debug)]
struct Filed {
    filter: Arc<Filter>,
    /// The last event for which this one was looked at: several keys of an event may lead to one filter.
    seen: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum List {
    Subject,
    Extension,
    Queue,
    Tenant,
    Source,
}

impl Default for FilterIndex {
    fn default() -> Self {
        Self {
            filters: Vec::new(),
            by_key: HashMap::new(),
            by_type: vec![Vec::new(); EventType::ALL.len()],
            used: [0; 5],
            round: 0,
        }
    }
}

impl FilterIndex {
    /// Files a filter under a number that is free. Numbers should be dense.
    pub fn insert(&mut self, number: u32, filter: Arc<Filter>) {
        let at = number as usize;
        if self.filters.len() <= at {
            self.filters.resize_with(at + 1, || None);
        }
        self.remove(number);
        match home(&filter) {
            Some((list, keys)) => {
                self.used[list as usize] += 1;
                for key in keys {
                    self.by_key.entry((list, key)).or_default().push(number);
                }
            }
            None => {
                for kind in filter.types().iter() {
                    self.by_type[kind.index()].push(number);
                }
            }
        }
        if is_passed_unasked(&filter) {
            for kind in filter
                .types()
                .iter()
                .filter(|kind| kind.tells_completeness())
            {
                self.by_type[kind.index()].push(number);
            }
        }
        self.filters[at] = Some(Filed { filter, seen: 0 });
    }

    /// Takes a filter out again.
    pub fn remove(&mut self, number: u32) {
        let Some(filed) = self.filters.get_mut(number as usize).and_then(Option::take) else {
            return;
        };
        match home(&filed.filter) {
            Some((list, keys)) => {
                self.used[list as usize] -= 1;
                for key in keys {
                    if let Some(numbers) = self.by_key.get_mut(&(list, key)) {
                        numbers.retain(|other| *other != number);
                        if numbers.is_empty() {
                            self.by_key.remove(&(list, key));
                        }
                    }
                }
            }
            None => self.unfile(number, filed.filter.types().iter()),
        }
        if is_passed_unasked(&filed.filter) {
            let kinds = filed
                .filter
                .types()
                .iter()
                .filter(|kind| kind.tells_completeness());
            self.unfile(number, kinds);
        }
    }

    /// Calls `found` once with the number of each filter that lets the event pass.
    pub fn find(&mut self, entry: &Entry, mut found: impl FnMut(u32)) {
        self.round += 1;
        let Self {
            filters,
            by_key,
            by_type,
            used,
            round,
        } = self;
        let mut look = |numbers: &[u32]| {
            for number in numbers {
                if let Some(Some(filed)) = filters.get_mut(*number as usize)
                    && filed.seen != *round
                {
                    filed.seen = *round;
                    if filed.filter.passes(entry) {
                        found(*number);
                    }
                }
            }
        };
        look(&by_type[entry.kind.index()]);
        let mut look_up = |list: List, keys: &[Key]| {
            if used[list as usize] > 0 {
                for key in keys {
                    if let Some(numbers) = by_key.get(&(list, *key)) {
                        look(numbers);
                    }
                }
            }
        };
        look_up(List::Subject, &[entry.subject]);
        look_up(List::Extension, &entry.extensions);
        look_up(List::Queue, &entry.queues);
        if let Some(tenant) = &entry.tenant
            && used[List::Tenant as usize] > 0
        {
            look_up(List::Tenant, &[Key::of(tenant)]);
        }
        if let Some(source) = &entry.source
            && used[List::Source as usize] > 0
        {
            look_up(List::Source, &[Key::of(source.as_str())]);
        }
    }

    fn unfile(&mut self, number: u32, kinds: impl Iterator<Item = EventType>) {
        for kind in kinds {
            self.by_type[kind.index()].retain(|other| *other != number);
        }
    }
}

/// The most selective list of a filter.
fn home(filter: &Filter) -> Option<(List, Vec<Key>)> {
    let texts = |texts: &[model::Text]| texts.iter().map(|text| Key::of(text)).collect();
    None.or_else(|| filter.subjects().map(|keys| (List::Subject, keys.to_vec())))
        .or_else(|| {
            filter
                .extensions()
                .map(|keys| (List::Extension, keys.to_vec()))
        })
        .or_else(|| filter.queues().map(|keys| (List::Queue, keys.to_vec())))
        .or_else(|| {
            filter
                .tenants()
                .map(|tenants| (List::Tenant, texts(tenants)))
        })
        .or_else(|| {
            filter
                .sources()
                .map(|sources| (List::Source, texts(sources)))
        })
}

/// True when the list it is filed under is one that [`EventType::tells_completeness`] passes.
fn is_passed_unasked(filter: &Filter) -> bool {
    home(filter).is_some_and(|(list, _)| list != List::Source)
}
