//! Recordings and voicemail.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use adapter::json::Json;
use model::{
    Basis, Fact, RecordingState, Route, RouteKind, Text, VoicemailCounters, observation::CallPatch,
    source::Action,
};

use super::{
    Translator, end,
    read::{self, number, seconds, text},
    session::{Session, leg_id},
    tell::{self, Telling},
};
use crate::wire::{Event, Recording, RecordingStep, Voicemail, VoicemailStep};

/// Recordings that go on, and messages in boxes, that are remembered.
const MAX_KNOWN: usize = 50_000;

/// The longest call in which a message is left.
const MESSAGE: Duration = Duration::from_secs(1_800);

/// What is remembered of recordings and messages.
#[derive(Default)]
pub(super) struct Records {
    /// By leg: the temporary id of what is being recorded.
    going_on: HashMap<Text, Text>,
    /// By box: the messages in it that were told of.
    boxes: HashMap<Text, BTreeSet<Text>>,
    order: VecDeque<(Text, Text)>,
}

impl Records {
    fn message(&mut self, mailbox: &Text, id: &Text) {
        let fresh = self
            .boxes
            .entry(mailbox.clone())
            .or_default()
            .insert(id.clone());
        if !fresh {
            return;
        }
        self.order.push_back((mailbox.clone(), id.clone()));
        if self.order.len() > MAX_KNOWN
            && let Some((mailbox, id)) = self.order.pop_front()
        {
            self.gone(&mailbox, &id);
        }
    }

    fn gone(&mut self, mailbox: &Text, id: &Text) {
        if let Some(messages) = self.boxes.get_mut(mailbox) {
            messages.remove(id);
            if messages.is_empty() {
                self.boxes.remove(mailbox);
            }
        }
    }
}

impl Translator {
    fn recorded(&mut self, leg: &Text, id: &Text) {
        let (going_on, sessions) = (&mut self.records.going_on, &self.sessions);
        if going_on.len() >= MAX_KNOWN {
            // Those whose end was lost are of legs that nobody knows any more.
            going_on.retain(|leg, _| sessions.of_leg(leg).is_some());
        }
        if going_on.len() < MAX_KNOWN {
            going_on.insert(leg.clone(), id.clone());
        }
    }

    /// `RECORDING_*`. What is being recorded has a temporary id; what is stored another.
    pub(super) fn recording(
        &mut self,
        tell: &mut Telling,
        event: &Event<'_>,
        step: RecordingStep,
        body: &Recording<'_>,
    ) {
        let server = text(&event.server).unwrap_or("");
        let leg = text(&body.channel).map(|channel| leg_id(server, channel));
        let call = leg.as_ref().and_then(|leg| self.sessions.of_leg(leg));
        if let Some(session) = call.as_ref().and_then(|key| self.sessions.get(key)) {
            tell.conceal |= session.is_private();
        }
        let told = text(&event.id).map(Text::from);
        let (keys, state, rule): (Vec<Text>, _, _) = match step {
            RecordingStep::Start => {
                let Some(key) = told else {
                    return tell.missing("_id");
                };
                if let Some(leg) = &leg {
                    self.recorded(leg, &key);
                }
                (vec![key], RecordingState::Recording, "RECORDING_START")
            }
            RecordingStep::End => {
                let by_leg = leg
                    .as_ref()
                    .and_then(|leg| self.records.going_on.remove(leg));
                let Some(key) = told.or(by_leg) else {
                    return tell.missing("_id");
                };
                (vec![key], RecordingState::Ended, "RECORDING_END")
            }
            RecordingStep::Update => match told {
                Some(key) => (vec![key], RecordingState::Ended, "RECORDING_UPDATE"),
                None => {
                    let keys = self.being_recorded(server, &body.channels);
                    (keys, RecordingState::Recording, "RECORDING_UPDATE")
                }
            },
            RecordingStep::Deleted => {
                let Some(key) = told else {
                    return tell.missing("_id");
                };
                (vec![key], RecordingState::Deleted, "RECORDING_DELETED")
            }
        };
        let mut native = tell::native(&[
            ("employee", text(&event.employee)),
            ("channel", text(&body.channel)),
            ("source", text(&body.source)),
        ]);
        if step == RecordingStep::Update {
            // Nothing says what is new about it, only that something is.
            native.set("updated_at", tell.now.wall.to_string());
        }
        for key in keys {
            let fact = Fact::Recording {
                key,
                alias: read::shared(&body.recording_id),
                state,
                call: call.clone(),
                duration_ms: seconds(&body.duration),
                uri: None,
                native: native.clone(),
            };
            tell.say(Basis::Native, rule, None, fact);
        }
    }

    /// What is being recorded on some channels.
    fn being_recorded(&self, server: &str, channels: &Json<'_>) -> Vec<Text> {
        let Json::Array(channels) = channels else {
            return Vec::new();
        };
        let mut keys = Vec::new();
        for channel in channels.iter().take(64) {
            let Json::Text(channel) = channel else {
                continue;
            };
            let key = self.records.going_on.get(&leg_id(server, channel));
            if let Some(key) = key.filter(|key| !keys.contains(*key)) {
                keys.push(key.clone());
            }
        }
        keys
    }

    /// `VOICEMAIL_*`; the id is the employee whose box it is.
    pub(super) fn voicemail(
        &mut self,
        tell: &mut Telling,
        event: &Event<'_>,
        step: VoicemailStep,
        body: &Voicemail<'_>,
    ) {
        let Some(mailbox) = text(&event.id).map(Text::from) else {
            return tell.missing("_id");
        };
        let counters = match (number(&body.new_messages), number(&body.old_messages)) {
            (Some(new), Some(old)) => Some(VoicemailCounters { new, old }),
            _ => None,
        };
        let messages: Vec<Text> = match read::shared(&body.voicemail_id) {
            Some(id) => vec![id],
            None if step == VoicemailStep::Deleted => {
                // None is all of them.
                let known = self.records.boxes.get(&mailbox);
                known.into_iter().flatten().cloned().collect()
            }
            None => return tell.missing("voicemailId"),
        };
        if messages.is_empty() {
            let native = tell::native(&[("employee", Some(&mailbox))]);
            let (kind, action) = ("voicemail", Action::Deleted);
            return self.object(
                tell,
                kind,
                Some(&mailbox),
                action,
                native,
                "VOICEMAIL_DELETED",
            );
        }
        let (rule, heard) = match step {
            VoicemailStep::New => ("VOICEMAIL_NEW", Some(false)),
            VoicemailStep::Old => ("VOICEMAIL_OLD", Some(true)),
            VoicemailStep::Deleted => ("VOICEMAIL_DELETED", None),
        };
        if step == VoicemailStep::New
            && let Some(number) = text(&body.caller_number)
        {
            self.left_a_message(tell, &mailbox, number);
        }
        for id in messages {
            let present = step != VoicemailStep::Deleted;
            if present {
                self.records.message(&mailbox, &id);
            } else {
                self.records.gone(&mailbox, &id);
            }
            let caller = super::call::some(self.directory.party(
                text(&body.caller_number),
                text(&body.caller_name),
                None,
            ));
            let fact = Fact::Voicemail {
                key: id,
                mailbox: mailbox.clone(),
                present,
                read: heard,
                caller,
                duration_ms: seconds(&body.length),
                counters,
            };
            tell.native(rule, fact);
        }
    }

    /// No message says in which call it was left: only one can be meant when one rang the owner of the box in vain, and
    /// something picked up.
    fn left_a_message(&mut self, tell: &mut Telling, mailbox: &Text, number: &str) {
        let since = tell.now.mono.saturating_sub(MESSAGE);
        let is_from = |session: &Session| {
            let caller = session.patch.caller.as_ref();
            caller.is_some_and(|party| {
                party
                    .number
                    .as_ref()
                    .is_some_and(|told| *told.raw == *number)
            })
        };
        let rang_owner = |session: &Session| {
            session.called().any(|leg| {
                let owner = leg
                    .extension
                    .as_ref()
                    .and_then(|id| self.directory.user_of(id));
                leg.rang && owner == Some(mailbox)
            })
        };
        let fits = self.sessions.since(since).filter(|session| {
            session.served && !session.is_answered() && is_from(session) && rang_owner(session)
        });
        let keys: Vec<Text> = fits.map(|session| session.key.clone()).take(2).collect();
        let [key] = keys.as_slice() else {
            return;
        };
        let Some(mut session) = self.sessions.take(key) else {
            return;
        };
        let patch = CallPatch {
            route: Some(Route {
                kind: RouteKind::Voicemail,
                id: Some(mailbox.clone()),
                number: None,
                name: None,
            }),
            ..CallPatch::default()
        };
        session.patch.route.clone_from(&patch.route);
        tell.inferred("VOICEMAIL_NEW.fits_one", session.call_fact(false, patch));
        if session.ended {
            // What was said of its end was said without knowing this.
            let fact = Fact::CallEnded {
                call: key.clone(),
                end: end::of_call(&session),
                settle: Duration::ZERO,
            };
            tell.inferred("VOICEMAIL_NEW.fits_one", fact);
        }
        self.sessions.put(session, tell.now);
    }
}
