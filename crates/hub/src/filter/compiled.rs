//! The compiled filter: wish and permission as one test over the index of a block.

use model::{EventType, SourceId, Text};
use serde::Serialize;

use super::{FilterSpec, TypeSet};
use crate::block::{Entry, Key};

/// What a token may see. An absent list limits nothing, an empty one lets nothing pass.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Narrowing {
    /// Tenants. Of tenantless events only those remain that tell how complete the stream is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants: Option<Vec<Text>>,
    /// Sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sources: Option<Vec<Text>>,
    /// Types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types: Option<TypeSet>,
    /// Parties that asked not to be shown are shown.
    #[serde(skip)]
    pub pii: bool,
}

/// A filter in canonical form: two that let the same events pass for the same reasons are equal, and share their work.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Filter {
    types: TypeSet,
    /// Of these types reconstructed ringings do not pass.
    fresh: TypeSet,
    sources: Option<Vec<Text>>,
    tenants: Option<Vec<Text>>,
    /// The tenants of the token alone: the wish does not bind the events that tell how complete a stream is.
    allowed: Option<Vec<Text>>,
    subjects: Option<Vec<Key>>,
    extensions: Option<Vec<Key>>,
    queues: Option<Vec<Key>>,
}

impl Narrowing {
    /// A token without limits, and without `pii:read`.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            tenants: None,
            sources: None,
            types: None,
            pii: false,
        }
    }

    /// The same with or without `pii:read`.
    #[must_use]
    pub const fn with_pii(mut self, pii: bool) -> Self {
        self.pii = pii;
        self
    }
}

impl Filter {
    /// Everything passes.
    #[must_use]
    pub fn all() -> Self {
        Self::compile(&FilterSpec::default(), &Narrowing::none())
    }

    /// What was wished, within what is allowed.
    #[must_use]
    pub fn compile(spec: &FilterSpec, narrowing: &Narrowing) -> Self {
        let (whole, fresh) = spec.type_sets();
        let visible = narrowing.types.unwrap_or_else(TypeSet::all);
        let perishable = EventType::ALL
            .iter()
            .copied()
            .filter(|kind| kind.is_perishable());
        Self {
            types: whole.union(fresh).intersection(visible),
            fresh: fresh
                .intersection(visible)
                .intersection(perishable.collect()),
            sources: both(spec.sources.as_deref(), narrowing.sources.as_deref()),
            tenants: both(spec.tenants.as_deref(), narrowing.tenants.as_deref()),
            allowed: both(None, narrowing.tenants.as_deref()),
            subjects: keys(spec.subjects.as_deref()),
            extensions: keys(spec.extensions.as_deref()),
            queues: keys(spec.queues.as_deref()),
        }
    }

    /// True when the event is wanted and allowed.
    #[must_use]
    pub fn passes(&self, entry: &Entry) -> bool {
        if !self.types.has(entry.kind) || (entry.reconstructed && self.fresh.has(entry.kind)) {
            return false;
        }
        if !is_listed(
            self.sources.as_deref(),
            entry.source.as_ref().map(SourceId::as_str),
        ) {
            return false;
        }
        if entry.kind.tells_completeness() {
            return entry.tenant.is_none()
                || is_listed(self.allowed.as_deref(), entry.tenant.as_deref());
        }
        is_listed(self.tenants.as_deref(), entry.tenant.as_deref())
            && meets(
                self.subjects.as_deref(),
                std::slice::from_ref(&entry.subject),
            )
            && meets(self.extensions.as_deref(), &entry.extensions)
            && meets(self.queues.as_deref(), &entry.queues)
    }

    /// The types that may pass.
    #[must_use]
    pub const fn types(&self) -> TypeSet {
        self.types
    }

    /// The sources that may pass, sorted; none without such a list.
    #[must_use]
    pub fn sources(&self) -> Option<&[Text]> {
        self.sources.as_deref()
    }

    /// The tenants that may pass, sorted; none without such a list. Not asked of [`EventType::tells_completeness`].
    #[must_use]
    pub fn tenants(&self) -> Option<&[Text]> {
        self.tenants.as_deref()
    }

    /// The subjects, sorted; none without such a list. Not asked of [`EventType::tells_completeness`].
    #[must_use]
    pub fn subjects(&self) -> Option<&[Key]> {
        self.subjects.as_deref()
    }

    /// The extensions, sorted; none without such a list. Not asked of [`EventType::tells_completeness`].
    #[must_use]
    pub fn extensions(&self) -> Option<&[Key]> {
        self.extensions.as_deref()
    }

    /// The queues, sorted; none without such a list. Not asked of [`EventType::tells_completeness`].
    #[must_use]
    pub fn queues(&self) -> Option<&[Key]> {
        self.queues.as_deref()
    }
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort_unstable();
    items.dedup();
    items
}

fn both(wish: Option<&[Text]>, limit: Option<&[Text]>) -> Option<Vec<Text>> {
    match (wish, limit) {
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => Some(sorted(one.to_vec())),
        (Some(wish), Some(limit)) => Some(sorted(
            wish.iter()
                .filter(|item| limit.contains(item))
                .cloned()
                .collect(),
        )),
    }
}

fn keys(texts: Option<&[Text]>) -> Option<Vec<Key>> {
    texts.map(|texts| sorted(texts.iter().map(|text| Key::of(text)).collect()))
}

fn is_listed(list: Option<&[Text]>, item: Option<&str>) -> bool {
    list.is_none_or(|list| {
        item.is_some_and(|item| list.binary_search_by(|listed| (**listed).cmp(item)).is_ok())
    })
}

fn meets(list: Option<&[Key]>, keys: &[Key]) -> bool {
    list.is_none_or(|list| keys.iter().any(|key| list.binary_search(key).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::fixture::{entry, spec};

    #[test]
    fn an_event_passes_when_it_matches_every_given_list() {
        let filter = Filter::compile(
            &spec(&[
                ("types", "call.*"),
                ("extensions", "101"),
                ("sources", "hq"),
            ]),
            &Narrowing::none(),
        );
        let mut call = entry(EventType::CallEnded);
        assert!(!filter.passes(&call), "involves no such extension");
        call.extensions.push(Key::of("101"));
        assert!(filter.passes(&call));
        call.source = Some(SourceId::new("branch").unwrap());
        assert!(!filter.passes(&call), "of another source");
    }

    #[test]
    fn what_tells_completeness_passes_every_list_but_types_and_sources() {
        let lists = [
            ("extensions", "101"),
            ("tenants", "acme"),
            ("queues", "8"),
            ("subjects", "x"),
        ];
        let gap = entry(EventType::SourceGap);
        assert!(Filter::compile(&spec(&lists), &Narrowing::none()).passes(&gap));
        for list in [("types", "call.*"), ("sources", "branch")] {
            assert!(
                !Filter::compile(&spec(&[list]), &Narrowing::none()).passes(&gap),
                "{list:?}"
            );
        }
        let degraded = entry(EventType::SourceDegraded);
        assert!(!Filter::compile(&spec(&lists[..1]), &Narrowing::none()).passes(&degraded));
    }

    #[test]
    fn a_tenant_limited_token_sees_of_tenantless_events_only_what_tells_completeness() {
        let limited = Narrowing {
            tenants: Some(vec!["acme".into()]),
            ..Narrowing::none()
        };
        let filter = Filter::compile(&FilterSpec::default(), &limited);
        for kind in EventType::ALL {
            assert_eq!(
                filter.passes(&entry(*kind)),
                kind.tells_completeness(),
                "{kind}"
            );
            let mut owned = entry(*kind);
            owned.tenant = Some("acme".into());
            assert!(filter.passes(&owned), "{kind}");
            owned.tenant = Some("other".into());
            assert!(!filter.passes(&owned), "{kind}");
        }
    }

    #[test]
    fn wishes_beyond_the_limits_find_nothing_and_an_empty_limit_allows_nothing() {
        let limits = Narrowing {
            sources: Some(vec!["hq".into()]),
            types: Some(TypeSet::matching("call.*")),
            ..Narrowing::none()
        };
        let wish = Filter::compile(&spec(&[("sources", "branch"), ("types", "leg.*")]), &limits);
        assert!(wish.types().is_empty() && wish.sources() == Some(&[]));
        let nothing = Narrowing {
            sources: Some(Vec::new()),
            ..Narrowing::none()
        };
        let filter = Filter::compile(&FilterSpec::default(), &nothing);
        assert!(
            !EventType::ALL
                .iter()
                .any(|kind| filter.passes(&entry(*kind)))
        );
    }

    #[test]
    fn the_crm_is_spared_ringings_that_were_over() {
        let mut ringing = entry(EventType::CallRinging);
        ringing.reconstructed = true;
        let passes = |parameters: &[(&str, &str)]| {
            Filter::compile(&spec(parameters), &Narrowing::none()).passes(&ringing)
        };
        assert!(!passes(&[("profile", "crm")]));
        assert!(passes(&[("profile", "crm"), ("types", "call.ringing")]));
        assert!(passes(&[("profile", "wallboard")]));
    }

    #[test]
    fn equal_filters_are_equal_however_they_were_said() {
        let one = Filter::compile(
            &spec(&[("types", "call.*"), ("queues", "1,2,2")]),
            &Narrowing::none(),
        );
        let types: Vec<&str> = TypeSet::matching("call.*")
            .iter()
            .map(EventType::as_str)
            .collect();
        let other = Filter::compile(
            &spec(&[("queues", "2,1"), ("types", &types.join(","))]),
            &Narrowing::none(),
        );
        assert_eq!(one, other);
    }
}
