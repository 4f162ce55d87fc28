//! What the map knows of the PBX's numbers: extensions, queues, services. Makes parties and references out of them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use model::{Normalizer, Number, Party, Route, RouteKind, Text, observation::Ref};

use super::{
    read::{Address, cut},
    session::Service,
};
use crate::config::Config;

/// The most extensions and queues remembered in all; further ones are not told apart from other numbers.
const MAX_KNOWN: usize = 200_000;
/// From this many characters on a number that is not known to be inside is read as a telephone number.
const PUBLIC_CHARS: usize = 7;

pub(super) struct Directory {
    numbers: Normalizer,
    services: HashSet<Text>,
    voicemail: HashSet<Text>,
    /// Configured queues: of whichever tenant logs in.
    queues: HashSet<Text>,
    /// Configured extensions, likewise.
    extensions: HashSet<Text>,
    tenants: HashMap<Text, Tenant>,
    /// Extensions that work for a queue, of whichever tenant.
    agents: HashSet<Text>,
    queue_numbers: HashMap<Text, Text>,
    known: usize,
}

#[derive(Default)]
struct Tenant {
    queues: HashMap<Text, Option<Text>>,
    extensions: HashMap<Text, Option<Text>>,
}

/// Where a party stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// It is an extension.
    Inside,
    /// It is not.
    Outside,
    /// It is what its number is known as.
    Either,
}

impl Directory {
    pub(super) fn new(config: &Config) -> Self {
        let set = |list: &[String]| {
            list.iter()
                .map(|number| Text::from(number.as_str()))
                .collect()
        };
        Self {
            numbers: Normalizer::new(config.region.as_deref()),
            services: set(&config.service_numbers),
            voicemail: set(&config.voicemail_numbers),
            queues: set(&config.queues),
            extensions: set(&config.extensions),
            tenants: HashMap::new(),
            agents: HashSet::new(),
            queue_numbers: HashMap::new(),
            known: 0,
        }
    }

    /// A telephone number from outside, with what libphonenumber reads in it.
    pub(super) fn public(&mut self, raw: &str) -> Number {
        self.numbers.number(cut(raw))
    }

    /// The party behind an address or number.
    pub(super) fn party(
        &mut self,
        tenant: Option<&Text>,
        told: &str,
        name: Option<&str>,
        side: Side,
    ) -> Party {
        let address = Address::read(told);
        let user = address.user;
        let inside = match side {
            Side::Inside => self.service(tenant, user).is_none(),
            Side::Outside => false,
            Side::Either => self.is_extension(tenant, user),
        };
        let mut party = if user.is_empty() {
            Party::default()
        } else if inside {
            Party::extension(user)
        } else if side == Side::Outside || is_public(user) {
            Party::numbered(self.public(user))
        } else {
            Party::numbered(Number::internal(user))
        };
        party.name = name.map(Into::into);
        if told.contains('@') {
            party.uri = Some(cut(told).into());
        }
        party.private = !inside && is_withheld(address, name);
        party
    }

    /// What a number is, when it is a service: a queue, or one of the configured numbers.
    pub(super) fn service(&self, tenant: Option<&Text>, number: &str) -> Option<Route> {
        let route = |kind, id| Route {
            kind,
            id,
            number: Some(number.into()),
            name: None,
        };
        if self.is_queue(tenant, number) {
            return Some(route(RouteKind::Queue, self.queue_id(tenant, number)));
        }
        if self.voicemail.contains(number) {
            return Some(route(RouteKind::Voicemail, None));
        }
        self.services
            .contains(number)
            .then(|| route(RouteKind::System, None))
    }

    /// Where a call goes when it is sent to a number.
    pub(super) fn route(&self, tenant: Option<&Text>, number: &str) -> Route {
        self.service(tenant, number).unwrap_or_else(|| Route {
            kind: if is_public(number) && !self.is_extension(tenant, number) {
                RouteKind::External
            } else {
                RouteKind::User
            },
            id: None,
            number: Some(number.into()),
            name: None,
        })
    }

    /// Notes that an extension works for a queue.
    pub(super) fn note_agent(&mut self, number: &str) {
        if self.agents.len() < MAX_KNOWN && !self.agents.contains(number) {
            self.agents.insert(number.into());
        }
    }

    /// Whether a queue may ring an extension: as long as no agent is known, any.
    pub(super) fn may_be_agent(&self, number: &str) -> bool {
        self.agents.is_empty() || self.agents.contains(number)
    }

    /// Whether there is a service that rings this extension: a menu rings anybody, a queue its agents.
    pub(super) fn may_be_rung_by_service(&self, number: &str) -> bool {
        let mut tenants = self.tenants.values();
        let queues = !self.queues.is_empty() || tenants.any(|tenant| !tenant.queues.is_empty());
        !self.services.is_empty() || (queues && self.may_be_agent(number))
    }

    /// The kind of service at a number.
    pub(super) fn service_at(&self, tenant: Option<&Text>, number: &str) -> Option<Service> {
        Some(match self.service(tenant, number)?.kind {
            RouteKind::Queue => Service::Queue,
            _ => Service::Other,
        })
    }

    pub(super) fn is_extension(&self, tenant: Option<&Text>, number: &str) -> bool {
        let known = self.tenants.get(scope(tenant));
        self.extensions.contains(number)
            || known.is_some_and(|tenant| tenant.extensions.contains_key(number))
    }

    /// Takes over an extension whose tenant is not known: as a configured one.
    pub(super) fn adopt_extension(&mut self, number: &str) {
        self.extensions.insert(number.into());
    }

    /// The same for a queue.
    pub(super) fn adopt_queue(&mut self, number: &str) {
        self.queues.insert(number.into());
    }

    /// Notes an extension, and its id where it is told, and names it.
    pub(super) fn note_extension(
        &mut self,
        tenant: Option<&Text>,
        number: &str,
        id: Option<&str>,
    ) -> Ref {
        let extensions = &mut self.tenants.entry(shared(tenant)).or_default().extensions;
        if !extensions.contains_key(number) {
            if self.known >= MAX_KNOWN {
                return reference(id, number);
            }
            self.known += 1;
            extensions.insert(number.into(), None);
        }
        let Some(known_id) = extensions.get_mut(number) else {
            return reference(id, number);
        };
        if let Some(id) = id
            && known_id.as_deref() != Some(id)
        {
            *known_id = Some(id.into());
        }
        Ref {
            id: known_id.clone(),
            number: Some(number.into()),
        }
    }

    pub(super) fn forget_extension(&mut self, tenant: Option<&Text>, number: &str) {
        if let Some(tenant) = self.tenants.get_mut(scope(tenant))
            && tenant.extensions.remove(number).is_some()
        {
            self.known -= 1;
        }
    }

    /// Names an extension by number, with its id where that is known.
    pub(super) fn extension_ref(&self, tenant: Option<&Text>, number: &str) -> Ref {
        let known = self.tenants.get(scope(tenant));
        Ref {
            id: known.and_then(|tenant| tenant.extensions.get(number).cloned().flatten()),
            number: Some(number.into()),
        }
    }

    /// Notes a queue and names it by all that is known: some events have only its id, others only its number.
    pub(super) fn note_queue(
        &mut self,
        tenant: Option<&Text>,
        number: Option<&str>,
        id: Option<&str>,
    ) -> Ref {
        if let Some(number) = number {
            let queues = &mut self.tenants.entry(shared(tenant)).or_default().queues;
            let new = !queues.contains_key(number);
            if new && self.known < MAX_KNOWN {
                self.known += 1;
                queues.insert(number.into(), None);
            }
            if let (Some(id), Some(slot)) = (id, queues.get_mut(number))
                && slot.as_deref() != Some(id)
            {
                *slot = Some(id.into());
                self.queue_numbers.insert(id.into(), number.into());
            }
        }
        self.queue_ref(tenant, number, id)
    }

    pub(super) fn forget_queue(&mut self, tenant: Option<&Text>, number: &str) {
        if let Some(tenant) = self.tenants.get_mut(scope(tenant))
            && let Some(id) = tenant.queues.remove(number)
        {
            self.known -= 1;
            if let Some(id) = id {
                self.queue_numbers.remove(&id);
            }
        }
        self.queues.remove(number);
    }

    pub(super) fn queue_ref(
        &self,
        tenant: Option<&Text>,
        number: Option<&str>,
        id: Option<&str>,
    ) -> Ref {
        Ref {
            id: id
                .map(Into::into)
                .or_else(|| self.queue_id(tenant, number?)),
            number: number
                .map(Into::into)
                .or_else(|| self.queue_numbers.get(id?).cloned()),
        }
    }

    pub(super) fn is_queue(&self, tenant: Option<&Text>, number: &str) -> bool {
        self.queues.contains(number)
            || self
                .tenants
                .get(scope(tenant))
                .is_some_and(|tenant| tenant.queues.contains_key(number))
    }

    fn queue_id(&self, tenant: Option<&Text>, number: &str) -> Option<Text> {
        self.tenants.get(scope(tenant))?.queues.get(number)?.clone()
    }
}

fn scope(tenant: Option<&Text>) -> &str {
    tenant.map_or("", |tenant| tenant)
}

fn shared(tenant: Option<&Text>) -> Text {
    tenant.map_or_else(|| "".into(), Arc::clone)
}

fn reference(id: Option<&str>, number: &str) -> Ref {
    Ref {
        id: id.map(Into::into),
        number: Some(number.into()),
    }
}

fn is_public(number: &str) -> bool {
    number.starts_with('+') || number.len() >= PUBLIC_CHARS
}

/// Whether a caller asked not to be shown. SIP says so with an anonymous address, or by putting such a word where the
/// name would be beside a number that a trunk vouches for (RFC 3323, RFC 3325).
fn is_withheld(address: Address<'_>, name: Option<&str>) -> bool {
    const WORDS: [&str; 4] = ["anonymous", "private", "restricted", "withheld"];
    let is_one = |told: &str| {
        WORDS
            .iter()
            .any(|word| told.trim().eq_ignore_ascii_case(word))
    };
    let nowhere = |host: &str| host.eq_ignore_ascii_case("anonymous.invalid");
    is_one(address.user) || name.is_some_and(is_one) || address.host.is_some_and(nowhere)
}
