//! Who is on a leg, who is on the other one, and whom a call is for.

use model::Party;

use super::{Translator, read};
use crate::wire::{self, Channel, Destination};

impl Translator {
    /// Who is on a leg.
    pub(super) fn leg_party(&mut self, channel: &Channel<'_>) -> Party {
        let outbound = channel.direction.as_deref() == Some("outbound");
        let (number, name) = if outbound {
            (read::text(&channel.called_number), None)
        } else {
            (
                read::text(&channel.calling_number),
                read::text(&channel.calling_name),
            )
        };
        let number = number.or_else(|| read::text(&channel.peer_number));
        let number = number.filter(|number| read::pseudo(number).is_none());
        // A name that only repeats the number is none.
        let name = name.filter(|name| Some(*name) != number);
        if channel.peer_location.as_deref() != Some("external")
            && let Some(user) = read::number_id(channel.user_id)
        {
            let party = self
                .directory
                .user_party(&user, read::text(&channel.user_name).or(name));
            if party.number.is_some() {
                return party;
            }
            let number = number.map(|number| self.directory.number(number));
            return Party { number, ..party };
        }
        let mut party = match number {
            Some(number) if channel.peer_location.as_deref() == Some("external") => {
                Party::numbered(self.directory.public(number))
            }
            Some(number) => self.directory.party(number, name),
            None => Party::default(),
        };
        party.name = party.name.or_else(|| name.map(Into::into));
        if let Some(end_user) = &channel.end_user
            && end_user.count() == 1
            && let Some(contact) = end_user.contacts().next()
            && !contact.name.trim().is_empty()
        {
            party.name = Some(read::cut(contact.name.trim()).into());
        }
        party
    }

    pub(super) fn other_party(&mut self, other: &wire::OtherInfo<'_>) -> Option<Party> {
        if let Some(user) = read::number_id(other.user_id) {
            return Some(self.directory.user_party(&user, None));
        }
        let address = read::text(&other.address)?;
        let mut party = Party::numbered(self.directory.public(address));
        let contact = other
            .end_user
            .as_ref()
            .filter(|end_user| end_user.count() == 1);
        let name = contact.and_then(|end_user| end_user.contacts().next());
        party.name = name
            .filter(|contact| !contact.name.trim().is_empty())
            .map(|contact| read::cut(contact.name.trim()).into());
        Some(party)
    }

    /// Whom a call is for.
    pub(super) fn target_party(&mut self, target: &wire::Target<'_>) -> Option<Party> {
        let id = read::number_id(target.id)?;
        match target.kind.as_deref() {
            Some("user") => Some(self.directory.user_party(&id, read::text(&target.name))),
            Some("group") => {
                let known = self
                    .directory
                    .group(&id)
                    .and_then(|group| group.name.clone());
                let name = known.or_else(|| read::text(&target.name).map(Into::into));
                Some(Party {
                    name,
                    ..Party::default()
                })
            }
            _ => None,
        }
    }

    /// Whom a leg calls now.
    pub(super) fn destination_party(&mut self, to: &Destination<'_>) -> Option<Party> {
        match to {
            Destination::User { id } => {
                Some(self.directory.user_party(&read::number_id(*id)?, None))
            }
            Destination::Group { id, queue_id, .. } => {
                let id = read::number_id(*id)?;
                let group = self.directory.group(&id);
                let name = group.and_then(|group| group.name.clone());
                let number = group.and_then(|group| group.number.clone());
                Some(Party {
                    number: number.as_deref().map(model::Number::internal),
                    name: name.or_else(|| read::text(queue_id).map(Into::into)),
                    ..Party::default()
                })
            }
            Destination::Pstn { address } => {
                let address = read::text(address)?;
                Some(Party::numbered(self.directory.public(address)))
            }
            Destination::Endpoint { name, host } => {
                let (name, host) = (read::text(name)?, read::text(host)?);
                Some(Party {
                    uri: Some(format!("sip:{name}@{host}").into()),
                    ..Party::default()
                })
            }
            Destination::Other { .. } => None,
        }
    }
}
