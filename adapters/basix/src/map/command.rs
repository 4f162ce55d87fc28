//! Commands: which leg is meant, and whether what it does next is what was wanted.

use std::borrow::Cow;

use adapter::{Order, Output, Refusal};
use bytes::Bytes;
use model::{Call, Fact, Leg, LegRole, LegState, Native, Text, observation::CommandOutcome};

use super::{Translator, tell::Telling};
use crate::{
    command::{Hangup, Park, Transfer},
    wire::command::Command,
};

/// A command whose effect has not shown.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    id: Text,
    uuid: Text,
    wanted: Wanted,
}

/// What is to be seen of a leg.
#[derive(Clone, Debug)]
enum Wanted {
    /// It ends.
    Gone,
    /// It is in a slot.
    Parked,
    /// It is not with whom it was.
    Elsewhere {
        peer: Option<Text>,
        towards: Option<Option<Text>>,
    },
}

impl Translator {
    /// Sends a command.
    pub(super) fn order(&mut self, order: &Order, out: &mut Output) -> Result<(), Refusal> {
        let Some(call) = &order.target else {
            return Err(Refusal::not_supported());
        };
        let (uuid, wanted, command) = match order.kind {
            "hangup" => {
                let params: Hangup = order.params()?;
                let uuid = self.meant(call, params.leg.as_deref(), caller)?;
                let command = json(&Command::Hangup {
                    uuid: Cow::Borrowed(&uuid),
                });
                (uuid, Wanted::Gone, command)
            }
            "park" => {
                let params: Park = order.params()?;
                let uuid = self.meant(call, params.leg.as_deref(), outside)?;
                let command = json(&Command::Park {
                    uuid: Cow::Borrowed(&uuid),
                    timeout: params.timeout,
                });
                (uuid, Wanted::Parked, command)
            }
            "transfer" => {
                let params: Transfer = order.params()?;
                let uuid = self.meant(call, params.leg.as_deref(), outside)?;
                let user = self.on_behalf(call, params.user.as_deref(), &uuid)?;
                let command = json(&Command::Transfer {
                    uuid: Cow::Borrowed(&uuid),
                    user_id: user.parse().map_err(|_| no_user())?,
                    user_name: self.account(&user).into(),
                    destination: Cow::Borrowed(&params.destination),
                });
                let leg = self.calls.leg(&uuid);
                let wanted = Wanted::Elsewhere {
                    peer: leg.and_then(|leg| leg.peer.clone()),
                    towards: leg.and_then(|leg| Some(leg.towards.as_ref()?.id.clone())),
                };
                (uuid, wanted, command)
            }
            _ => return Err(Refusal::not_supported()),
        };
        self.pending.push(Pending {
            id: order.id.clone(),
            uuid,
            wanted,
        });
        out.requests.push(command);
        Ok(())
    }

    /// Whether what a leg does now is what a command wanted.
    pub(super) fn outcomes(&mut self, tell: &mut Telling, uuid: &Text) {
        if self.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        for command in pending {
            if command.uuid != *uuid {
                self.pending.push(command);
                continue;
            }
            match self.outcome(&command) {
                Some(outcome) => {
                    let fact = Fact::Command {
                        id: command.id,
                        outcome,
                    };
                    tell.inferred("command.effect", fact);
                }
                None => self.pending.push(command),
            }
        }
    }

    fn outcome(&self, command: &Pending) -> Option<CommandOutcome> {
        let done = |native| Some(CommandOutcome::Succeeded { native });
        let leg = self.calls.leg(&command.uuid).filter(|leg| leg.is_open());
        let (Some(leg), wanted) = (leg, &command.wanted) else {
            return match command.wanted {
                Wanted::Gone => done(Native::new()),
                Wanted::Parked | Wanted::Elsewhere { .. } => Some(CommandOutcome::Failed {
                    reason: "leg_ended".into(),
                    detail: Some("the leg ended before".into()),
                }),
            };
        };
        match wanted {
            Wanted::Gone => None,
            Wanted::Parked => {
                let call = self.calls.call(&leg.call)?;
                let parked = call
                    .parked
                    .as_ref()
                    .filter(|parked| parked.leg == leg.uuid)?;
                let mut native = Native::new();
                if let Some(slot) = &parked.slot {
                    native.set("slot", &**slot);
                }
                done(native)
            }
            Wanted::Elsewhere { peer, towards } => {
                let now = leg.towards.as_ref().map(|route| route.id.clone());
                let moved =
                    (leg.peer.is_some() && leg.peer != *peer) || (now.is_some() && now != *towards);
                moved.then(|| done(Native::new())).flatten()
            }
        }
    }

    /// The channel that a command is about: the leg named, or the one that fits best.
    fn meant(
        &self,
        call: &Call,
        named: Option<&str>,
        best: fn(&Call) -> Option<&Leg>,
    ) -> Result<Text, Refusal> {
        let leg = match named {
            Some(id) => call
                .open_legs()
                .find(|leg| leg.id.as_str() == id)
                .map(|leg| &**leg),
            None => best(call),
        };
        let uuid = leg.and_then(|leg| leg.native.text("channel_uuid"));
        let uuid = uuid.filter(|uuid| self.calls.leg(uuid).is_some_and(super::leg::Leg::is_open));
        uuid.map(Into::into)
            .ok_or_else(|| Refusal::new("no_such_leg", "the call has no such leg, or it has ended"))
    }

    /// The user in whose name a call is sent on.
    fn on_behalf(&self, call: &Call, named: Option<&str>, but: &str) -> Result<Text, Refusal> {
        if let Some(named) = named {
            let by_number = match self.directory.inside(named) {
                Some(super::directory::Inside::User(id)) => Some(id.clone()),
                _ => None,
            };
            let id = by_number.or_else(|| self.directory.user(named).map(|_| named.into()));
            return id.ok_or_else(no_user);
        }
        let legs = call
            .open_legs()
            .filter_map(|leg| self.calls.leg(leg.native.text("channel_uuid")?));
        let users = legs
            .filter(|leg| *leg.uuid != *but)
            .filter_map(|leg| Some((leg.answered, leg.user.clone()?)));
        users
            .max_by_key(|(answered, _)| *answered)
            .map(|(_, user)| user)
            .ok_or_else(no_user)
    }

    fn account(&self, user: &str) -> String {
        let name = self.directory.user(user).and_then(|user| user.name.clone());
        name.map_or_else(String::new, |name| name.to_string())
    }
}

fn caller(call: &Call) -> Option<&Leg> {
    let legs = || call.open_legs().filter(|leg| leg.is_person());
    let caller = legs().find(|leg| leg.role == LegRole::Caller);
    caller.or_else(|| legs().next()).map(|leg| &**leg)
}

/// The leg to somebody outside, else the caller's.
fn outside(call: &Call) -> Option<&Leg> {
    let talks =
        |leg: &&std::sync::Arc<Leg>| matches!(leg.state, LegState::Connected | LegState::Held);
    let away = |leg: &&std::sync::Arc<Leg>| {
        leg.is_person() && leg.party.extension.is_none() && leg.party.user.is_none()
    };
    let mut legs = call.open_legs().filter(away);
    let first = legs.next();
    legs.find(talks)
        .filter(|_| !first.as_ref().is_some_and(talks))
        .or(first)
        .map(|leg| &**leg)
        .or_else(|| caller(call))
}

fn no_user() -> Refusal {
    Refusal::new(
        "no_such_user",
        "say in whose name: `user` is the number or id of an extension",
    )
}

fn json(command: &Command<'_>) -> Bytes {
    serde_json::to_vec(command).unwrap_or_default().into()
}
