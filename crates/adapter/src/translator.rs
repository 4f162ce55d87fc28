//! The pure half of an adapter: frames in, reports out. No IO, no clock.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use model::{Agent, Call, Device, Extension, MemoChange, Now, Queue, Report, Text};

use crate::{Order, Refusal};

/// Decodes frames and gives them meaning. Deterministic: the same inputs yield the same outputs.
pub trait Translator: Send {
    /// A link stands: what was learnt about the connection before is void, and snapshots are due.
    fn connected(&mut self, dialect: Option<&str>, now: Now, out: &mut Output);

    /// One frame. Never fails: what cannot be read is reported as unrecognized.
    fn frame(&mut self, frame: &Bytes, now: Now, out: &mut Output);

    /// A command, while a link stands. It is sent by [`Output::requests`]; what became of it is told by
    /// [`model::Fact::Command`], at once or with a later frame. Only kinds of the descriptor are asked for.
    ///
    /// The translator need not watch the time: a command whose outcome is not told within its patience, or before the
    /// link ends, has an unknown one.
    ///
    /// # Errors
    /// When it cannot be done. Then nothing may be put out for it.
    fn command(&mut self, order: &Order, now: Now, out: &mut Output) -> Result<(), Refusal> {
        let _ = (order, now, out);
        Err(Refusal::not_supported())
    }

    /// When [`Self::timeout`] wants to be called, on the monotonic clock.
    fn poll_timeout(&self) -> Option<Duration>;

    /// The time asked for has come.
    fn timeout(&mut self, now: Now, out: &mut Output);

    /// The link is gone.
    fn disconnected(&mut self, now: Now, out: &mut Output);
}

/// What a translator yields.
#[derive(Debug, Default)]
pub struct Output {
    /// What was told.
    pub reports: Vec<Report>,
    /// What to remember over a restart, beside the entities.
    pub memo: Vec<MemoChange>,
    /// Requests to the PBX.
    pub requests: Vec<Bytes>,
    /// Frames or parts of frames that told nothing new.
    pub no_ops: u64,
}

/// What was known of a source when the gateway stopped.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "each field is the entities of that name")]
pub struct Resume {
    pub calls: Vec<Arc<Call>>,
    pub extensions: Vec<Arc<Extension>>,
    pub queues: Vec<Arc<Queue>>,
    pub agents: Vec<Arc<Agent>>,
    pub devices: Vec<Arc<Device>>,
    /// The translator's own memo, by key.
    pub memo: BTreeMap<Text, Bytes>,
}
