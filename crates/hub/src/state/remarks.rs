//! Facts that change no entity: they travel as they are.

use model::{Data, EventType, observation::Fact, source::Alert};

use super::{State, mark::Turn};
use crate::block::Key;

/// The most alerts of a source that are remembered as raised.
const MAX_ALERTS: usize = 1_000;

impl State {
    /// Publishes a fact that changes no entity.
    pub(super) fn remark(&mut self, turn: &mut Turn<'_>, fact: &Fact) {
        let (kind, data) = match fact {
            Fact::Directory(object) => {
                let object = Some(object.clone());
                let data = Data {
                    object,
                    ..Data::default()
                };
                (EventType::DirectoryChanged, data)
            }
            Fact::Variable(variable) => {
                let variable = Some(variable.clone());
                let data = Data {
                    variable,
                    ..Data::default()
                };
                (EventType::VariableChanged, data)
            }
            Fact::Alert(alert, raised) => {
                if !self.alert_changes(turn, alert, *raised) {
                    return;
                }
                let alert = Some(alert.clone());
                let data = Data {
                    alert,
                    ..Data::default()
                };
                let kind = if *raised {
                    EventType::AlertRaised
                } else {
                    EventType::AlertCleared
                };
                (kind, data)
            }
            Fact::Message(message) => {
                let message = Some(message.clone());
                let data = Data {
                    message,
                    ..Data::default()
                };
                (EventType::MessageReceived, data)
            }
            Fact::Request(request) => {
                let request = Some(request.clone());
                let data = Data {
                    request,
                    ..Data::default()
                };
                (EventType::RequestReceived, data)
            }
            Fact::Reply(reply) => {
                let reply = Some(reply.clone());
                let data = Data {
                    reply,
                    ..Data::default()
                };
                (EventType::ReplyReceived, data)
            }
            _ => return,
        };
        if !matches!(fact, Fact::Alert(..)) && self.repeated(turn, &format!("{fact:?}")) {
            return;
        }
        self.say_source(turn, kind, data);
    }

    /// Whether an alert is news. One that was raised and not cleared since is not raised again.
    pub(super) fn alert_changes(&mut self, turn: &Turn<'_>, alert: &Alert, raised: bool) -> bool {
        let (kind, whole) = (Key::of(&alert.kind), Key::of(&format!("{alert:?}")));
        let Some(track) = self.sources.get_mut(&turn.mark.source) else {
            return false;
        };
        if raised {
            if track.alerts.len() >= MAX_ALERTS {
                track.alerts.pop_first();
            }
            return track.alerts.insert((kind, whole));
        }
        let before = track.alerts.len();
        if !track.alerts.remove(&(kind, whole)) {
            track.alerts.retain(|(other, _)| *other != kind);
        }
        // Whether it was raised before the gateway started is not known, so this may be news all the same.
        track.alerts.len() < before || !self.repeated(turn, &format!("cleared {alert:?}"))
    }
}
