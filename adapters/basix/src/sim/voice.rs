//! How the PBX words what happens: entities as rows, rows as frames.

use std::collections::BTreeMap;

use adapter::sim::Rng;
use eetf::Term;

use super::{
    call::{Channel, Doing, Target},
    mangle::Spoken,
    people::{Group, Member, User},
    profile::Profile,
    row::{Row, Told, number, text, word},
    spec,
};
use crate::wire::write::{
    self, MinorVersion, Spelling, atom, binary, chars, int, list, tuple, undefined,
};

/// Words of one run: the order of fields is part of it.
pub(super) struct Voice {
    specs: BTreeMap<&'static str, Vec<String>>,
    spelling: Spelling,
    names_as_atoms: bool,
    elements: Vec<&'static str>,
}

impl Voice {
    pub(super) fn new(profile: &Profile) -> Self {
        let mut rng = Rng::new(profile.order.unwrap_or(profile.seed) ^ 0x0BE2_7000);
        let there =
            |element: &&&str| !(profile.no_channel_waiting && **element == "channel_waiting");
        let elements: Vec<&'static str> = spec::ELEMENTS.iter().filter(there).copied().collect();
        let specs = elements.iter().map(|element| {
            let fields = if profile.shuffle {
                spec::shuffled(element, &mut rng)
            } else {
                spec::fields(element).to_vec()
            };
            let wanted = |field: &&str| {
                !profile
                    .missing_fields
                    .iter()
                    .any(|missing| missing == field)
            };
            let fields = fields.into_iter().filter(wanted).map(str::to_owned);
            let fields = fields.chain(profile.extra_fields.iter().cloned());
            (*element, fields.collect())
        });
        Self {
            specs: specs.collect(),
            spelling: Spelling {
                version: if profile.utf8_atoms {
                    MinorVersion::Two
                } else {
                    MinorVersion::One
                },
                complex: !profile.bare,
            },
            names_as_atoms: profile.names_as_atoms,
            elements,
        }
    }

    pub(super) fn elements(&self) -> &[&'static str] {
        &self.elements
    }

    /// What can be told: of elements that this PBX has.
    pub(super) fn of_known(&self, told: Vec<Told>) -> Vec<Spoken> {
        let known = |told: &Told| self.specs.contains_key(told.element);
        told.into_iter().filter(known).map(Spoken::from).collect()
    }

    /// The fields of an element, for whoever has just connected.
    pub(super) fn field_spec(&self, element: &str) -> Vec<u8> {
        let fields = self.specs.get(element).into_iter().flatten();
        let fields = list(fields.map(|field| atom(field)));
        self.frame([atom("field_spec"), self.name(element), fields])
    }

    /// All entities of an element.
    pub(super) fn initial_info(&self, element: &str, rows: &[Row]) -> Vec<u8> {
        let rows = list(rows.iter().map(|row| self.entity(element, row, false)));
        self.frame([atom("initial_info"), self.name(element), rows])
    }

    pub(super) fn info_event(&self, Spoken { told, extra }: &Spoken) -> Vec<u8> {
        self.frame([
            atom("info_event"),
            self.name(told.element),
            self.entity(told.element, &told.row, *extra),
            self.name(told.change),
        ])
    }

    pub(super) fn system_msg(&self, message: &str) -> Vec<u8> {
        self.frame([atom("system_msg"), atom(message)])
    }

    fn name(&self, name: &str) -> Term {
        if self.names_as_atoms {
            atom(name)
        } else {
            chars(name)
        }
    }

    fn entity(&self, element: &str, row: &Row, extra: bool) -> Term {
        let fields = self.specs.get(element).into_iter().flatten();
        let value = |field: &String| {
            let named = row.iter().find(|(name, _)| name == field);
            named.map_or_else(undefined, |(_, value)| value.clone())
        };
        tuple(
            fields
                .map(value)
                .chain(extra.then(|| tuple([atom("since"), int(22)]))),
        )
    }

    fn frame(&self, parts: impl IntoIterator<Item = Term>) -> Vec<u8> {
        // All that is said here can be written; an empty frame would be noticed.
        write::write(&tuple(parts), self.spelling).unwrap_or_default()
    }
}

/// Everybody who is named in what is told.
#[derive(Clone, Copy)]
pub(super) struct Cast<'a> {
    pub(super) users: &'a [User],
    pub(super) groups: &'a [Group],
    pub(super) channels: &'a BTreeMap<u64, Channel>,
}

impl Cast<'_> {
    fn user_id(self, index: Option<usize>) -> Option<i64> {
        Some(self.users.get(index?)?.id)
    }

    /// A leg as the element `channel` has it.
    pub(super) fn channel(self, leg: &Channel) -> Row {
        let mut row = self.common(leg);
        row.extend([
            ("answer_timestamp", number(leg.answered)),
            ("hangup_timestamp", number(leg.hung_up)),
            (
                "other_uuid",
                text(
                    leg.other
                        .and_then(|other| Some(self.channels.get(&other)?.uuid.as_str())),
                ),
            ),
            (
                "group_id",
                number(leg.group.and_then(|group| Some(self.groups.get(group)?.id))),
            ),
            ("origination", text(leg.origination.as_deref())),
            ("tags", text(leg.tags)),
            (
                "last_bridged_user_id",
                number(self.user_id(leg.last_bridged)),
            ),
            ("last_event", binary(leg.event)),
            ("last_event_data", text(leg.data.as_deref())),
            ("other_info", self.other_info(leg)),
            ("call_id", text(Some(&call_id(&leg.uuid)))),
        ]);
        row
    }

    /// A leg as the element `channel_waiting` has it.
    pub(super) fn waiting(self, leg: &Channel) -> Row {
        self.common(leg)
    }

    fn common(self, leg: &Channel) -> Row {
        vec![
            ("uuid", binary(&leg.uuid)),
            (
                "direction",
                atom(if leg.outbound { "outbound" } else { "inbound" }),
            ),
            (
                "peer_location",
                atom(if leg.external { "external" } else { "internal" }),
            ),
            ("calling_name", text(leg.calling_name.as_deref())),
            ("calling_number", text(Some(&leg.calling_number))),
            ("called_number", text(Some(&leg.called_number))),
            ("offer_timestamp", int(leg.offered)),
            ("user_id", number(self.user_id(leg.user))),
            ("state", self.state(leg)),
            ("target", self.target(leg)),
            ("end_user", text(leg.end_user.as_deref())),
        ]
    }

    fn target(self, leg: &Channel) -> Term {
        let (kind, id, name, address) = match &leg.target {
            Some(Target::User(index, address)) => {
                let user = self.users.get(*index);
                (
                    "user",
                    user.map(|user| user.id),
                    user.map(|user| user.name.as_str()),
                    address,
                )
            }
            Some(Target::Group(index, address)) => {
                let group = self.groups.get(*index);
                (
                    "group",
                    group.map(|group| group.id),
                    group.map(|group| group.name.as_str()),
                    address,
                )
            }
            None => return undefined(),
        };
        tuple([atom(kind), number(id), text(name), binary(address)])
    }

    fn state(self, leg: &Channel) -> Term {
        let Some((since, doing)) = &leg.state else {
            return undefined();
        };
        let mut parts = vec![int(*since)];
        match doing {
            Doing::CallingUser(index) => {
                let user = self.users.get(*index);
                let data = [
                    number(user.map(|user| user.id)),
                    text(user.map(|user| user.name.as_str())),
                ];
                parts.extend([atom("calling"), atom("int"), atom("user"), tuple(data)]);
            }
            Doing::CallingGroup(index) => {
                let group = self.groups.get(*index);
                let hunt = group.is_some_and(|group| group.hunt);
                let queue = group
                    .filter(|group| group.queue)
                    .map(|group| group.name.as_str());
                parts.extend([
                    atom("calling"),
                    atom("int"),
                    atom("group"),
                    tuple([
                        atom(if hunt { "hunt" } else { "ring" }),
                        number(group.map(|group| group.id)),
                        undefined(),
                        undefined(),
                        text(queue),
                    ]),
                ]);
            }
            Doing::CallingOut(address) => {
                parts.extend([
                    atom("calling"),
                    atom("ext"),
                    atom("pstn"),
                    tuple([binary(address)]),
                ]);
            }
            Doing::Ringing => parts.push(atom("ringing")),
            Doing::Bridged => parts.push(atom("bridged")),
            Doing::Voicemail(index) => {
                let user = self.users.get(*index);
                parts.extend([
                    atom("voicemail"),
                    atom("user"),
                    number(user.map(|user| user.id)),
                    text(user.map(|user| user.name.as_str())),
                ]);
            }
            Doing::CheckingVoicemail(index) => {
                let user = self.users.get(*index);
                let name = text(user.map(|user| user.name.as_str()));
                parts.extend([atom("checking_voicemail"), name]);
            }
            Doing::Ivr => parts.extend([atom("ivr"), int(7)]),
            Doing::SystemOperation => {
                parts.extend([atom("system_operation"), atom("business_hours")]);
            }
            Doing::XmlIvr => parts.push(atom("xml_ivr")),
            Doing::Conference => parts.extend([atom("conference"), binary("3001")]),
            Doing::Park { slot, by } => {
                let by = self.users.get(*by);
                parts.extend([
                    atom("park"),
                    int(i64::from(*slot)),
                    text(by.map(|by| by.number.as_str())),
                    number(by.map(|by| by.id)),
                    text(by.map(|by| by.name.as_str())),
                ]);
            }
            Doing::Eavesdrop(uuid) => {
                parts.extend([atom("eavesdrop"), binary(uuid), atom("listen")]);
            }
        }
        tuple(parts)
    }

    /// The related leg in short.
    fn other_info(self, leg: &Channel) -> Term {
        let Some(other) = leg.other.and_then(|other| self.channels.get(&other)) else {
            return undefined();
        };
        let who = if other.external {
            [atom("end_user"), text(other.end_user.as_deref())]
        } else {
            [atom("user"), number(self.user_id(other.user))]
        };
        let address = if other.outbound {
            &other.called_number
        } else {
            &other.calling_number
        };
        tuple(who.into_iter().chain([
            atom(if other.outbound {
                "outbound"
            } else {
                "inbound"
            }),
            atom(if other.external {
                "external"
            } else {
                "internal"
            }),
            binary(address),
            int(other.offered),
            undefined(),
            undefined(),
        ]))
    }
}

pub(super) fn user(user: &User) -> Row {
    vec![
        ("id", int(user.id)),
        ("name", binary(&user.name)),
        ("fwd_always_status", int(0)),
        ("do_not_disturb_status", int(user.dnd.into())),
        ("language", int(0)),
        ("main_extension", binary(&user.number)),
        ("presence", int(0)),
        ("role", int(if user.number == "1001" { 100 } else { 0 })),
        ("park_group", int(0)),
        ("flags", int(0)),
        ("email", binary(&format!("{}@test1.com", user.name))),
        ("label", binary(user.label)),
        ("mwi", binary("")),
    ]
}

pub(super) fn group(group: &Group) -> Row {
    vec![
        ("id", int(group.id)),
        ("name", binary(&group.name)),
        ("type", int(group.hunt.into())),
        ("language", int(0)),
        ("main_extension", binary(&group.number)),
        ("queue", int(group.queue.into())),
        ("label", binary(&group.name)),
        ("flags", int(4)),
        ("check_login_status", int(1)),
        ("mwi", list([])),
    ]
}

pub(super) fn member(member: &Member, group: &Group, users: &[User]) -> Row {
    vec![
        ("id", int(member.id)),
        ("group_id", int(group.id)),
        (
            "user_id",
            number(users.get(member.user).map(|user| user.id)),
        ),
        ("priority", int(0)),
        ("login_status", int(member.logged_in.into())),
        ("role", int(0)),
    ]
}

pub(super) fn terminal(user: &User) -> Row {
    vec![
        ("id", int(user.id + 1_000_000)),
        ("name", binary(&format!("{}-a", user.number))),
        ("assoc_user_id", int(user.id)),
        ("type", word(Some("sip"))),
        ("user_agent", binary("Basix SIP phone")),
        ("registered", write::bool(user.registered)),
    ]
}

pub(super) fn domain(name: &str) -> Row {
    vec![("id", int(42)), ("name", binary(name)), ("status", int(0))]
}

fn call_id(uuid: &str) -> String {
    format!("{}@203.0.113.9", uuid.replace('-', ""))
}
