//! How legs and calls end.

use model::{Basis, Cause, End, EndedBy, LegRole, Outcome, RouteKind};

use super::{
    leg::{Call, Leg},
    words::{self, Who},
};

/// How a leg ended, from `last_event_data` and what it was doing.
pub(super) fn of_leg(leg: &Leg, data: Option<&str>) -> End {
    let hangup = words::hangup(data.unwrap_or_default());
    let known = words::cause(hangup.cause);
    let (cause, q850) = known.unwrap_or((Cause::Unknown, None));
    let mine = match leg.role {
        LegRole::Caller => EndedBy::Caller,
        LegRole::Callee | LegRole::Monitor | LegRole::Service => EndedBy::Callee,
    };
    let ended_by = match (hangup.who, cause) {
        (_, Cause::NetworkError | Cause::Congestion) => EndedBy::Network,
        (Some(Who::Party), _) => mine,
        (Some(Who::Pbx), Cause::Cancelled) => EndedBy::Caller,
        (Some(Who::Pbx), Cause::Normal) if leg.handed_on => EndedBy::System,
        // The PBX passes on what the other side did, where there is one.
        (Some(Who::Pbx), Cause::Normal) if leg.conversed => match mine {
            EndedBy::Caller => EndedBy::Callee,
            _ => EndedBy::Caller,
        },
        (Some(Who::Pbx), _) => EndedBy::System,
        (None, _) => EndedBy::Unknown,
    };
    let cause = if leg.handed_on && matches!(cause, Cause::Normal | Cause::Unknown) {
        Cause::Transferred
    } else {
        cause
    };
    let outcome = match cause {
        Cause::Transferred => Outcome::Transferred,
        _ if leg.answered => Outcome::Answered,
        _ => cause.unanswered_outcome(),
    };
    let native = data.map(super::read::cut).filter(|data| !data.is_empty());
    let basis = if native.is_some() {
        Basis::Native
    } else {
        Basis::Inferred
    };
    End {
        q850,
        native: native.map(Into::into),
        ..End::new(cause, outcome, ended_by, basis)
    }
}

/// How a call ended whose caller's leg ended just now, while it was as it is.
pub(super) fn given_up(call: &Call, legs: &[&Leg], end: &End) -> End {
    let mut end = end.clone();
    let ringing = legs
        .iter()
        .any(|leg| leg.role == LegRole::Callee && leg.is_open() && leg.rang && !leg.answered);
    if call.answered {
        return end;
    }
    let queued = |leg: &&Leg| {
        let place = leg.place.as_ref();
        place.is_some_and(|place| place.route.kind == RouteKind::Queue)
    };
    // Servers before 2026-03 do not say who waits; that somebody calls a queue, they all do.
    let waits = call.waits.is_some() || legs.iter().any(queued);
    if end.ended_by == EndedBy::Caller
        && matches!(end.cause, Cause::Normal | Cause::Cancelled | Cause::Unknown)
    {
        if call.voicemail {
            (end.cause, end.outcome) = (Cause::Normal, Outcome::Voicemail);
        } else if call.served {
            (end.cause, end.outcome) = (Cause::Normal, Outcome::Answered);
        } else if waits && !ringing {
            (end.cause, end.outcome) = (Cause::QueueAbandoned, Outcome::Abandoned);
        } else {
            (end.cause, end.outcome) = (Cause::Cancelled, Outcome::Missed);
        }
    }
    end
}

/// How a call ended, now that its last leg has.
pub(super) fn of_call(call: &Call, legs: &[&Leg]) -> End {
    if call.lost_a_leg {
        return End::new(
            Cause::Transferred,
            Outcome::Transferred,
            EndedBy::System,
            Basis::Native,
        );
    }
    let ends = |role: LegRole| {
        legs.iter()
            .filter(move |leg| leg.role == role)
            .filter_map(|leg| Some((*leg, leg.end.as_ref()?)))
    };
    let final_word = |(leg, end): &(&Leg, &End)| leg.answered && end.cause != Cause::Transferred;
    let hung_up = ends(LegRole::Callee)
        .filter(final_word)
        .map(|(_, end)| end)
        .max_by_key(|end| end.ended_by == EndedBy::Callee);
    let own = call.given_up.as_ref();
    let mut end = match (own, hung_up) {
        // Whoever hung up says so itself; towards the others it is the PBX that does.
        (_, Some(theirs)) if call.answered && theirs.ended_by == EndedBy::Callee => theirs.clone(),
        (Some(own), _) => own.clone(),
        (None, Some(theirs)) => theirs.clone(),
        (None, None) => {
            let other = ends(LegRole::Callee).map(|(_, end)| end).next_back();
            other.cloned().unwrap_or_else(|| {
                End::new(
                    Cause::Unknown,
                    Outcome::Unknown,
                    EndedBy::Unknown,
                    Basis::Inferred,
                )
            })
        }
    };
    // When the PBX says goodbye to everybody, nobody else did; unless the other side was not heard.
    let both = legs.iter().any(|leg| leg.role == LegRole::Callee);
    let said = |leg: &&Leg| {
        leg.end
            .as_ref()
            .and_then(|end| end.native.as_deref())
            .is_some_and(|data| words::hangup(data).who == Some(Who::Party))
    };
    if call.answered
        && both
        && matches!(end.ended_by, EndedBy::Caller | EndedBy::Callee)
        && !legs.iter().any(said)
        && end.native.is_some()
    {
        end.ended_by = EndedBy::System;
    }
    if !call.answered
        && end.ended_by == EndedBy::System
        && matches!(end.cause, Cause::Busy | Cause::Rejected)
    {
        end.ended_by = EndedBy::Callee;
    }
    end.outcome = match end.cause {
        Cause::Transferred if !call.answered => Outcome::Transferred,
        _ if call.answered => Outcome::Answered,
        _ if call.voicemail && matches!(end.cause, Cause::Normal | Cause::Unknown) => {
            Outcome::Voicemail
        }
        Cause::Normal if call.served => Outcome::Answered,
        _ if end.outcome == Outcome::Abandoned => Outcome::Abandoned,
        cause => cause.unanswered_outcome(),
    };
    end
}
