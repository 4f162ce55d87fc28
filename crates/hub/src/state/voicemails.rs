//! Voicemail.

use std::sync::Arc;

use model::{Collection, Data, EntityId, EventType, Text, Voicemail, observation::Fact};

use super::{
    Last, State,
    mark::{About, Involved, Turn, subject},
};
use crate::{block::Key, draft::Closing};

impl State {
    /// Folds what a message tells of a voicemail message.
    pub(super) fn voicemail(&mut self, turn: &mut Turn<'_>, fact: &Fact) {
        let Fact::Voicemail {
            key,
            mailbox,
            present,
            read,
            caller,
            duration_ms,
            counters,
        } = fact
        else {
            return;
        };
        let id = turn.mark.source.entity(key);
        let (known, gone) = self.known_voicemail(turn, &id, mailbox);
        let first = known.is_none();
        if gone || (first && !present) {
            return;
        }
        let mut voicemail = known.unwrap_or_else(|| Voicemail {
            received_at: Some(turn.mark.when()),
            ..blank_voicemail(id.clone(), mailbox)
        });
        let before = voicemail.read;
        if let Some(caller) = caller {
            let mut party = voicemail.caller.clone().unwrap_or_default();
            party.merge(caller);
            let tenant = turn.mark.tenant.clone();
            self.enrich(&turn.mark.source, tenant.as_ref(), &mut party);
            voicemail.caller = Some(party);
        }
        voicemail.read = read.or(voicemail.read);
        voicemail.duration_ms = duration_ms.or(voicemail.duration_ms);
        voicemail.counters = counters.or(voicemail.counters);
        let kind = if !present {
            EventType::VoicemailDeleted
        } else if first {
            EventType::VoicemailReceived
        } else if voicemail.read == Some(true) && before != Some(true) {
            EventType::VoicemailRead
        } else {
            return;
        };
        voicemail.version += 1;
        let version = voicemail.version;
        let mut involved = Involved::default();
        involved.extension(Key::of(&voicemail.mailbox));
        if let Some(caller) = &voicemail.caller {
            self.involve_party(&mut involved, caller);
        }
        self.voicemails
            .insert(id.clone(), (voicemail.clone(), !present));
        self.closed_now(turn, Collection::Voicemails, &id, version);
        let about = About {
            kind,
            time: turn.mark.when(),
            subject: subject("voicemails", &id),
            partition: id.text(),
            correlation: None,
            tenant: turn.mark.tenant.clone(),
            version,
            involved: &involved,
        };
        let data = Data {
            voicemail: Some(Arc::new(voicemail)),
            ..Data::default()
        };
        turn.say(about, data).closes = Some(Closing {
            collection: Collection::Voicemails,
            aliases: Vec::new(),
        });
    }

    /// A message of which something was published before, and whether it is gone.
    fn known_voicemail(
        &self,
        turn: &mut Turn<'_>,
        id: &EntityId,
        mailbox: &Text,
    ) -> (Option<Voicemail>, bool) {
        if let Some((known, gone)) = self.voicemails.get(id) {
            return (Some(known.clone()), *gone);
        }
        let Some(archived) = turn.archive.find(Collection::Voicemails, id) else {
            return (None, false);
        };
        let (kind, version) = (archived.kind(), archived.version);
        let known = match archived.last {
            Last::Event(last) => last.data.voicemail.as_deref().cloned(),
            Last::Remains(_) => Some(Voicemail {
                read: (kind == EventType::VoicemailRead).then_some(true),
                version,
                ..blank_voicemail(archived.id, mailbox)
            }),
        };
        (known, kind == EventType::VoicemailDeleted)
    }
}

/// A message of which nothing is known but its box.
fn blank_voicemail(id: EntityId, mailbox: &Text) -> Voicemail {
    Voicemail {
        id,
        mailbox: Text::clone(mailbox),
        caller: None,
        received_at: None,
        duration_ms: None,
        read: None,
        uri: None,
        counters: None,
        version: 0,
    }
}
