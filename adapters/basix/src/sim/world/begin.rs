//! How a call begins: who calls whom.

use adapter::truth::TrueCall;
use model::Direction;
use serde::{Deserialize, Serialize};

use super::{Act, World};
use crate::sim::{
    call::{Call, Channel},
    people,
    plot::{From, Plot, Step},
};

/// A call that is wanted. What is left open is up to chance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The story it follows.
    pub plot: Plot,
    /// Who calls: a user's number, or any number outside.
    #[serde(default)]
    pub caller: Option<String>,
    /// Who is called: a user's number, or any number outside. Where a group is called, who answers is up to chance.
    #[serde(default)]
    pub callee: Option<String>,
    /// The group, for plots with one, by number.
    #[serde(default)]
    pub group: Option<String>,
}

impl Order {
    /// A call of that story, all else up to chance.
    #[must_use]
    pub fn of(plot: Plot) -> Self {
        Self {
            plot,
            caller: None,
            callee: None,
            group: None,
        }
    }
}

impl World {
    /// Begins a call, unless nobody is free to take part. Yields the uuid of its first leg.
    pub(in crate::sim) fn begin(&mut self, order: &Order) -> Option<String> {
        let plot = order.plot;
        let group = if plot.is_grouped() {
            Some(self.wanted_group(order)?)
        } else {
            None
        };
        let at = self.micros();
        let mut first = Channel {
            uuid: self.uuid(),
            offered: at,
            event: "NEW_CHANNEL",
            ..Channel::default()
        };
        let mut caller_user = None;
        match plot.from() {
            From::Outside => {
                let (number, end_user) = people::outsider(&mut self.rng);
                first.external = true;
                first.calling_number = order.caller.clone().unwrap_or(number);
                first.calling_name = Some(first.calling_number.clone());
                first.end_user = end_user;
                first.called_number = people::did(&mut self.rng);
            }
            From::User | From::Program => {
                let user = self.wanted_user(order.caller.as_deref(), &[])?;
                caller_user = Some(user);
                first.user = Some(user);
                first.calling_number = self.users[user].number.clone();
            }
        }
        let busy: Vec<usize> = caller_user.into_iter().collect();
        let (mut user, mut outside) = (None, None);
        if plot.is_outbound() {
            let (number, _) = people::outsider(&mut self.rng);
            outside = Some(order.callee.clone().unwrap_or(number));
        } else if group.is_none() && plot.service().is_none() {
            user = Some(self.wanted_user(order.callee.as_deref(), &busy)?);
        }
        let dialled = match (plot.from(), user, &outside) {
            (From::Outside, ..) => first.called_number.clone(),
            (_, Some(user), _) => self.users[user].number.clone(),
            (_, _, Some(number)) => number.clone(),
            _ => plot.service().unwrap_or_default().to_owned(),
        };
        match plot.from() {
            From::Outside => {}
            From::User => first.called_number.clone_from(&dialled),
            From::Program => {
                first.outbound = true;
                first.called_number.clone_from(&first.calling_number);
                first.origination = Some(format!("crm%20click*{dialled}*+81"));
                first.tags = Some("monitoring_required;auto_answer;");
                first.event = "CHANNEL_ORIGINATE";
            }
        }
        let direction = match (plot.from(), plot.is_outbound()) {
            (From::Outside, _) => Direction::Inbound,
            (_, true) => Direction::Outbound,
            (_, false) => Direction::Internal,
        };
        let truth = TrueCall {
            key: first.uuid.clone(),
            shadow: None,
            story: plot.name(),
            direction,
            caller: first.calling_number.clone(),
            callee: dialled,
            started_at: model::Timestamp::from_micros(at),
            waits: Vec::new(),
            rang: Vec::new(),
            talked: Vec::new(),
            holds: Vec::new(),
            transfers: Vec::new(),
            interaction: first.uuid.clone(),
            ended_at: None,
            end: None,
        };
        let uuid = first.uuid.clone();
        if let Some(user) = caller_user {
            self.users[user].legs += 1;
        }
        let key = self.key();
        self.channels.insert(key, first);
        let mut steps = plot.steps();
        if matches!(plot.from(), From::Program) {
            // The user's own phone answers before anybody else is called.
            steps.insert(2, Step::Wait(1.0..3.0));
        }
        self.calls.insert(
            key,
            Call {
                plot,
                steps,
                first: key,
                ringing: Vec::new(),
                with: None,
                user,
                group,
                outside,
                consult: None,
                listener: None,
                rang_before: Vec::new(),
                truth,
            },
        );
        self.after(std::time::Duration::ZERO, Act::Continue(key));
        Some(uuid)
    }

    /// Somebody who could take a call now, but none of `but`.
    pub(super) fn somebody_free(&mut self, but: &[usize]) -> Option<usize> {
        let free: Vec<usize> = (0..self.users.len())
            .filter(|index| self.users[*index].is_free() && !but.contains(index))
            .collect();
        self.rng.pick(&free).copied()
    }

    pub(super) fn find_number(&self, number: &str) -> Option<usize> {
        self.users.iter().position(|user| user.number == number)
    }

    fn wanted_user(&mut self, number: Option<&str>, but: &[usize]) -> Option<usize> {
        match number {
            Some(number) => self.find_number(number),
            None => self.somebody_free(but),
        }
    }

    fn wanted_group(&mut self, order: &Order) -> Option<usize> {
        if let Some(number) = &order.group {
            return self.groups.iter().position(|group| group.number == *number);
        }
        let hunt = order.plot == Plot::Hunt;
        let fitting: Vec<usize> = (0..self.groups.len())
            .filter(|index| {
                if hunt {
                    self.groups[*index].hunt
                } else {
                    self.groups[*index].queue
                }
            })
            .collect();
        self.rng.pick(&fitting).copied()
    }

    pub(super) fn key(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Looks like one, and is another for each leg.
    pub(super) fn uuid(&mut self) -> String {
        let (high, low) = (self.rng.number(), self.rng.number());
        let serial = self.key();
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xFFFF,
            high & 0xFFF,
            low >> 52,
            ((low & 0xFFFF) << 32) | (serial & 0xFFFF_FFFF),
        )
    }
}
