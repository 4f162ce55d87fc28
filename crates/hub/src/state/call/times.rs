//! The times of calls and legs: as told, and as published.

use model::{Call, Leg, Native, Timestamp};

/// Times as the PBX told them. Published ones are never before their predecessor; a value that had to give way to that
/// stays in `native.clamped`, so that the times as told can always be had back from the entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::state) struct Times {
    pub(in crate::state) started: Option<Timestamp>,
    pub(in crate::state) queued: Option<Timestamp>,
    pub(in crate::state) ringing: Option<Timestamp>,
    pub(in crate::state) answered: Option<Timestamp>,
    pub(in crate::state) ended: Option<Timestamp>,
}

const CLAMPED: &str = "clamped";
const NAMES: [&str; 5] = [
    "started_at",
    "queued_at",
    "ringing_at",
    "answered_at",
    "ended_at",
];

impl Times {
    pub(in crate::state) fn of_leg(leg: &Leg) -> Self {
        Self {
            started: Some(leg.started_at),
            queued: None,
            ringing: leg.ringing_at,
            answered: leg.answered_at,
            ended: leg.ended_at,
        }
        .unclamped(&leg.native)
    }

    pub(in crate::state) fn of_call(call: &Call) -> Self {
        Self {
            started: Some(call.started_at),
            queued: call.queued_at,
            ringing: call.ringing_at,
            answered: call.answered_at,
            ended: call.ended_at,
        }
        .unclamped(&call.native)
    }

    /// Writes the times into a leg. True when anything published changed.
    pub(in crate::state) fn write_leg(self, leg: &mut Leg) -> bool {
        let old = [
            Some(leg.started_at),
            leg.ringing_at,
            leg.answered_at,
            leg.ended_at,
        ];
        let [started, _, ringing, answered, ended] =
            self.clamped(serde_json::Map::new(), &mut leg.native);
        leg.started_at = started.unwrap_or(leg.started_at);
        leg.ringing_at = ringing;
        leg.answered_at = answered;
        leg.ended_at = ended;
        old != [
            Some(leg.started_at),
            leg.ringing_at,
            leg.answered_at,
            leg.ended_at,
        ]
    }

    /// Writes the times into a call. Its milestones come from several legs, so that they may have come about in another
    /// order: a queue entered after somebody's phone rang, a phone that rang after somebody answered. Such a time is no
    /// milestone and is not published, but not forgotten either.
    pub(in crate::state) fn write_call(self, call: &mut Call) {
        let mut times = self;
        let mut kept_back = serde_json::Map::new();
        let later = |a: Option<Timestamp>, b: Option<Timestamp>| matches!((a, b), (Some(a), Some(b)) if a > b);
        if later(times.ringing, times.answered) {
            note(&mut kept_back, NAMES[2], times.ringing.take());
        }
        if later(times.queued, times.ringing) || later(times.queued, times.answered) {
            note(&mut kept_back, NAMES[1], times.queued.take());
        }
        let [started, queued, ringing, answered, ended] =
            times.clamped(kept_back, &mut call.native);
        call.started_at = started.unwrap_or(call.started_at);
        call.queued_at = queued;
        call.ringing_at = ringing;
        call.answered_at = answered;
        call.ended_at = ended;
    }

    fn fields(&mut self) -> [&mut Option<Timestamp>; 5] {
        [
            &mut self.started,
            &mut self.queued,
            &mut self.ringing,
            &mut self.answered,
            &mut self.ended,
        ]
    }

    fn unclamped(mut self, native: &Native) -> Self {
        if let Some(told) = native.get(CLAMPED) {
            for (field, name) in self.fields().into_iter().zip(NAMES) {
                let told = told.get(name).and_then(serde_json::Value::as_str);
                if let Some(time) = told.and_then(|text| text.parse().ok()) {
                    *field = Some(time);
                }
            }
        }
        self
    }

    fn clamped(
        mut self,
        mut given_way: serde_json::Map<String, serde_json::Value>,
        native: &mut Native,
    ) -> [Option<Timestamp>; 5] {
        let mut floor = Timestamp::from_micros(i64::MIN);
        let published = self.fields().map(|field| {
            let told = (*field)?;
            floor = floor.max(told);
            Some(floor)
        });
        for ((told, published), name) in self.fields().into_iter().zip(published).zip(NAMES) {
            if let (Some(told), Some(published)) = (*told, published)
                && told != published
            {
                note(&mut given_way, name, Some(told));
            }
        }
        if given_way.is_empty() {
            if native.get(CLAMPED).is_some() {
                native.remove(CLAMPED);
            }
        } else {
            native.set(CLAMPED, given_way);
        }
        published
    }
}

fn note(
    told: &mut serde_json::Map<String, serde_json::Value>,
    name: &str,
    time: Option<Timestamp>,
) {
    if let Some(time) = time {
        told.insert(name.to_owned(), time.to_string().into());
    }
}

/// The earlier of what is known and what is told.
pub(in crate::state) fn earliest(
    known: Option<Timestamp>,
    told: Option<Timestamp>,
) -> Option<Timestamp> {
    match (known, told) {
        (Some(known), Some(told)) => Some(known.min(told)),
        (known, told) => known.or(told),
    }
}
