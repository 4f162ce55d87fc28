//! A call inside the simulated PBX.

use std::collections::VecDeque;

use super::{
    plot::{Plot, Step},
    truth::{Ending, Rang, Talked, Truth},
};

/// A call and how far it is.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) session: u64,
    pub(super) cdr: u64,
    pub(super) call_id: String,
    pub(super) plot: Plot,
    pub(super) steps: VecDeque<Step>,
    pub(super) caller: Side,
    /// As dialled.
    pub(super) callee: Side,
    /// Where the call goes now.
    pub(super) towards: Side,
    pub(super) did: String,
    /// Index of the queue.
    pub(super) queue: Option<usize>,
    /// Index of the talking target.
    pub(super) talking: Option<usize>,
    pub(super) targets: Vec<Target>,
    /// The consultation call that was made for this one.
    pub(super) consult: Option<u64>,
    /// Unix milliseconds.
    pub(super) started: i64,
    pub(super) truth: Truth,
}

/// One side of a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    pub(super) number: String,
    pub(super) name: String,
    /// Index of the extension, for one inside.
    pub(super) extension: Option<usize>,
}

/// A device or service that the call was sent to. Times are Unix milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) number: String,
    pub(super) destination: String,
    pub(super) extension: Option<usize>,
    pub(super) started: i64,
    pub(super) ringing: Option<i64>,
    pub(super) answered: Option<i64>,
    pub(super) ended: Option<i64>,
    pub(super) status: u16,
    pub(super) reason: &'static str,
}

impl Call {
    pub(super) fn new(
        ids: (u64, u64),
        plot: Plot,
        caller: Side,
        callee: Side,
        did: String,
        started: i64,
    ) -> Self {
        let (session, cdr) = ids;
        Self {
            session,
            cdr,
            call_id: call_id(session),
            plot,
            steps: plot.steps(),
            truth: Truth {
                session_id: session.to_string(),
                plot,
                caller: caller.number.clone(),
                callee: callee.number.clone(),
                direction: plot.direction(),
                started_at: started,
                queue: None,
                rang: Vec::new(),
                talked: Vec::new(),
                ended_at: None,
                ending: None,
            },
            caller,
            towards: callee.clone(),
            callee,
            did,
            queue: None,
            talking: None,
            targets: Vec::new(),
            consult: None,
            started,
        }
    }

    /// Targets that ring now.
    pub(super) fn ringing(&self) -> Vec<usize> {
        let rings = |target: &Target| {
            target.ringing.is_some() && target.answered.is_none() && target.ended.is_none()
        };
        (0..self.targets.len())
            .filter(|index| rings(&self.targets[*index]))
            .collect()
    }

    pub(super) fn rang(&mut self, number: &str, at: i64) {
        let number = number.to_owned();
        self.truth.rang.push(Rang { number, at });
    }

    pub(super) fn talks(&mut self, number: &str, from: i64) {
        let number = number.to_owned();
        self.truth.talked.push(Talked {
            number,
            from,
            to: None,
        });
    }

    pub(super) fn falls_silent(&mut self, at: i64) {
        if let Some(talked) = self.truth.talked.last_mut() {
            talked.to.get_or_insert(at);
        }
    }

    pub(super) fn ends(&mut self, ending: Ending, at: i64) {
        self.falls_silent(at);
        self.truth.ended_at = Some(at);
        self.truth.ending = Some(ending);
    }
}

impl Target {
    pub(super) fn new(side: &Side, destination: String, started: i64) -> Self {
        Self {
            number: side.number.clone(),
            destination,
            extension: side.extension,
            started,
            ringing: None,
            answered: None,
            ended: None,
            status: 0,
            reason: "None",
        }
    }
}

/// A SIP Call-ID as PortSIP's look: 22 characters and two dots.
fn call_id(session: u64) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bits = session.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut id: String = (0..22)
        .map(|_| {
            bits = bits.rotate_left(6).wrapping_add(session);
            char::from(ALPHABET[usize::try_from(bits & 63).unwrap_or(0)])
        })
        .collect();
    id.push_str("..");
    id
}
