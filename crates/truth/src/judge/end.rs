//! Why a call ended, what came of it, who ended it, and when.

use model::{Basis, Call, Cause, End, EndedBy, OriginKind, Outcome};

use super::{
    Fact, Verdict,
    bench::{Bench, off},
};
use crate::account::Account;

impl Bench<'_> {
    pub(super) fn end(&mut self, account: &Account, call: &Call) {
        let Some(real) = &self.truth.end else {
            return;
        };
        let lost = End::new(
            Cause::SourceLost,
            Outcome::Unknown,
            EndedBy::Unknown,
            Basis::Inferred,
        );
        let end = call.end.as_ref().unwrap_or(&lost);
        let kind = match end.basis {
            Basis::Native => OriginKind::Native,
            Basis::Inferred => OriginKind::Inferred,
        };
        let causes: Vec<Cause> = [real.cause]
            .into_iter()
            .chain(real.or.iter().copied())
            .collect();
        let told =
            !matches!(end.cause, Cause::Unknown | Cause::SourceLost) || causes.contains(&end.cause);
        self.one_of(
            Fact::Cause,
            told.then_some(end.cause.as_str()),
            causes.iter().map(|c| c.as_str()),
            kind,
        );
        let talked = !self.truth.talked.is_empty();
        let also = real.or.iter().map(|cause| match cause {
            Cause::Normal if talked => Outcome::Answered,
            cause => cause.unanswered_outcome(),
        });
        // Of a call that was lost sight of after its answer, that is what is known.
        let lost = matches!(end.cause, Cause::Unknown | Cause::SourceLost) && talked;
        let also = also.chain(lost.then_some(Outcome::Answered));
        let outcomes: Vec<Outcome> = [real.outcome].into_iter().chain(also).collect();
        let told = end.outcome != Outcome::Unknown;
        self.one_of(
            Fact::Outcome,
            told.then_some(end.outcome.as_str()),
            outcomes.iter().map(|o| o.as_str()),
            kind,
        );
        let told = end.ended_by != EndedBy::Unknown;
        self.one_of(
            Fact::EndedBy,
            told.then_some(end.ended_by.as_str()),
            [real.ended_by.as_str()],
            kind,
        );
        if let (Some(told), Some(really)) = (&account.end, self.truth.ended_at)
            && off(told.published, really) < -self.precision
        {
            let said = format!("over at {}", told.published);
            self.find(Fact::End, Verdict::Wrong, said, really.to_string());
        }
        match (call.ended_at, self.truth.ended_at) {
            (Some(at), Some(really)) if end.cause != Cause::SourceLost => {
                let published = account.end.as_ref().map(|told| told.published);
                self.timed(Fact::End, at, really, published, kind);
            }
            _ => self.find(Fact::End, Verdict::Unknown, "", ""),
        }
    }
}
