//! A call inside the simulated service.

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
    pub(super) session: String,
    /// The SIP Call-ID of the leg that came in.
    pub(super) call_id: String,
    pub(super) plot: Plot,
    pub(super) steps: VecDeque<Step>,
    pub(super) caller: Side,
    /// As dialled.
    pub(super) callee: Side,
    /// Where the call goes now.
    pub(super) towards: Side,
    /// Its legs; the caller's is the first.
    pub(super) legs: Vec<Leg>,
    /// Index of the queue.
    pub(super) queue: Option<usize>,
    /// A trunk carries it.
    pub(super) trunk: bool,
    pub(super) trunk_answered: bool,
    /// The consultation call that was made for this one.
    pub(super) consult: Option<String>,
    /// What is being recorded: its temporary id, the leg, and since when.
    pub(super) recording: Option<(String, usize, i64)>,
    pub(super) in_conference: Option<i64>,
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

/// A leg.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub(super) channel: String,
    /// Towards the PBX.
    pub(super) inbound: bool,
    pub(super) side: Side,
    /// The session that the PBX says it belongs to, when a transfer moved it.
    pub(super) session: Option<String>,
    /// What is shown to it as the other side, when that changed.
    pub(super) shown: Option<Side>,
    /// The queue that rang it.
    pub(super) queue: Option<usize>,
    pub(super) rings: bool,
    pub(super) talks: bool,
    pub(super) ended: bool,
}

impl Call {
    pub(super) fn new(
        session: String,
        plot: Plot,
        caller: Side,
        callee: Side,
        towards: Side,
        at: i64,
    ) -> Self {
        Self {
            call_id: format!("{session}@100.64.1.2"),
            plot,
            steps: plot.steps(),
            truth: TrueCall {
                key: session.clone(),
                shadow: Some(format!("{session}@100.64.1.2")),
                story: plot.word(),
                direction: plot.direction(),
                caller: caller.number.clone(),
                callee: callee.number.clone(),
                started_at: Timestamp::from_millis(at),
                waits: Vec::new(),
                rang: Vec::new(),
                talked: Vec::new(),
                holds: Vec::new(),
                transfers: Vec::new(),
                interaction: session.clone(),
                ended_at: None,
                end: None,
            },
            session,
            caller,
            callee,
            towards,
            legs: Vec::new(),
            queue: None,
            trunk: plot.direction() != model::Direction::Internal,
            trunk_answered: false,
            consult: None,
            recording: None,
            in_conference: None,
        }
    }

    /// Legs of the called side that ring now.
    pub(super) fn ringing(&self) -> Vec<usize> {
        self.those(|leg| leg.rings && !leg.ended)
    }

    /// The leg of the called side that talks now.
    pub(super) fn talking(&self) -> Option<usize> {
        self.those(|leg| leg.talks && !leg.ended).pop()
    }

    fn those(&self, wanted: impl Fn(&Leg) -> bool) -> Vec<usize> {
        (1..self.legs.len())
            .filter(|index| wanted(&self.legs[*index]))
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

impl Leg {
    pub(super) fn new(channel: String, inbound: bool, side: Side) -> Self {
        Self {
            channel,
            inbound,
            side,
            session: None,
            shown: None,
            queue: None,
            rings: false,
            talks: false,
            ended: false,
        }
    }
}
