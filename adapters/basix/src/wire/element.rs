//! What the elements hold. Names, order and presence of fields are the PBX's; all of them are optional.

use std::borrow::Cow;

use super::{
    encoded::{EndUser, Origination, Tags},
    party::{OtherInfo, Target},
    record::{Record, Scalar, record},
    spec::Element,
    state::State,
    term::Term,
};

/// An entity in its native type.
#[derive(Clone, Debug, PartialEq)]
pub enum Body<'a> {
    /// `channel`, `channel_waiting`, `queued_channel`, `parked_channel`.
    Channel(Box<Channel<'a>>),
    /// `user`.
    User(Box<User<'a>>),
    /// `group`.
    Group(Box<Group<'a>>),
    /// `group_member`.
    GroupMember(GroupMember),
    /// `terminal`.
    Terminal(Terminal<'a>),
    /// `domain`.
    Domain(Domain<'a>),
    /// Another element: its fields are those of [`Entity::fields`](super::Entity::fields).
    Unknown,
}

record! {
    /// A call leg.
    Channel<'a> {
        /// The leg.
        uuid: Scalar<'a> = "uuid",
        /// `inbound`: offered to the PBX; `outbound`: offered by the PBX.
        direction: Scalar<'a> = "direction",
        /// `internal` or `external`.
        peer_location: Scalar<'a> = "peer_location",
        calling_name: Scalar<'a> = "calling_name",
        calling_number: Scalar<'a> = "calling_number",
        called_number: Scalar<'a> = "called_number",
        /// The other party's number, in `queued_channel` and `parked_channel`.
        peer_number: Scalar<'a> = "peer_number",
        /// When the leg began, µs since 1970.
        offer_timestamp: Option<i64> = "offer_timestamp",
        /// When it was answered, µs since 1970.
        answer_timestamp: Option<i64> = "answer_timestamp",
        /// When it ended, µs since 1970.
        hangup_timestamp: Option<i64> = "hangup_timestamp",
        /// The bridged leg, or the leg that this one was made for.
        other_uuid: Scalar<'a> = "other_uuid",
        /// The user on this leg.
        user_id: Option<i64> = "user_id",
        user_name: Scalar<'a> = "user_name",
        /// What it is doing. Told of nothing while brand-new.
        state: Option<State<'a>> = "state",
        /// The group that owns it.
        group_id: Option<i64> = "group_id",
        group_name: Scalar<'a> = "group_name",
        /// Whom it was for, of inbound legs.
        target: Option<Target<'a>> = "target",
        /// Who made it through the API.
        origination: Origination<'a> = "origination",
        /// Who is outside, from the address book.
        end_user: Option<EndUser<'a>> = "end_user",
        tags: Tags<'a> = "tags",
        /// The last user that was bridged to this end user's leg.
        last_bridged_user_id: Option<i64> = "last_bridged_user_id",
        /// `CHANNEL_ANSWER`, `STATE_CHANGE`, `CHANNEL_HANGUP`…
        last_event: Scalar<'a> = "last_event",
        /// On hangup `<disposition>,<cause>`.
        last_event_data: Scalar<'a> = "last_event_data",
        /// The related leg in short. Boxed, since with it a leg would be too large for the fast lanes of allocators.
        other_info: Option<Box<OtherInfo<'a>>> = "other_info",
        /// SIP's Call-ID.
        call_id: Scalar<'a> = "call_id",
        /// Of Whoscall, percent-encoded JSON.
        whoscall: Scalar<'a> = "whoscall",
    }
}

record! {
    /// A user: a person with an extension.
    User<'a> {
        id: Option<i64> = "id",
        name: Scalar<'a> = "name",
        fwd_always_status: Option<i64> = "fwd_always_status",
        do_not_disturb_status: Option<i64> = "do_not_disturb_status",
        language: Option<i64> = "language",
        main_extension: Scalar<'a> = "main_extension",
        presence: Option<i64> = "presence",
        /// 100 is an administrator.
        role: Option<i64> = "role",
        /// Its park slots begin at 901 + 3 × this.
        park_group: Option<i64> = "park_group",
        mwi_target: Scalar<'a> = "mwi_target",
        /// Bits; 1024: Whoscall.
        flags: Option<i64> = "flags",
        followme: Option<Term<'a>> = "followme",
        email: Scalar<'a> = "email",
        avatar: Scalar<'a> = "avatar",
        label: Scalar<'a> = "label",
        /// Counters of messages, new and saved; empty when there are none.
        mwi: Scalar<'a> = "mwi",
    }
}

record! {
    /// A ring or hunt group.
    Group<'a> {
        id: Option<i64> = "id",
        name: Scalar<'a> = "name",
        /// 0: ring, 1: hunt.
        kind: Option<i64> = "type",
        language: Option<i64> = "language",
        main_extension: Scalar<'a> = "main_extension",
        /// Whether callers queue.
        queue: Option<i64> = "queue",
        label: Scalar<'a> = "label",
        flags: Option<i64> = "flags",
        /// Whether members log in.
        check_login_status: Option<i64> = "check_login_status",
        mwi: Scalar<'a> = "mwi",
    }
}

record! {
    /// A user's membership in a group.
    GroupMember {
        id: Option<i64> = "id",
        group_id: Option<i64> = "group_id",
        user_id: Option<i64> = "user_id",
        priority: Option<i64> = "priority",
        /// 0: logged out.
        login_status: Option<i64> = "login_status",
        role: Option<i64> = "role",
    }
}

record! {
    /// A phone.
    Terminal<'a> {
        id: Scalar<'a> = "id",
        name: Scalar<'a> = "name",
        assoc_user_id: Option<i64> = "assoc_user_id",
        kind: Scalar<'a> = "type",
        user_agent: Scalar<'a> = "user_agent",
        registered: Option<bool> = "registered",
    }
}

record! {
    /// The domain: there is one.
    Domain<'a> {
        id: Scalar<'a> = "id",
        name: Scalar<'a> = "name",
        status: Option<i64> = "status",
    }
}

impl<'a> Body<'a> {
    pub(super) fn empty(element: &Element) -> Self {
        match element {
            Element::Channel
            | Element::ChannelWaiting
            | Element::QueuedChannel
            | Element::ParkedChannel => Self::Channel(Box::default()),
            Element::User => Self::User(Box::default()),
            Element::Group => Self::Group(Box::default()),
            Element::GroupMember => Self::GroupMember(GroupMember::default()),
            Element::Terminal => Self::Terminal(Terminal::default()),
            Element::Domain => Self::Domain(Domain::default()),
            Element::Other(_) => Self::Unknown,
        }
    }

    pub(super) fn slot(element: &Element, name: &str) -> Option<u8> {
        match element {
            Element::Channel
            | Element::ChannelWaiting
            | Element::QueuedChannel
            | Element::ParkedChannel => Channel::slot(name),
            Element::User => User::slot(name),
            Element::Group => Group::slot(name),
            Element::GroupMember => GroupMember::slot(name),
            Element::Terminal => Terminal::slot(name),
            Element::Domain => Domain::slot(name),
            Element::Other(_) => None,
        }
    }

    #[inline]
    pub(super) fn take(&mut self, slot: u8, value: Term<'a>) -> bool {
        if value.is_absent() {
            return true;
        }
        match self {
            Self::Channel(channel) => channel.take(slot, value),
            Self::User(user) => user.take(slot, value),
            Self::Group(group) => group.take(slot, value),
            Self::GroupMember(member) => member.take(slot, value),
            Self::Terminal(terminal) => terminal.take(slot, value),
            Self::Domain(domain) => domain.take(slot, value),
            Self::Unknown => false,
        }
    }
}

impl GroupMember {
    /// Its key: its id, else who is in what.
    #[must_use]
    pub fn key(&self) -> Option<Cow<'static, str>> {
        match (self.id, self.user_id, self.group_id) {
            (Some(id), ..) => Some(id.to_string().into()),
            (None, Some(user), Some(group)) => Some(format!("{user}:{group}").into()),
            _ => None,
        }
    }
}
