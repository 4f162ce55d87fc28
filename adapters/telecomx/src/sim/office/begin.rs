//! How a call begins: who calls whom.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Act, Office};
use crate::sim::{
    call::{Call, Side},
    people,
    plot::Plot,
};

/// A call that is wanted. What is left open is up to chance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The story it follows.
    pub plot: Plot,
    /// Who calls: an extension, or any number outside.
    #[serde(default)]
    pub caller: Option<String>,
    /// Who is called: an extension, or any number outside. Where a queue is called, who answers is up to chance.
    #[serde(default)]
    pub callee: Option<String>,
    /// The queue, for plots with one.
    #[serde(default)]
    pub queue: Option<String>,
}

impl Order {
    /// A call of that story, all else up to chance.
    #[must_use]
    pub fn of(plot: Plot) -> Self {
        Self {
            plot,
            caller: None,
            callee: None,
            queue: None,
        }
    }
}

impl Office {
    /// Begins a call, unless nobody is free to take part. Yields its session.
    pub fn begin(&mut self, order: &Order) -> Option<String> {
        let queue = if order.plot.is_queued() {
            Some(self.wanted_queue(order)?)
        } else {
            None
        };
        let inbound = order.plot.direction() == model::Direction::Inbound;
        let caller = self.wanted_caller(order, inbound)?;
        let towards = match queue {
            Some(_) => Side::default(),
            None if order.plot == Plot::Conference => Side::default(),
            None => self.wanted_callee(order, &caller)?,
        };
        let dialled = match towards.extension {
            _ if !inbound => towards.clone(),
            Some(index) => number(&self.extensions[index].direct),
            None => number(Self::MAIN_NUMBER),
        };
        let session = self.open(order.plot, caller, dialled, towards);
        let call = self.calls.get_mut(&session)?;
        call.queue = queue;
        Some(session)
    }

    pub(super) fn open(&mut self, plot: Plot, caller: Side, callee: Side, towards: Side) -> String {
        let serial = self.serial();
        let session = format!("{:x}-{serial:04x}", (self.start / 1000) & 0xFFFF_FFFF);
        let call = Call::new(session.clone(), plot, caller, callee, towards, self.wall());
        self.calls.insert(session.clone(), call);
        self.after(Duration::ZERO, Act::Continue(session.clone()));
        session
    }

    pub(super) fn side(&self, index: usize) -> Option<Side> {
        let extension = self.extensions.get(index)?;
        Some(Side {
            number: extension.number.clone(),
            name: extension.name.to_owned(),
            extension: Some(index),
        })
    }

    /// Somebody who could take a call now, but not one of `but`.
    pub(super) fn somebody_free(&mut self, but: &[usize]) -> Option<usize> {
        let free: Vec<usize> = (0..self.extensions.len())
            .filter(|index| self.extensions[*index].is_free() && !but.contains(index))
            .collect();
        self.rng.pick(&free).copied()
    }

    fn wanted_queue(&mut self, order: &Order) -> Option<usize> {
        match &order.queue {
            Some(number) => self.queues.iter().position(|q| q.number == *number),
            None if self.queues.is_empty() => None,
            None => Some(self.rng.below(self.queues.len())),
        }
    }

    fn wanted_caller(&mut self, order: &Order, inbound: bool) -> Option<Side> {
        match (&order.caller, inbound) {
            (Some(number), false) => self.side(self.extension(number)?),
            (None, false) => {
                let index = self.somebody_free(&[])?;
                self.side(index)
            }
            (Some(caller), true) => Some(number(caller)),
            (None, true) => Some(self.outsider()),
        }
    }

    fn wanted_callee(&mut self, order: &Order, caller: &Side) -> Option<Side> {
        let outbound = order.plot.direction() == model::Direction::Outbound;
        if outbound {
            return Some(match &order.callee {
                Some(callee) => number(callee),
                None => self.outsider(),
            });
        }
        let index = match &order.callee {
            Some(number) => self.extension(number)?,
            None => self.fitting(order.plot, caller)?,
        };
        self.side(index)
    }

    /// Somebody whom such a call may reach.
    fn fitting(&mut self, plot: Plot, caller: &Side) -> Option<usize> {
        let fits = |extension: &people::Extension| match plot {
            Plot::Unreachable => !extension.online,
            Plot::Busy => extension.online,
            _ => extension.is_free(),
        };
        let fitting: Vec<usize> = (0..self.extensions.len())
            .filter(|index| fits(&self.extensions[*index]))
            .filter(|index| Some(*index) != caller.extension)
            .collect();
        self.rng.pick(&fitting).copied()
    }

    pub(super) fn outsider(&mut self) -> Side {
        let (number, name) = people::outsider(&mut self.rng);
        Side {
            number,
            name,
            extension: None,
        }
    }

    fn extension(&self, number: &str) -> Option<usize> {
        self.extensions.iter().position(|e| e.number == number)
    }
}

fn number(number: &str) -> Side {
    Side {
        number: number.to_owned(),
        ..Side::default()
    }
}
