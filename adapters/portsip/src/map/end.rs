//! How calls and legs end: the PBX's reasons, statuses and SIP codes in one table.

use model::{Basis, Cause, End, EndedBy, Outcome};

use super::words::normal;
use crate::wire::Scalar;

/// What is known where something ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ending<'a> {
    /// `ended_reason` or `end_reason`.
    pub(super) reason: Option<&'a str>,
    /// `answered`, `noanswer` or `fail`.
    pub(super) status: Option<&'a str>,
    /// A SIP failure.
    pub(super) sip: Option<u16>,
    /// A person had answered.
    pub(super) answered: bool,
    /// It had been ringing.
    pub(super) rang: bool,
    /// A service (IVR, queue) had answered.
    pub(super) served: bool,
    /// The caller was waiting in a queue.
    pub(super) queued: bool,
    /// The caller was with a voicemail box.
    pub(super) voicemail: bool,
}

/// What a reason word says.
enum Reason {
    Caller,
    Callee,
    Transferred,
    Replaced,
    Redirected,
    Cancelled,
}

impl Ending<'_> {
    /// The end in canonical words.
    pub(super) fn end(self) -> End {
        let (cause, outcome, ended_by, basis) = self.judge();
        End {
            sip: self.sip,
            native: self.word().map(Into::into),
            ..End::new(cause, outcome, ended_by, basis)
        }
    }

    fn word(self) -> Option<String> {
        let told = |word: Option<&str>| {
            word.map(str::trim)
                .filter(|word| !word.is_empty() && normal(word) != "NONE")
                .map(|word| super::read::cut(word).to_owned())
        };
        told(self.reason).or_else(|| told(self.status))
    }

    fn judge(self) -> (Cause, Outcome, EndedBy, Basis) {
        use EndedBy::{Callee, Caller, Network, System, Unknown};
        let unanswered = |cause: Cause, by| (cause, cause.unanswered_outcome(), by, Basis::Native);
        if let Some(status) = self.sip.filter(|_| !self.answered) {
            let cause = Cause::from_sip(status, self.rang);
            let by = match cause {
                Cause::Busy | Cause::Rejected | Cause::Unwanted | Cause::Redirected => Callee,
                Cause::Cancelled => Caller,
                Cause::NetworkError | Cause::Congestion => Network,
                _ => System,
            };
            return unanswered(cause, by);
        }
        match self.reason.and_then(reason) {
            Some(Reason::Replaced) if self.rang && !self.answered => {
                unanswered(Cause::PickedUp, System)
            }
            Some(Reason::Transferred | Reason::Replaced) => (
                Cause::Transferred,
                Outcome::Transferred,
                System,
                Basis::Native,
            ),
            Some(Reason::Redirected) => unanswered(Cause::Redirected, Callee),
            Some(Reason::Caller) if self.answered => {
                (Cause::Normal, Outcome::Answered, Caller, Basis::Native)
            }
            Some(Reason::Callee) if self.answered => {
                (Cause::Normal, Outcome::Answered, Callee, Basis::Native)
            }
            Some(Reason::Caller | Reason::Cancelled) if self.voicemail => {
                (Cause::Normal, Outcome::Voicemail, Caller, Basis::Native)
            }
            Some(Reason::Caller | Reason::Cancelled) if self.queued => {
                unanswered(Cause::QueueAbandoned, Caller)
            }
            Some(Reason::Caller | Reason::Cancelled) => unanswered(Cause::Cancelled, Caller),
            Some(Reason::Callee) if self.served => unanswered(Cause::Normal, System),
            Some(Reason::Callee) => unanswered(Cause::Rejected, Callee),
            None => self.guess(Unknown),
        }
    }

    /// Without a reason the status decides, and without that what happened before.
    fn guess(self, unknown: EndedBy) -> (Cause, Outcome, EndedBy, Basis) {
        let told = self.status.map(normal);
        let basis = if told.is_some() {
            Basis::Native
        } else {
            Basis::Inferred
        };
        if self.answered {
            return (Cause::Normal, Outcome::Answered, unknown, basis);
        }
        match told.as_deref() {
            Some("NOANSWER" | "NO_ANSWER") if self.rang => {
                (Cause::NoAnswer, Outcome::Missed, EndedBy::System, basis)
            }
            // Busy, declined, not there: without a status nobody knows.
            Some("FAIL" | "FAILED") => (Cause::Unknown, Outcome::Unknown, unknown, basis),
            _ if self.queued => (
                Cause::QueueAbandoned,
                Outcome::Abandoned,
                EndedBy::Caller,
                Basis::Inferred,
            ),
            _ if self.rang => (Cause::NoAnswer, Outcome::Missed, unknown, Basis::Inferred),
            _ => (Cause::Unknown, Outcome::Unknown, unknown, Basis::Inferred),
        }
    }
}

fn reason(word: &str) -> Option<Reason> {
    Some(match normal(word).as_str() {
        "CALLER_DISCONNECT" | "CALLER_DISCONNECTED" => Reason::Caller,
        "CALLEE_DISCONNECT" | "CALLEE_DISCONNECTED" => Reason::Callee,
        "REPLACED" => Reason::Replaced,
        "REFERRED"
        | "BLIND_TRANSFER_COMPLETE"
        | "BLIND_TRANSFER_COMPLETED"
        | "ATTENDED_TRANSFER_COMPLETE"
        | "ATTENDED_TRANSFER_COMPLETED"
        | "CONSULT_TRANSFER_COMPLETE"
        | "CONSULT_TRANSFER_COMPLETED" => Reason::Transferred,
        "REDIRECTED" => Reason::Redirected,
        "CANCELLED" | "CANCELED" => Reason::Cancelled,
        _ => return None,
    })
}

/// True for a reason word that the table does not hold.
pub(super) fn is_unknown_reason(word: &str) -> bool {
    !matches!(normal(word).as_str(), "" | "NONE") && reason(word).is_none()
}

/// True for the reason of a call that was joined to another, or picked up.
pub(super) fn is_replaced(word: &Scalar<'_>) -> bool {
    let told = super::read::text(word).and_then(reason);
    matches!(told, Some(Reason::Replaced))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_read_from_all_that_is_told() {
        let base = Ending::default();
        let answered = Ending {
            answered: true,
            rang: true,
            ..base
        };
        let rang = Ending { rang: true, ..base };
        let caller = Some("caller_disconnect");
        let callee = Some("CALLEE_DISCONNECTED");
        for (ending, expected) in [
            (
                Ending {
                    reason: caller,
                    ..answered
                },
                "normal answered caller native",
            ),
            (
                Ending {
                    reason: callee,
                    ..answered
                },
                "normal answered callee native",
            ),
            (
                Ending {
                    reason: Some("None"),
                    ..answered
                },
                "normal answered unknown inferred",
            ),
            (
                Ending {
                    reason: caller,
                    ..rang
                },
                "cancelled missed caller native",
            ),
            (
                Ending {
                    reason: caller,
                    queued: true,
                    ..rang
                },
                "queue_abandoned abandoned caller native",
            ),
            (
                Ending {
                    reason: caller,
                    voicemail: true,
                    ..rang
                },
                "normal voicemail caller native",
            ),
            (
                Ending {
                    reason: callee,
                    ..rang
                },
                "rejected rejected callee native",
            ),
            (
                Ending {
                    reason: callee,
                    served: true,
                    ..base
                },
                "normal missed system native",
            ),
            (
                Ending {
                    reason: Some("cancelled"),
                    ..rang
                },
                "cancelled missed caller native",
            ),
            (
                Ending {
                    reason: Some("referred"),
                    ..base
                },
                "transferred transferred system native",
            ),
            (
                Ending {
                    reason: Some("replaced"),
                    ..answered
                },
                "transferred transferred system native",
            ),
            (
                Ending {
                    reason: Some("replaced"),
                    ..rang
                },
                "picked_up transferred system native",
            ),
            (
                Ending {
                    reason: Some("redirected"),
                    ..rang
                },
                "redirected transferred callee native",
            ),
            (
                Ending {
                    sip: Some(480),
                    ..base
                },
                "unreachable failed system native",
            ),
            (
                Ending {
                    sip: Some(480),
                    ..rang
                },
                "no_answer missed system native",
            ),
            (
                Ending {
                    sip: Some(486),
                    ..rang
                },
                "busy busy callee native",
            ),
            (
                Ending {
                    sip: Some(487),
                    ..rang
                },
                "cancelled missed caller native",
            ),
            (
                Ending {
                    sip: Some(404),
                    ..base
                },
                "invalid_number failed system native",
            ),
            (
                Ending {
                    status: Some("noanswer"),
                    ..rang
                },
                "no_answer missed system native",
            ),
            (
                Ending {
                    status: Some("fail"),
                    ..base
                },
                "unknown unknown unknown native",
            ),
            (base, "unknown unknown unknown inferred"),
        ] {
            let end = ending.end();
            let told = format!(
                "{} {} {} {}",
                end.cause, end.outcome, end.ended_by, end.basis
            );
            assert_eq!(told, expected, "{ending:?}");
        }
    }
}
