//! Elements and their fields: entities come as tuples, and what stands where is told by the PBX on each connection.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use super::{
    element::Body,
    term::{Term, Terms},
    text::cut,
};

/// The most fields that get a name. Those beyond are named by their position.
pub const MAX_FIELDS: usize = 512;
/// The most elements whose fields are remembered.
pub const MAX_ELEMENTS: usize = 64;
/// The most bytes of a name.
const MAX_NAME: usize = 128;

/// A category of entities.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    /// Call legs.
    Channel,
    /// Legs that wait in a queue or a park slot.
    ChannelWaiting,
    /// Legs that wait in a queue, before `channel_waiting`.
    QueuedChannel,
    /// Legs that wait in a park slot, before `channel_waiting`.
    ParkedChannel,
    /// Users, each an extension.
    User,
    /// Ring and hunt groups.
    Group,
    /// Memberships of users in groups.
    GroupMember,
    /// Phones.
    Terminal,
    /// The domain itself.
    Domain,
    /// Any other, by name.
    Other(Box<str>),
}

/// The fields of an element, in the order of this connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// Whose fields.
    pub element: Element,
    fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    name: Box<str>,
    /// Where the native type keeps it.
    slot: Option<u8>,
}

/// The fields of all elements, as told on one connection.
#[derive(Clone, Debug, Default)]
pub struct Specs(BTreeMap<Element, Arc<FieldSpec>>);

/// An entity with its names.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity<'a> {
    spec: &'a FieldSpec,
    term: Term<'a>,
    /// It, in its native type.
    pub body: Body<'a>,
    /// Fields that the native type does not have, or whose value makes no sense there, and values without a name.
    pub unclaimed: Vec<Cow<'a, str>>,
}

impl Element {
    /// The element of a name.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "channel" => Self::Channel,
            "channel_waiting" => Self::ChannelWaiting,
            "queued_channel" => Self::QueuedChannel,
            "parked_channel" => Self::ParkedChannel,
            "user" => Self::User,
            "group" | "group_info" => Self::Group,
            "group_member" => Self::GroupMember,
            "terminal" => Self::Terminal,
            "domain" => Self::Domain,
            other => Self::Other(cut(other, MAX_NAME).into()),
        }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Channel => "channel",
            Self::ChannelWaiting => "channel_waiting",
            Self::QueuedChannel => "queued_channel",
            Self::ParkedChannel => "parked_channel",
            Self::User => "user",
            Self::Group => "group",
            Self::GroupMember => "group_member",
            Self::Terminal => "terminal",
            Self::Domain => "domain",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FieldSpec {
    /// The fields of an element, from their names. A name that comes twice or cannot be read counts once; the other
    /// field is named by its position.
    pub(super) fn new(element: Element, names: Terms<'_>) -> Self {
        let mut fields: Vec<Field> = Vec::new();
        for name in names.take(MAX_FIELDS) {
            let name = name.text().unwrap_or_default();
            let name = cut(&name, MAX_NAME);
            let taken = name.is_empty() || fields.iter().any(|field| *field.name == *name);
            fields.push(if taken {
                Field {
                    name: nameless(fields.len()).into(),
                    slot: None,
                }
            } else {
                Field {
                    slot: Body::slot(&element, name),
                    name: name.into(),
                }
            });
        }
        Self { element, fields }
    }

    /// The names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.fields.iter().map(|field| &*field.name)
    }

    /// The names that the native type does not have.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        let unknown = self.fields.iter().filter(|field| field.slot.is_none());
        unknown.map(|field| &*field.name)
    }

    /// Reads an entity; `None` when it is neither tuple nor list. A missing field is absent.
    #[must_use]
    pub fn entity<'a>(&'a self, term: Term<'a>) -> Option<Entity<'a>> {
        let mut values = term.elements()?;
        let mut body = Body::empty(&self.element);
        let mut unclaimed = Vec::new();
        for (field, value) in self.fields.iter().zip(&mut values) {
            let claimed = field.slot.is_some_and(|slot| body.take(slot, value));
            if !claimed && !value.is_absent() {
                unclaimed.push(Cow::Borrowed(&*field.name));
            }
        }
        if values.next().is_some() {
            unclaimed.push(nameless(self.fields.len()).into());
        }
        Some(Entity {
            spec: self,
            term,
            body,
            unclaimed,
        })
    }
}

impl Specs {
    /// Learns the fields of an element, in place of what was known; false when there are too many elements.
    #[must_use]
    pub fn learn(&mut self, spec: FieldSpec) -> bool {
        let room = self.0.len() < MAX_ELEMENTS || self.0.contains_key(&spec.element);
        if room {
            self.0.insert(spec.element.clone(), Arc::new(spec));
        }
        room
    }

    /// The fields of an element, when they were told.
    #[must_use]
    pub fn get(&self, element: &Element) -> Option<Arc<FieldSpec>> {
        self.0.get(element).cloned()
    }

    /// Forgets them: the next connection may have another order.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<'a> Entity<'a> {
    /// Whose entity it is.
    #[must_use]
    pub fn element(&self) -> &'a Element {
        &self.spec.element
    }

    /// The value of a field by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Term<'a>> {
        self.fields()
            .find_map(|(known, value)| (known == name).then_some(value))
    }

    /// All fields that were sent, with their names.
    pub fn fields(&self) -> impl Iterator<Item = (Cow<'a, str>, Term<'a>)> + use<'a> {
        let spec = self.spec;
        let values = self.term.elements().unwrap_or_default();
        values.enumerate().map(|(index, value)| {
            let name = spec
                .fields
                .get(index)
                .map(|field| Cow::Borrowed(&*field.name));
            (name.unwrap_or_else(|| nameless(index).into()), value)
        })
    }

    /// Its bytes in the frame. Equal bytes under one `field_spec` are equal entities.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.term.bytes()
    }
}

/// The name of a field without one: `#22`.
fn nameless(index: usize) -> String {
    format!("#{index}")
}
