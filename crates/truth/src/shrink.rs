//! Makes a fault small: as few frames and troubles as still lead to it.
//!
//! What speaks of the call in question, or of a number that takes part in it, stays, since without it the truth would not
//! have been told; all else goes when the fault does not need it.

use crate::{
    house::House,
    judge::{Finding, judge},
    play::{Fault, entity},
    tape::{Step, Tape},
};

/// The same fault with a tape as short as can be found.
#[must_use]
pub fn shrink(house: &dyn House, mut fault: Fault) -> Fault {
    let mut shrinker = Shrinker {
        house,
        fault: &fault,
    };
    let tape = shrinker.shortest();
    fault.tape = tape;
    fault
}

struct Shrinker<'f> {
    house: &'f dyn House,
    fault: &'f Fault,
}

impl Shrinker<'_> {
    fn shortest(&mut self) -> Tape {
        let whole = self.fault.tape.clone();
        if !self.fails(&whole) {
            // It needs what a tape does not hold. Better long than lost.
            return whole;
        }
        let bare = without(&whole, |step| {
            matches!(step, Step::Frame(_)) && !self.speaks_of_it(step)
        });
        if self.fails(&bare) {
            return self.calmed(bare);
        }
        let mut tape = self.calmed(whole);
        let mut chunk = tape.steps.len() / 2;
        while chunk > 0 {
            let mut from = 0;
            while from < tape.steps.len() {
                let to = (from + chunk).min(tape.steps.len());
                let mut shorter = tape.clone();
                let mut n = 0;
                shorter.steps.retain(|(_, step)| {
                    n += 1;
                    let within = (from..to).contains(&(n - 1));
                    !within || !matches!(step, Step::Frame(_)) || self.speaks_of_it(step)
                });
                if shorter.steps.len() < tape.steps.len() && self.fails(&shorter) {
                    tape = shorter;
                } else {
                    from = to;
                }
            }
            chunk /= 2;
        }
        self.calmed(tape)
    }

    fn speaks_of_it(&self, step: &Step) -> bool {
        if matches!(step, Step::Frame(frame) if self.house.is_grammar(frame)) {
            return true;
        }
        let truth = &self.fault.truth;
        let rang = truth.rang.iter().map(|ring| &ring.number);
        let talked = truth.talked.iter().map(|talk| &talk.number);
        let numbers = rang.chain(talked).chain([&truth.caller, &truth.callee]);
        let mut names = numbers.chain([&truth.key]);
        names.any(|name| step.names(name))
    }

    /// The same without the troubles that are not needed.
    fn calmed(&self, mut tape: Tape) -> Tape {
        let mut at = 0;
        while at < tape.steps.len() {
            let trouble = matches!(tape.steps[at].1, Step::Disconnected | Step::Restarted);
            let back = (at..tape.steps.len()).find(|n| tape.steps[*n].1 == Step::Connected);
            if let (true, Some(back)) = (trouble, back) {
                let mut calmer = tape.clone();
                calmer.steps.remove(back);
                calmer.steps.remove(at);
                if self.fails(&calmer) {
                    tape = calmer;
                    continue;
                }
            }
            at += 1;
        }
        tape
    }

    fn fails(&self, tape: &Tape) -> bool {
        let wanted = &self.fault.finding;
        let mut gateway = tape.play(self.house.adapter(&self.fault.source_toml));
        let account = gateway.accounts().take(&entity(&self.fault.truth.key));
        let findings = judge(&self.fault.truth, account.as_ref(), self.fault.throughout);
        let same = |found: &Finding| {
            (found.fact, found.verdict, &found.said) == (wanted.fact, wanted.verdict, &wanted.said)
        };
        findings.iter().any(same)
    }
}

fn without(tape: &Tape, goes: impl Fn(&Step) -> bool) -> Tape {
    let mut rest = tape.clone();
    rest.steps.retain(|(_, step)| !goes(step));
    rest
}
