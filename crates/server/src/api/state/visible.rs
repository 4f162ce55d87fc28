//! What of the state a token may see: the same that it may see of the events.

use hub::filter::{Narrowing, TypeSet};
use model::{Collection, EventType};

use crate::api::backend::Item;

/// How much of an entity is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// All of it.
    Whole,
    /// Of a source, to a token limited to tenants: what tells how complete everything else is.
    Outline,
}

/// Every collection of which state is kept, in the order in which a snapshot tells them: what others refer to first.
pub(crate) const COLLECTIONS: [Collection; 11] = [
    Collection::Sources,
    Collection::Trunks,
    Collection::Users,
    Collection::Extensions,
    Collection::Devices,
    Collection::Queues,
    Collection::Agents,
    Collection::Calls,
    Collection::Callers,
    Collection::Conferences,
    Collection::Participants,
];

/// How much of an entity a token may see; none when it does not exist for it.
pub(crate) fn of_item(item: &Item, narrowing: &Narrowing) -> Option<Sight> {
    of(
        item.entity.collection(),
        &item.source,
        item.tenant.as_deref(),
        narrowing,
    )
}

/// The same by what decides it.
pub(crate) fn of(
    collection: Collection,
    source: &str,
    tenant: Option<&str>,
    narrowing: &Narrowing,
) -> Option<Sight> {
    let types = narrowing.types.unwrap_or_else(TypeSet::all);
    if !is_listed_source(narrowing, source) || !carries(types, collection) {
        return None;
    }
    let Some(tenants) = &narrowing.tenants else {
        return Some(Sight::Whole);
    };
    match tenant {
        Some(tenant) => tenants
            .iter()
            .any(|listed| **listed == *tenant)
            .then_some(Sight::Whole),
        None => (collection == Collection::Sources).then_some(Sight::Outline),
    }
}

/// True when a token may know of a source.
pub(crate) fn is_listed_source(narrowing: &Narrowing, source: &str) -> bool {
    narrowing
        .sources
        .as_ref()
        .is_none_or(|sources| sources.iter().any(|listed| **listed == *source))
}

/// True when events of these types carry entities of a collection.
pub(crate) fn carries(types: TypeSet, collection: Collection) -> bool {
    types.iter().any(|kind| carriers(kind, collection))
}

fn carriers(kind: EventType, collection: Collection) -> bool {
    let subject = kind.collection();
    match collection {
        Collection::Queues => matches!(subject, Collection::Queues | Collection::Callers),
        Collection::Conferences => subject == Collection::Participants,
        Collection::Sources => kind.schema() == "source",
        other => subject == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_bring_the_collections_whose_entities_they_carry() {
        for (glob, expected) in [
            ("call.*", &[Collection::Calls][..]),
            ("leg.ended", &[Collection::Calls]),
            ("queue.caller_*", &[Collection::Queues, Collection::Callers]),
            (
                "conference.*",
                &[Collection::Conferences, Collection::Participants],
            ),
            ("source.gap", &[Collection::Sources]),
            ("alert.*", &[]),
            ("cdr.created", &[]),
        ] {
            let types = TypeSet::matching(glob);
            let carried: Vec<_> = COLLECTIONS
                .into_iter()
                .filter(|collection| carries(types, *collection))
                .collect();
            assert_eq!(carried, expected, "{glob}");
        }
    }

    #[test]
    fn a_tenant_limited_token_sees_its_tenants_and_the_outline_of_sources() {
        let narrowing = Narrowing {
            tenants: Some(vec!["acme".into()]),
            ..Narrowing::none()
        };
        let sight = |collection, tenant| of(collection, "hq", tenant, &narrowing);
        assert_eq!(sight(Collection::Calls, Some("acme")), Some(Sight::Whole));
        assert_eq!(sight(Collection::Calls, Some("other")), None);
        assert_eq!(sight(Collection::Calls, None), None);
        assert_eq!(sight(Collection::Sources, None), Some(Sight::Outline));
    }

    #[test]
    fn an_empty_list_means_nothing() {
        let narrowing = Narrowing {
            sources: Some(Vec::new()),
            ..Narrowing::none()
        };
        assert_eq!(of(Collection::Sources, "hq", None, &narrowing), None);
    }
}
