//! How a call begins: who calls whom.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Act, World};
use crate::sim::{
    call::{Call, Side},
    people::{self, Presence},
    plot::Plot,
    profile::Profile,
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

impl World {
    /// Begins a call, unless nobody is free to take part. Yields its session.
    pub(in crate::sim) fn begin(&mut self, order: &Order) -> Option<u64> {
        let queue = if order.plot.is_queued() {
            Some(self.wanted_queue(order)?)
        } else {
            None
        };
        let caller = self.wanted_caller(order)?;
        let callee = match queue {
            Some(queue) if order.plot == Plot::Overflow => self.queue_side(queue),
            Some(_) => Side {
                number: Profile::IVR.to_owned(),
                name: String::new(),
                extension: None,
            },
            None => self.wanted_callee(order, &caller)?,
        };
        let did = if order.plot.direction() == "inbound" {
            people::did(&mut self.rng)
        } else {
            String::new()
        };
        let session = self.open(order.plot, caller, callee, did);
        let call = self.calls.get_mut(&session)?;
        call.queue = queue;
        Some(session)
    }

    pub(super) fn open(&mut self, plot: Plot, caller: Side, callee: Side, did: String) -> u64 {
        let session = self.snowflake();
        let ids = (session, session + 1);
        self.serial += 1;
        let call = Call::new(ids, plot, caller, callee, did, self.wall());
        self.calls.insert(session, call);
        self.after(Duration::ZERO, Act::Continue(session));
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

    pub(super) fn queue_side(&self, index: usize) -> Side {
        let queue = self.queues.get(index);
        Side {
            number: queue.map_or_else(String::new, |queue| queue.number.clone()),
            name: queue.map_or_else(String::new, |queue| queue.name.to_owned()),
            extension: None,
        }
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

    fn wanted_caller(&mut self, order: &Order) -> Option<Side> {
        let inside = order.plot.direction() != "inbound";
        match (&order.caller, inside) {
            (Some(number), true) => self.side(self.extension(number)?),
            (None, true) => {
                let index = self.somebody_free(&[])?;
                self.side(index)
            }
            (Some(number), false) => Some(outside(number.clone(), String::new())),
            (None, false) => {
                let (number, name) = people::outsider(&mut self.rng);
                Some(outside(number, name))
            }
        }
    }

    fn wanted_callee(&mut self, order: &Order, caller: &Side) -> Option<Side> {
        match order.plot {
            Plot::Outbound | Plot::OutboundBusy => Some(match &order.callee {
                Some(number) => outside(number.clone(), String::new()),
                None => {
                    let (number, name) = people::outsider(&mut self.rng);
                    outside(number, name)
                }
            }),
            Plot::WrongNumber => Some(outside("799".to_owned(), String::new())),
            _ => {
                let index = match &order.callee {
                    Some(number) => self.extension(number)?,
                    None => self.fitting(order.plot, caller)?,
                };
                self.side(index)
            }
        }
    }

    /// Somebody whom such a call may reach.
    fn fitting(&mut self, plot: Plot, caller: &Side) -> Option<usize> {
        let any = |world: &mut Self, fits: fn(&people::Extension) -> bool| {
            let fitting: Vec<usize> = (0..world.extensions.len())
                .filter(|index| fits(&world.extensions[*index]))
                .filter(|index| Some(*index) != caller.extension)
                .collect();
            world.rng.pick(&fitting).copied()
        };
        match plot {
            Plot::Unreachable => any(self, |extension| !extension.online),
            Plot::Dnd => any(self, |extension| {
                extension.presence == Presence::DoNotDisturb
            }),
            Plot::Busy => any(self, |extension| extension.online),
            _ => any(self, people::Extension::is_free),
        }
    }

    fn extension(&self, number: &str) -> Option<usize> {
        self.extensions.iter().position(|e| e.number == number)
    }
}

fn outside(number: String, name: String) -> Side {
    Side {
        number,
        name,
        extension: None,
    }
}
