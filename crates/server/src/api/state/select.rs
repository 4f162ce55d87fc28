//! Which entities a request wants, by what the entities refer to.

use hub::filter::FilterSpec;
use model::{
    AgentState, CallState, CallerState, Collection, ExtensionCallState, ExtensionRef, Number,
    Party, QueueRef, SourceState, Text, TrunkState,
};

use crate::{
    api::backend::{Entity, Item},
    http::query::{Query, plus_restored},
};

/// The filters of a list. What is absent limits nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    source: Option<String>,
    tenant: Option<String>,
    state: Option<String>,
    extension: Option<String>,
    queue: Option<String>,
    number: Option<String>,
}

impl Selection {
    /// Takes the filters out of a query.
    pub(super) fn read(query: &mut Query, collection: Collection) -> Self {
        Self {
            source: query.take("source"),
            tenant: query.take("tenant"),
            state: query.read("state", |word| known_state(collection, word)),
            extension: query.take("extension"),
            queue: query.take("queue"),
            // A leading plus is often forgotten to be encoded.
            number: query.take("number").map(|text| {
                let digits = text.trim_start();
                if digits.len() < text.len() {
                    plus_restored(" ") + digits
                } else {
                    text
                }
            }),
        }
    }

    /// True when calls that have ended are asked for.
    pub(super) fn wants_ended(&self) -> bool {
        self.state.as_deref() == Some(CallState::Ended.as_str())
    }

    /// True when an entity matches every filter. Without `pii` nobody is found by a number that is withheld: asking for it
    /// would confirm it.
    pub(crate) fn matches(
        &self,
        source: &str,
        tenant: Option<&str>,
        entity: &Entity,
        pii: bool,
    ) -> bool {
        let given = |filter: &Option<String>, test: &dyn Fn(&str) -> bool| {
            filter.as_deref().is_none_or(test)
        };
        given(&self.source, &|wanted| wanted == source)
            && given(&self.tenant, &|wanted| Some(wanted) == tenant)
            && given(&self.state, &|wanted| state(entity) == Some(wanted))
            && given(&self.extension, &|wanted| {
                has_extension(entity, &|number, id| is(wanted, number, id))
            })
            && given(&self.queue, &|wanted| {
                has_queue(entity, &|number, id| is(wanted, number, id))
            })
            && given(&self.number, &|wanted| has_number(entity, wanted, pii))
    }
}

/// True when the events of an entity would pass the lists of a filter, types and token aside.
pub(crate) fn passes(spec: &FilterSpec, item: &Item) -> bool {
    let given = |list: &Option<Vec<Text>>, test: &dyn Fn(&str) -> bool| {
        list.as_ref()
            .is_none_or(|items| items.iter().any(|item| test(item)))
    };
    if !given(&spec.sources, &|wanted| *wanted == *item.source) {
        return false;
    }
    let collection = item.entity.collection();
    if collection == Collection::Sources {
        // Nobody believes a filtered stream complete when it is not.
        return true;
    }
    let subject = match (&item.parent, collection) {
        (Some(_), Collection::Callers) => format!("queues/{}", item.id),
        (Some(_), _) => format!("conferences/{}", item.id),
        (None, collection) => format!("{collection}/{}", item.id),
    };
    given(&spec.tenants, &|wanted| {
        item.tenant.as_deref() == Some(wanted)
    }) && given(&spec.subjects, &|wanted| *wanted == subject)
        && given(&spec.extensions, &|wanted| {
            has_extension(&item.entity, &|number, id| is(wanted, number, id))
        })
        && given(&spec.queues, &|wanted| {
            has_queue(&item.entity, &|number, id| is(wanted, number, id))
        })
}

/// True when a party of the entity asked not to be shown.
pub(crate) fn is_private(entity: &Entity) -> bool {
    parties(entity).any(|party| party.private)
}

/// Number, canonical id, or native id.
fn is(wanted: &str, number: Option<&str>, id: Option<&str>) -> bool {
    let native = |id: &str| id.split_once(':').is_some_and(|(_, key)| key == wanted);
    number == Some(wanted) || id.is_some_and(|id| id == wanted || native(id))
}

type Test<'a> = &'a dyn Fn(Option<&str>, Option<&str>) -> bool;

fn has_extension(entity: &Entity, test: Test<'_>) -> bool {
    let by_ref = |extension: &ExtensionRef| {
        test(
            Some(&extension.number),
            extension.id.as_ref().map(model::EntityId::as_str),
        )
    };
    // As in the log: an extension that no list names is known by its number, and a withheld number by nothing.
    let by_party = |party: &Party| match (&party.extension, &party.number) {
        (Some(extension), _) => by_ref(extension),
        (None, Some(number)) => !party.private && test(Some(&number.raw), None),
        (None, None) => false,
    };
    let of_parties = || parties(entity).any(by_party);
    match entity {
        Entity::Extension(extension) => test(Some(&extension.number), Some(extension.id.as_str())),
        Entity::User(user) => user.extensions.iter().any(by_ref),
        Entity::Device(device) => device.extension.as_ref().is_some_and(by_ref),
        Entity::Agent(agent) => by_ref(&agent.extension),
        Entity::Call(_) | Entity::Caller(_) | Entity::Participant(_) => of_parties(),
        Entity::Queue(_) | Entity::Trunk(_) | Entity::Conference(_) | Entity::Source(_) => false,
    }
}

fn has_queue(entity: &Entity, test: Test<'_>) -> bool {
    let by_ref = |queue: &QueueRef| test(queue.number.as_deref(), Some(queue.id.as_str()));
    match entity {
        Entity::Queue(queue) => test(queue.number.as_deref(), Some(queue.id.as_str())),
        Entity::Agent(agent) => by_ref(&agent.queue),
        Entity::Caller(caller) => by_ref(&caller.queue),
        Entity::Call(call) => {
            let of_legs = || call.legs.iter().filter_map(|leg| leg.queue.as_ref());
            call.queue.iter().chain(of_legs()).any(by_ref)
        }
        Entity::Extension(_)
        | Entity::User(_)
        | Entity::Device(_)
        | Entity::Trunk(_)
        | Entity::Conference(_)
        | Entity::Participant(_)
        | Entity::Source(_) => false,
    }
}

/// Raw, E.164, or the number of an extension.
fn has_number(entity: &Entity, wanted: &str, pii: bool) -> bool {
    let is = |number: &Number| *number.raw == *wanted || number.e164.as_deref() == Some(wanted);
    if has_extension(entity, &|number, _| number == Some(wanted)) {
        return true;
    }
    match entity {
        Entity::Call(call) if call.did.as_ref().is_some_and(is) => true,
        Entity::Queue(queue) => queue.number.as_deref() == Some(wanted),
        _ => parties(entity)
            .filter(|party| pii || !party.private)
            .any(|party| party.number.as_ref().is_some_and(is)),
    }
}

fn parties(entity: &Entity) -> Box<dyn Iterator<Item = &Party> + '_> {
    match entity {
        Entity::Call(call) => Box::new(
            [&call.caller, &call.callee]
                .into_iter()
                .chain(&call.external)
                .chain(&call.answered_by)
                .chain(call.handled_by.iter().map(|handled| &handled.party))
                .chain(call.legs.iter().map(|leg| &leg.party)),
        ),
        Entity::Caller(caller) => Box::new(std::iter::once(&caller.party)),
        Entity::Participant(participant) => Box::new(std::iter::once(&participant.party)),
        _ => Box::new(std::iter::empty()),
    }
}

fn state(entity: &Entity) -> Option<&'static str> {
    match entity {
        Entity::Call(call) => Some(call.state.as_str()),
        Entity::Extension(extension) => Some(extension.call_state.as_str()),
        Entity::Agent(agent) => Some(agent.state.as_str()),
        Entity::Caller(caller) => Some(caller.state.as_str()),
        Entity::Trunk(trunk) => Some(trunk.state.as_str()),
        Entity::Source(source) => Some(source.state.as_str()),
        Entity::User(_)
        | Entity::Device(_)
        | Entity::Queue(_)
        | Entity::Conference(_)
        | Entity::Participant(_) => None,
    }
}

fn known_state(collection: Collection, word: &str) -> Result<String, String> {
    let words: Vec<&str> = match collection {
        Collection::Calls => CallState::ALL.iter().map(|word| word.as_str()).collect(),
        Collection::Extensions => ExtensionCallState::ALL
            .iter()
            .map(|word| word.as_str())
            .collect(),
        Collection::Agents => AgentState::ALL.iter().map(|word| word.as_str()).collect(),
        Collection::Callers => CallerState::ALL.iter().map(|word| word.as_str()).collect(),
        Collection::Trunks => TrunkState::ALL.iter().map(|word| word.as_str()).collect(),
        Collection::Sources => SourceState::ALL.iter().map(|word| word.as_str()).collect(),
        _ => return Err(format!("{collection} have no state")),
    };
    if words.contains(&word) {
        Ok(word.to_owned())
    } else {
        let shown: String = word.chars().take(64).collect();
        Err(format!(
            "`{shown}` is no state of {collection}: {}",
            words.join(", ")
        ))
    }
}
