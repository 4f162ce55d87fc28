//! A call inside the simulated PBX.

use std::collections::VecDeque;

use adapter::truth::TrueCall;
use model::Timestamp;

use super::{
    plot::{Plot, Step},
    truth::Ending,
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
    pub(super) truth: TrueCall,
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
            truth: TrueCall {
                key: session.to_string(),
                shadow: None,
                story: plot.word().to_owned(),
                direction: plot.truly(),
                caller: caller.number.clone(),
                callee: callee.number.clone(),
                started_at: Timestamp::from_millis(started),
                waits: Vec::new(),
                rang: Vec::new(),
                talked: Vec::new(),
                holds: Vec::new(),
                transfers: Vec::new(),
                interaction: session.to_string(),
                ended_at: None,
                end: None,
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

    pub(super) fn ends(&mut self, ending: Ending, at: i64) {
        let mut end = ending.truth();
        if ending == Ending::Lost && !self.truth.talked.is_empty() {
            end.outcome = model::Outcome::Answered;
        }
        self.truth.ends(end, Timestamp::from_millis(at));
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
