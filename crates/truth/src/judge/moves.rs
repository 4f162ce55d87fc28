//! Waiting in a queue, on hold, and changing hands.

use adapter::truth::Handover;
use model::{
    Call, OriginKind,
    event::{Transfer, TransferKind},
};

use super::{
    Fact, Verdict,
    bench::{Bench, off},
};
use crate::account::{Account, Told, number};

impl Bench<'_> {
    pub(super) fn queue(&mut self, call: &Call) {
        let said = call.queue.as_ref();
        match (self.truth.waits.last(), said) {
            (None, None) => {}
            (None, Some(said)) => {
                let said = said.id.to_string();
                self.find(Fact::Queue, Verdict::Invented, said, "waited nowhere");
            }
            (Some(wait), None) => self.find(Fact::Queue, Verdict::Unknown, "", &*wait.queue),
            (Some(wait), Some(said)) => match said.number.as_deref() {
                Some(said) if said != wait.queue => {
                    self.find(Fact::Queue, Verdict::Wrong, said, &*wait.queue);
                }
                _ => match call.queued_at {
                    Some(at) => {
                        let first = self.truth.waits[0].from;
                        self.timed(Fact::Queue, at, first, None, OriginKind::Native);
                    }
                    None => self.find(Fact::Queue, Verdict::Correct, "", &*wait.queue),
                },
            },
        }
    }

    pub(super) fn holds(&mut self, account: &Account) {
        let mut said = account.held.clone();
        for hold in &self.truth.holds {
            // After a silence a list says that it is on hold, and not since when.
            let listed = |told: &Told| {
                let while_held = told.at >= hold.from && hold.to.is_none_or(|to| told.at <= to);
                !self.throughout && while_held
            };
            let near =
                |told: &Told| off(told.at, hold.from).abs() <= self.precision || listed(told);
            match said.iter().position(near) {
                Some(index) => {
                    let told = said.remove(index);
                    self.timed(
                        Fact::Hold,
                        told.at,
                        hold.from,
                        Some(told.published),
                        told.kind,
                    );
                }
                None => self.find(Fact::Hold, Verdict::Unknown, "", hold.from.to_string()),
            }
        }
        for told in said {
            let said = format!("held at {}", told.at);
            self.find(Fact::Hold, Verdict::Invented, said, "not held then");
        }
    }

    pub(super) fn transfers(&mut self, account: &Account) {
        let mut said: Vec<&(Transfer, Told)> = account.transfers.iter().collect();
        let mut untold: Vec<&Handover> = Vec::new();
        for real in &self.truth.transfers {
            match said
                .iter()
                .position(|(transfer, _)| is_that(transfer, real))
            {
                Some(index) => {
                    let (_, told) = said.remove(index);
                    // A record tells that a call was handed on, and dates it by the next answer.
                    let throughout = std::mem::replace(&mut self.throughout, false);
                    let published = Some(told.published);
                    self.timed(Fact::Transfer, told.at, real.at, published, told.kind);
                    self.throughout = throughout;
                }
                None => untold.push(real),
            }
        }
        let mut untold = untold.into_iter();
        for (transfer, _) in said {
            let said = written(transfer);
            match untold.next() {
                Some(real) => {
                    let really = format!("{} {} → {}", real.kind, real.from, real.to);
                    self.find(Fact::Transfer, Verdict::Wrong, said, really);
                }
                None => self.find(Fact::Transfer, Verdict::Invented, said, "no transfer"),
            }
        }
        for real in untold {
            let really = format!("{} {} → {}", real.kind, real.from, real.to);
            self.find(Fact::Transfer, Verdict::Unknown, "", really);
        }
    }

    pub(super) fn interaction(&mut self, call: &Call) {
        let said = call.interaction_id.key().to_owned();
        let verdict = if said == self.truth.interaction {
            Verdict::Correct
        } else if said == self.truth.key {
            Verdict::Unknown
        } else {
            Verdict::Wrong
        };
        self.find(Fact::Interaction, verdict, said, &*self.truth.interaction);
    }
}

fn is_that(said: &Transfer, real: &Handover) -> bool {
    let fits = |party: &Option<model::Party>, really: &str| {
        let said = party.as_ref().and_then(number);
        said.is_none_or(|said| said == really)
    };
    let kind = said.kind == real.kind || said.kind == TransferKind::Unknown;
    let related = match (&said.related_call, &real.related) {
        (Some(said), Some(real)) => said.key() == real,
        (Some(_), None) => false,
        (None, _) => true,
    };
    kind && related && fits(&said.from, &real.from) && fits(&said.to, &real.to)
}

fn written(transfer: &Transfer) -> String {
    let who = |party: &Option<model::Party>| party.as_ref().and_then(number).unwrap_or_default();
    format!(
        "{} {} → {}",
        transfer.kind,
        who(&transfer.from),
        who(&transfer.to)
    )
}
