//! The record of a call: settles who was called, when, and how it ended.

use model::{
    Basis, Cause, End, EndedBy, Fact, LegRole, RouteKind, Text, Timestamp, TrunkRef,
    observation::{CallPatch, CdrFact, CdrLeg, LegPatch},
};

use super::{
    Translator,
    end::{self, Ending},
    read,
    session::{Aim, Service, Session, Track, host},
    target::mark,
    tell::{self, Telling},
    words::normal,
};
use crate::wire::{CallInfo, Cdr, CdrTarget, Scalar};

/// Targets of a record that are looked at.
const MAX_TARGETS: usize = 128;

/// A target with its times.
struct Hop<'c> {
    target: &'c CdrTarget<'c>,
    at: usize,
    patch: LegPatch,
    start: Option<Timestamp>,
    ring: Option<Timestamp>,
    answer: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl Translator {
    /// `call_cdr`.
    pub(super) fn cdr(&mut self, tell: &mut Telling, cdr: &Cdr<'_>, tenant_name: &Scalar<'_>) {
        let Some(key) = read::id(&cdr.session_id) else {
            return tell.missing("session_id");
        };
        // A record may come long after the call; the hub knows whether it tells anything new.
        let session = self.sessions.take(key);
        let mut session = session.unwrap_or_else(|| Session::new(key, tell.tenant.clone()));
        if session.ended && !session.first_time(mark(cdr)) {
            return self.sessions.put(session, tell.now);
        }
        session.first_time(mark(cdr));
        let info = info(cdr);
        let mut patch = self.patch(tell, &info);
        if let Some(caller) = &mut patch.caller {
            caller.private |= session.is_private();
        }
        session.patch.direction = patch.direction.or(session.patch.direction);
        patch.trunk = read::text(&cdr.trunk_name).map(|told| {
            let (name, id) = read::trunk(told);
            TrunkRef {
                id: id.map(Into::into),
                name: name.map(Into::into),
            }
        });
        let ended_at = read::time(&cdr.ended_time);
        let started_at = read::time(&cdr.start_time).or(session.started_at);
        let stand_in = stand_in(&session, cdr);
        let targets = stand_in
            .as_ref()
            .map_or(&cdr.targets[..], std::slice::from_ref);
        let hops = self.hops(&mut session, targets);
        let end = call_end(tell, &session, &hops, cdr, ended_at);
        if !session.ended {
            self.handovers(tell, &mut session, &hops);
        }
        let legs = legs(&session, &hops, &patch, cdr, started_at, ended_at, &end);
        let own = read::id(&cdr.cdr_id);
        let fact = Fact::Cdr(Box::new(CdrFact {
            key: format!("{key}:{}", own.unwrap_or("1")).into(),
            call: session.key.clone(),
            settles: true,
            patch,
            started_at,
            ended_at,
            end: Some(end),
            legs,
            native: tell::native(&[
                ("cdr_id", own),
                ("tenant_name", read::text(tenant_name)),
                ("caller_domain", read::text(&cdr.caller_domain)),
                ("callee_domain", read::text(&cdr.callee_domain)),
                ("ended_reason", read::text(&cdr.end_reason)),
                ("call_status", read::text(&cdr.call_status)),
                ("status_code", read::text(&cdr.status_code)),
                ("ring_duration", read::text(&cdr.ring_duration)),
                ("talk_duration", read::text(&cdr.talk_duration)),
            ]),
        }));
        tell.say(Basis::Native, "call_cdr", ended_at.or(tell.time), fact);
        let replaced = !session.ended && end::is_replaced(&cdr.end_reason);
        self.over(&mut session);
        let key = session.key.clone();
        self.sessions.put(session, tell.now);
        if replaced {
            self.sessions.note_replaced(&key, tell.now);
            tell.shift(ended_at);
            self.consultation_replaced(tell, &key);
        }
    }

    /// What the record says of how the call went from one person to the next.
    fn handovers(&mut self, tell: &mut Telling, session: &mut Session, hops: &[Hop<'_>]) {
        let person = |hop: &&Hop<'_>| session.legs[hop.at].service.is_none();
        let people: Vec<&Hop<'_>> = hops.iter().filter(person).collect();
        for hop in &people {
            let Some(reason) = read::text(&hop.target.end_reason) else {
                continue;
            };
            let next = people.iter().filter(|next| {
                next.answer.or(next.start) >= hop.end && next.at != hop.at && hop.end.is_some()
            });
            let Some(next) = next.min_by_key(|next| next.answer.or(next.start)) else {
                continue;
            };
            let from = session.legs[hop.at].user.clone();
            let to = session.legs[next.at].user.clone();
            let how = (reason, hop.answer.is_some());
            self.recorded_handover(tell, session, (&from, &to), how, hop.end);
        }
    }

    /// The targets in order, each with the leg that live messages made for it.
    fn hops<'c>(&mut self, session: &mut Session, targets: &'c [CdrTarget<'c>]) -> Vec<Hop<'c>> {
        let mut used = Vec::new();
        let mut hops = Vec::new();
        for target in targets.iter().take(MAX_TARGETS) {
            let told = read::text(&target.destination).or(read::text(&target.callee));
            let Some(told) = told else {
                continue;
            };
            let mut aim = Aim::new(told);
            if let Some(callee) = super::call::number(&target.callee) {
                // Of a browser's address only the host is its own.
                aim.user = callee;
            }
            let start = read::time(&target.start_time);
            let (service, mut patch) = self.describe(session, &aim, told);
            let queue = patch.queue.as_ref().and_then(|queue| queue.id.as_ref());
            let found = best(session, &aim, queue, start, &used);
            let at = found.unwrap_or_else(|| session.add(&aim, service, true));
            let ring = read::time(&target.ring_time);
            session.legs[at].rang |= ring.is_some();
            used.push(at);
            patch.native = tell::native(&[
                ("destination", read::text(&target.destination)),
                ("call_type", read::text(&target.call_type)),
                ("end_reason", read::text(&target.end_reason)),
                ("cost", read::text(&target.cost)),
            ]);
            hops.push(Hop {
                target,
                at,
                patch,
                start,
                ring,
                answer: read::time(&target.answered_time),
                end: read::time(&target.ended_time),
            });
        }
        hops
    }
}

/// A record may list no targets (that of v12 is not documented): its own times are those of the first.
fn stand_in<'c>(session: &Session, cdr: &Cdr<'c>) -> Option<CdrTarget<'c>> {
    let known = session.legs.iter().any(|leg| leg.service.is_none());
    (cdr.targets.is_empty() && !known && cdr.callee.is_some()).then(|| CdrTarget {
        callee: cdr.callee.clone(),
        start_time: cdr.start_time.clone(),
        ring_time: cdr.ring_time.clone(),
        answered_time: cdr.answered_time.clone(),
        ended_time: cdr.ended_time.clone(),
        status_code: cdr.status_code.clone(),
        ..CdrTarget::default()
    })
}

/// The leg for a target: the one to that device (else to that number without a device, else at that network address)
/// which started nearest to it.
fn best(
    session: &Session,
    aim: &Aim,
    queue: Option<&Text>,
    start: Option<Timestamp>,
    used: &[usize],
) -> Option<usize> {
    let away = |leg: &Track| match (leg.started_at, start) {
        (Some(a), Some(b)) => a.micros().abs_diff(b.micros()),
        _ => u64::MAX,
    };
    let nearest = |fits: &dyn Fn(&Track) -> bool| {
        let legs = session.legs.iter().enumerate();
        legs.filter(|(at, leg)| !used.contains(at) && fits(leg))
            .min_by_key(|(at, leg)| (away(leg), *at))
            .map(|(at, _)| at)
    };
    let same_device = |leg: &Track| leg.device.is_some() && leg.device == aim.device;
    let same_number = |leg: &Track| {
        (leg.user == aim.user || Some(&leg.user) == queue)
            && (leg.device.is_none() || aim.device.is_none())
    };
    let address = host(aim.device.as_ref());
    let same_address = |leg: &Track| {
        let there = address.is_some() && host(leg.device.as_ref()) == address;
        there && leg.native && leg.service.is_none()
    };
    nearest(&same_device)
        .or_else(|| nearest(&same_number))
        .or_else(|| nearest(&same_address))
}

fn info<'c>(cdr: &Cdr<'c>) -> CallInfo<'c> {
    CallInfo {
        session_id: cdr.session_id.clone(),
        cdr_id: cdr.cdr_id.clone(),
        call_id: cdr.call_id.clone(),
        request_id: None,
        direction: cdr.direction.clone(),
        caller: cdr.caller.clone(),
        caller_display_name: cdr.caller_display_name.clone(),
        callee: cdr.callee.clone(),
        callee_display_name: cdr.callee_display_name.clone(),
        did: cdr.did.clone(),
        outbound_caller_id: cdr.outbound_caller_id.clone(),
        user_data: cdr.user_data.clone(),
    }
}

fn call_end(
    tell: &mut Telling,
    session: &Session,
    hops: &[Hop<'_>],
    cdr: &Cdr<'_>,
    ended_at: Option<Timestamp>,
) -> End {
    let reason = read::text(&cdr.end_reason);
    if let Some(word) = reason
        && end::is_unknown_reason(word)
    {
        tell.strange("ended_reason", word);
    }
    let person = |hop: &&Hop<'_>| session.legs[hop.at].service.is_none();
    let answered = hops.iter().filter(person).any(|hop| hop.answer.is_some());
    let rang = hops.iter().filter(person).any(|hop| hop.ring.is_some());
    // Whoever went on from the queue, if only to voicemail, was not waiting any more.
    let last = hops.iter().rev().find(|hop| hop.answer.is_some());
    let waiting = |hop: &&Hop<'_>| {
        session.legs[hop.at].service == Some(Service::Queue)
            && hop.answer.is_some()
            && hop.end >= ended_at
    };
    let bare = hops.is_empty();
    let status = read::text(&cdr.call_status);
    // Where no targets are listed, the call's own times are those of its first target.
    let answered_bare = bare
        && (read::time(&cdr.answered_time).is_some()
            || status.is_some_and(|word| normal(word) == "ANSWERED"));
    Ending {
        reason,
        // `answered` may mean the IVR.
        status: status.filter(|word| normal(word) != "ANSWERED"),
        sip: read::sip_failure(&cdr.status_code).or_else(|| lone_failure(hops)),
        answered: answered || answered_bare,
        rang: rang || (bare && read::time(&cdr.ring_time).is_some()),
        served: hops
            .iter()
            .any(|hop| session.legs[hop.at].service.is_some() && hop.answer.is_some()),
        queued: !answered && last.filter(waiting).is_some(),
        voicemail: !answered && last.is_some_and(is_voicemail),
    }
    .end()
}

fn is_voicemail(hop: &Hop<'_>) -> bool {
    let route = hop.patch.route.as_ref();
    route.is_some_and(|route| route.kind == RouteKind::Voicemail)
}

/// The status of the only target, when the call has none of its own.
fn lone_failure(hops: &[Hop<'_>]) -> Option<u16> {
    match hops {
        [hop] => read::sip_failure(&hop.target.status_code),
        _ => None,
    }
}

fn legs(
    session: &Session,
    hops: &[Hop<'_>],
    patch: &CallPatch,
    cdr: &Cdr<'_>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    end: &End,
) -> Vec<CdrLeg> {
    let answered_at = hops
        .iter()
        .filter_map(|hop| hop.answer)
        .min()
        .or_else(|| read::time(&cdr.answered_time));
    let mut legs = Vec::with_capacity(hops.len() + 1);
    if session.caller.is_some() || patch.caller.is_some() {
        legs.push(CdrLeg {
            leg: session.caller_leg(),
            patch: LegPatch {
                role: Some(LegRole::Caller),
                party: patch.caller.clone(),
                ..LegPatch::default()
            },
            started_at,
            ringing_at: None,
            answered_at,
            ended_at,
            end: Some(end.clone()),
        });
    }
    for hop in hops {
        let track = &session.legs[hop.at];
        legs.push(CdrLeg {
            leg: track.key.clone(),
            patch: hop.patch.clone(),
            started_at: hop.start,
            // That a queue rings tells nothing.
            ringing_at: hop.ring.filter(|_| track.service != Some(Service::Queue)),
            answered_at: hop.answer,
            ended_at: hop.end,
            end: Some(leg_end(session, hops, hop, ended_at, end)),
        });
    }
    legs
}

fn leg_end(
    session: &Session,
    hops: &[Hop<'_>],
    hop: &Hop<'_>,
    call_ended: Option<Timestamp>,
    call_end: &End,
) -> End {
    let track = &session.legs[hop.at];
    let told = read::text(&hop.target.end_reason).filter(|word| normal(word) != "NONE");
    let last = hop.end.is_some() && hop.end == call_ended;
    let sip = read::sip_failure(&hop.target.status_code);
    if track.service.is_some() && told.is_none() {
        // A service ends with the call, or hands it on.
        if last {
            return call_end.clone();
        }
        let cause = Cause::Transferred;
        return End::new(
            cause,
            cause.unanswered_outcome(),
            EndedBy::System,
            Basis::Inferred,
        );
    }
    let won = |other: &Hop<'_>| {
        other.at != hop.at
            && session.legs[other.at].service.is_none()
            && other.answer.is_some()
            && other.answer <= hop.end
            && other.end >= hop.end
    };
    if hop.answer.is_none() && told.is_none() && sip.is_none() && hops.iter().any(won) {
        let cause = Cause::AnsweredElsewhere;
        return End::new(
            cause,
            cause.unanswered_outcome(),
            EndedBy::System,
            Basis::Inferred,
        );
    }
    if hop.answer.is_some() && told.is_none() && last {
        return End {
            sip: None,
            ..call_end.clone()
        };
    }
    if hop.answer.is_none()
        && told.is_none()
        && sip.is_none()
        && last
        && call_end.cause == Cause::Cancelled
    {
        return call_end.clone();
    }
    Ending {
        reason: told,
        status: read::text(&hop.target.status).filter(|word| normal(word) != "ANSWERED"),
        sip,
        answered: hop.answer.is_some(),
        rang: track.rang,
        ..Ending::default()
    }
    .end()
}
