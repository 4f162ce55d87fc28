//! How legs and calls end. A PBX does not say why; the trunk does.

use model::{Basis, Cause, End, EndedBy, LegRole, Outcome, RouteKind};

use super::{
    session::{NOBODY, Session},
    words,
};

/// What a leg's end means, from what happened before it and beside it.
pub(super) fn of_leg(session: &Session, at: usize) -> End {
    let leg = &session.legs[at];
    let others = || {
        let others = session.legs.iter().enumerate();
        others.filter(move |(n, _)| *n != at).map(|(_, leg)| leg)
    };
    if leg.handed_on || session.lost_a_leg || session.serves_another {
        return by_system(Cause::Transferred);
    }
    if leg.answered {
        let by_people = leg.role != LegRole::Caller || session.is_answered();
        let outcome = if by_people {
            Outcome::Answered
        } else {
            Outcome::Unknown
        };
        return End::new(Cause::Normal, outcome, NOBODY, Basis::Inferred);
    }
    if others().any(|other| other.answered && other.role == leg.role) {
        return by_system(Cause::AnsweredElsewhere);
    }
    // Another may have answered, and that is yet to be told.
    let others_ring = others().any(|other| other.is_ringing());
    if leg.rang && !others_ring && !session.gapped {
        // Whether it rang out, was declined or was given up, only the trunk says.
        return End::new(Cause::Unknown, Outcome::Missed, NOBODY, Basis::Inferred);
    }
    End::new(Cause::Unknown, Outcome::Unknown, NOBODY, Basis::Inferred)
}

fn by_system(cause: Cause) -> End {
    let outcome = cause.unanswered_outcome();
    End::new(cause, outcome, EndedBy::System, Basis::Inferred)
}

/// What the end of a call means, as far as anybody told: the trunk first, then the queue that it was in.
pub(super) fn of_call(session: &Session) -> Option<End> {
    let answered = session.is_answered();
    let by_queue = session
        .left
        .as_ref()
        .filter(|_| !answered)
        .and_then(|left| of_queue(left.reason, left.ringing));
    let Some(trunk) = &session.trunk_end else {
        return by_queue.or_else(|| untold(session));
    };
    let gave_up = matches!(trunk.cause, Cause::Normal | Cause::Cancelled);
    match by_queue {
        Some(queue) if gave_up => Some(End {
            ended_by: trunk.ended_by,
            native: trunk.native.clone(),
            ..queue
        }),
        _ if trunk.cause == Cause::Normal && !answered && may_be_more(session) => {
            Some(unheard(trunk))
        }
        _ => Some(trunk.clone()),
    }
}

/// What can be said when neither trunk nor queue says anything.
fn untold(session: &Session) -> Option<End> {
    if session.lost_a_leg {
        return None;
    }
    if session.serves_another {
        return Some(by_system(Cause::Transferred));
    }
    if session.is_answered() {
        return None;
    }
    // Whether who waited gave up, was sent away or was answered unheard, his leg does not say.
    let waits = session.waits_in.is_some() || session.left.is_some();
    let outcome = if waits || may_be_more(session) {
        Outcome::Unknown
    } else if session.called().any(|leg| leg.rang) {
        Outcome::Missed
    } else {
        return None;
    };
    Some(End::new(Cause::Unknown, outcome, NOBODY, Basis::Inferred))
}

/// Whether a call that nobody seems to have answered may have been: unheard, or by a box that took a message.
fn may_be_more(session: &Session) -> bool {
    let place = session.patch.route.as_ref().map(|route| route.kind);
    if matches!(place, Some(RouteKind::Conference | RouteKind::Voicemail)) {
        return false;
    }
    let service = session.served && session.waits_in.is_none() && !session.rang_to_the_end();
    session.gapped || service
}

/// The end of a call that something picked up of which nothing was heard: a goodbye comes after an answer. Who said it to
/// whom, and what came of the call, is not known.
pub(super) fn unheard(trunk: &End) -> End {
    End {
        native: trunk.native.clone(),
        ..End::new(Cause::Unknown, Outcome::Unknown, NOBODY, Basis::Native)
    }
}

/// A caller left a queue and the call is over.
fn of_queue(reason: &str, ringing: bool) -> Option<End> {
    let (cause, by) = match reason {
        "abandoned" if ringing => (Cause::Cancelled, EndedBy::Caller),
        "abandoned" => (Cause::QueueAbandoned, EndedBy::Caller),
        "timeout" | "no_agents" | "all_busy" => (Cause::QueueOverflow, EndedBy::System),
        _ => return None,
    };
    Some(End::new(
        cause,
        cause.unanswered_outcome(),
        by,
        Basis::Inferred,
    ))
}

/// A service that a call was with: whoever left, it did its part.
pub(super) fn of_service() -> End {
    End::new(Cause::Normal, Outcome::Unknown, NOBODY, Basis::Inferred)
}

/// `reason` and `endedBy` of a trunk call. None for a reason that is not known.
pub(super) fn of_trunk(
    reason: &str,
    ended_by: Option<EndedBy>,
    answered: bool,
    rang: bool,
) -> Option<End> {
    let word = words::normal(reason);
    let sip: Option<u16> = word.parse().ok().filter(|code| (300..700).contains(code));
    let cause = match word.as_str() {
        "CANCEL" => Cause::Cancelled,
        "BYE" => Cause::Normal,
        "BLOCKED" | "BLACKLISTED" => Cause::Blocked,
        "FRAUD" => Cause::Fraud,
        _ => Cause::from_sip(sip?, rang),
    };
    let outcome = if answered && cause == Cause::Normal {
        Outcome::Answered
    } else if cause == Cause::Normal {
        // Whether somebody answered, the call itself knows better.
        Outcome::Unknown
    } else {
        cause.unanswered_outcome()
    };
    let by = ended_by.unwrap_or(match cause {
        Cause::Cancelled => EndedBy::Caller,
        Cause::Blocked | Cause::Fraud => EndedBy::System,
        Cause::Busy | Cause::Rejected => EndedBy::Callee,
        _ => NOBODY,
    });
    Some(End {
        sip,
        native: Some(super::read::cut(reason).into()),
        ..End::new(cause, outcome, by, Basis::Native)
    })
}

/// `endedBy`. None for a word that is not known.
pub(super) fn ended_by(word: &str) -> Option<EndedBy> {
    match words::normal(word).as_str() {
        "A" => Some(EndedBy::Caller),
        "B" => Some(EndedBy::Callee),
        "S" => Some(EndedBy::System),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_the_trunk_is_known() {
        for (reason, cause) in [
            ("CANCEL", Cause::Cancelled),
            ("BYE", Cause::Normal),
            ("BLOCKED", Cause::Blocked),
            ("BLACKLISTED", Cause::Blocked),
            ("FRAUD", Cause::Fraud),
            ("486", Cause::Busy),
            ("404", Cause::InvalidNumber),
            ("603", Cause::Rejected),
        ] {
            let end = of_trunk(reason, None, false, false).unwrap();
            assert_eq!(end.cause, cause, "{reason}");
            assert_eq!(end.native.as_deref(), Some(reason));
        }
        for strange in ["", "200", "HICCUP", "99999999999"] {
            assert!(of_trunk(strange, None, false, false).is_none(), "{strange}");
        }
    }

    #[test]
    fn status_480_is_read_with_whether_it_rang() {
        let cause = |rang| of_trunk("480", None, false, rang).unwrap().cause;
        assert_eq!(
            (cause(false), cause(true)),
            (Cause::Unreachable, Cause::NoAnswer)
        );
    }
}
