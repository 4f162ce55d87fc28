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

#[cfg(test)]
mod tests {
    use model::SourceId;
    use proptest::{prelude::*, sample::select};

    use super::*;
    use crate::filter::{FilterSpec, Narrowing, TypeSet, fixture};

    const KINDS: [EventType; 5] = [
        EventType::CallRinging,
        EventType::CallEnded,
        EventType::LegStarted,
        EventType::SourceGap,
        EventType::SourceDegraded,
    ];

    proptest! {
        #[test]
        fn the_index_finds_what_testing_all_finds(
            filters in prop::collection::vec(filter(), 1..30),
            replaced in prop::collection::vec((0..30usize, prop::option::of(filter())), 0..10),
            entries in prop::collection::vec(entry(), 1..30),
        ) {
            let mut index = FilterIndex::default();
            let mut naive: Vec<Option<Filter>> = filters.into_iter().map(Some).collect();
            for (number, filter) in naive.iter().enumerate() {
                index.insert(number as u32, Arc::new(filter.clone().unwrap()));
            }
            for (number, filter) in replaced {
                let number = number % naive.len();
                match &filter {
                    Some(filter) => index.insert(number as u32, Arc::new(filter.clone())),
                    None => index.remove(number as u32),
                }
                naive[number] = filter;
            }
            for entry in entries {
                let mut found = Vec::new();
                index.find(&entry, |number| found.push(number as usize));
                found.sort_unstable();
                let passes = |filter: &Option<Filter>| filter.as_ref().is_some_and(|filter| filter.passes(&entry));
                let expected: Vec<usize> = (0..naive.len()).filter(|number| passes(&naive[*number])).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn an_event_is_not_tested_against_filters_that_name_others() {
        let mut index = FilterIndex::default();
        for number in 0..10_000 {
            let extension = number.to_string();
            let spec = fixture::spec(&[("extensions", &extension)]);
            index.insert(number, Arc::new(Filter::compile(&spec, &Narrowing::none())));
        }
        let mut event = fixture::entry(EventType::CallEnded);
        event.extensions.push(Key::of("77"));
        let mut found = Vec::new();
        index.find(&event, |number| found.push(number));
        assert_eq!(found, [77]);
        let looked_at = index
            .filters
            .iter()
            .flatten()
            .filter(|filed| filed.seen == index.round);
        assert_eq!(looked_at.count(), 1);
    }

    #[test]
    fn nothing_is_left_of_filters_that_are_gone() {
        let mut index = FilterIndex::default();
        for (number, list) in ["subjects", "extensions", "queues", "tenants", "sources"]
            .into_iter()
            .enumerate()
        {
            let spec = fixture::spec(&[(list, "one,two")]);
            index.insert(
                number as u32,
                Arc::new(Filter::compile(&spec, &Narrowing::none())),
            );
        }
        for number in 0..5 {
            index.remove(number);
        }
        assert!(index.by_key.is_empty() && index.by_type.iter().all(Vec::is_empty));
        assert_eq!(index.used, [0; 5]);
    }

    fn filter() -> impl Strategy<Value = Filter> {
        let list = || prop::option::of(prop::collection::vec(select(&["a", "b", "hq"][..]), 1..3));
        let lists = (list(), list(), list(), list(), list());
        let types = prop::option::of(select(&["call.*", "source.*", "*", "leg.started"][..]));
        (lists, types, any::<bool>(), list(), list()).prop_map(
            |(lists, types, crm, tenants, sources)| {
                let mut spec = FilterSpec::default();
                let (a, b, c, d, e) = lists;
                for (name, list) in ["subjects", "extensions", "queues", "tenants", "sources"]
                    .into_iter()
                    .zip([a, b, c, d, e])
                {
                    if let Some(list) = list {
                        spec.set(name, &list.join(",")).unwrap();
                    }
                }
                if let Some(types) = types {
                    spec.set("types", types).unwrap();
                }
                if crm {
                    spec.set("profile", "crm").unwrap();
                }
                let texts = |list: Option<Vec<&str>>| {
                    list.map(|list| list.into_iter().map(Into::into).collect())
                };
                let narrowing = Narrowing {
                    tenants: texts(tenants),
                    sources: texts(sources),
                    types: Some(TypeSet::all()),
                    pii: true,
                };
                Filter::compile(&spec, &narrowing)
            },
        )
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let name = || select(&["a", "b", "hq", "other"][..]);
        let keys = || prop::collection::vec(name(), 0..3);
        let owners = (prop::option::of(name()), prop::option::of(name()));
        (
            select(&KINDS[..]),
            owners,
            name(),
            keys(),
            keys(),
            any::<bool>(),
        )
            .prop_map(
                |(kind, (source, tenant), subject, extensions, queues, reconstructed)| Entry {
                    source: source.map(|source| SourceId::new(source).unwrap()),
                    tenant: tenant.map(Into::into),
                    subject: Key::of(subject),
                    extensions: extensions.into_iter().map(Key::of).collect(),
                    queues: queues.into_iter().map(Key::of).collect(),
                    reconstructed,
                    ..fixture::entry(kind)
                },
            )
    }
}
