//! What a simulator notes of a call while it goes on.

use model::Timestamp;

use super::{Hold, Ring, Talk, TrueCall, TrueEnd, Wait};

impl TrueCall {
    /// A phone of the called side rings.
    pub fn rings(&mut self, number: &str, at: Timestamp) {
        let number = number.to_owned();
        self.rang.push(Ring { number, at });
    }

    /// Somebody of the called side talks from now on.
    pub fn talks(&mut self, number: &str, from: Timestamp) {
        let number = number.to_owned();
        let to = None;
        self.talked.push(Talk { number, from, to });
    }

    /// Who talked last does so no more.
    pub fn falls_silent(&mut self, at: Timestamp) {
        if let Some(talk) = self.talked.last_mut() {
            talk.to.get_or_insert(at);
        }
    }

    /// Somebody puts it on hold, or takes it off again.
    pub fn is_held(&mut self, held: bool, by: &str, at: Timestamp) {
        if held {
            let by = by.to_owned();
            let to = None;
            self.holds.push(Hold { by, from: at, to });
        } else if let Some(hold) = self.holds.last_mut() {
            hold.to.get_or_insert(at);
        }
    }

    /// It waits in a queue from now on.
    pub fn waits(&mut self, queue: &str, from: Timestamp) {
        let queue = queue.to_owned();
        let to = None;
        self.waits.push(Wait { queue, from, to });
    }

    /// The last wait is over.
    pub fn waits_no_more(&mut self, at: Timestamp) {
        if let Some(wait) = self.waits.last_mut() {
            wait.to.get_or_insert(at);
        }
    }

    /// It is over.
    pub fn ends(&mut self, end: TrueEnd, at: Timestamp) {
        self.falls_silent(at);
        self.waits_no_more(at);
        self.ended_at = Some(at);
        self.end = Some(end);
    }
}
