//! The hub's state without its log: what is heard goes in, events come out, and each is held against the invariants.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    time::Duration,
};

use adapter::Descriptor;
use bytes::Bytes;
use hub::{
    draft::Draft,
    state::{SourceSettings, State, check::History},
};
use model::{
    Epoch, Event, FrameId, Heard, Now, Observation, OriginKind, Position, RawFrame, Report,
    SourceId, Text, Timestamp,
    observation::{Fact, SourceFact},
};
use serde_json::{Value, json};
use testkit::cases::{Link, Moment};

use crate::delta::delta;

pub(crate) struct Reducer {
    case: String,
    source: SourceId,
    settings: BTreeMap<SourceId, SourceSettings>,
    state: State,
    history: History,
    now: Now,
    frames: u64,
    events: Vec<Event>,
    shown: HashMap<(Text, String), Value>,
    lines: String,
}

impl Reducer {
    pub(crate) fn new(case: &str, source: &SourceId, descriptor: &Descriptor) -> Self {
        let settings = SourceSettings {
            adapter: descriptor.adapter.into(),
            mapping: descriptor.mapping.into(),
            call_grace: descriptor.call_grace,
            include_native: false,
            ..SourceSettings::default()
        };
        let settings = BTreeMap::from([(source.clone(), settings)]);
        Self {
            case: case.to_owned(),
            source: source.clone(),
            state: State::new(settings.clone()),
            settings,
            history: History::default(),
            now: Now {
                mono: Duration::ZERO,
                wall: Timestamp::default(),
            },
            frames: 0,
            events: Vec::new(),
            shown: HashMap::new(),
            lines: String::new(),
        }
    }

    /// What a translator says at a moment, after all that was due before.
    pub(crate) fn hear(&mut self, moment: Moment) {
        self.timers(moment.now.mono, moment.now);
        self.now = moment.now;
        let link = match &moment.link {
            Some(Link::Connected(dialect, reconciles)) => Some(SourceFact::Connected {
                dialect: dialect.as_deref().map(Text::from),
                reconciles: reconciles.clone(),
            }),
            Some(Link::Disconnected(loss, _)) => Some(loss.fact("case".into())),
            None => None,
        };
        if let Some(fact) = link {
            let mut report = Report::new("link");
            report.observations = vec![Observation::native("link", Fact::Source(fact))];
            self.fold(vec![report], None);
        }
        let frame = moment.frame.map(|bytes| {
            self.frames += 1;
            RawFrame {
                id: FrameId {
                    source: self.source.clone(),
                    boot: 1,
                    n: self.frames,
                },
                bytes,
            }
        });
        self.fold(moment.output.reports, frame);
    }

    /// Time goes on without a word.
    pub(crate) fn pass(&mut self, by: Duration) {
        let end = Now {
            mono: self.now.mono + by,
            wall: self.now.wall.after(by),
        };
        self.timers(end.mono, end);
    }

    /// All events. What was rebuilt from them alone must be what is there.
    pub(crate) fn finish(self) -> (String, Vec<Event>) {
        assert_eq!(self.state.counters().violations(), 0, "{}", self.case);
        let none = std::iter::empty::<((model::Collection, model::EntityId, Bytes), ())>();
        let mut rebuilt = State::restore(
            self.settings,
            none.map(|(row, ())| row),
            std::iter::empty(),
            self.now,
        )
        .expect("nothing is restored");
        for event in &self.events {
            rebuilt.apply(event);
        }
        let (view, rebuilt) = (self.state.view(), rebuilt.view());
        let open = |view: &hub::state::Entities| -> Vec<Value> {
            let calls = view.calls.values();
            calls.map(|stored| json!(*stored.entity)).collect()
        };
        assert_eq!(
            open(&view),
            open(&rebuilt),
            "{}: after a restart",
            self.case
        );
        (self.lines, self.events)
    }

    fn fold(&mut self, reports: Vec<Report>, frame: Option<RawFrame>) {
        let heard = Heard {
            source: self.source.clone(),
            frame,
            now: self.now,
            reports,
            memo: Vec::new(),
        };
        let mut drafts = Vec::new();
        self.state.handle(&heard, &mut (), &mut drafts);
        self.publish(&drafts);
    }

    fn timers(&mut self, until: Duration, like: Now) {
        while let Some(due) = self.state.poll_timeout().filter(|due| *due <= until) {
            let due = due.max(self.now.mono);
            self.now = Now {
                mono: due,
                wall: like.wall.before(like.mono.saturating_sub(due)),
            };
            let mut drafts = Vec::new();
            self.state.handle_timeout(self.now, &mut (), &mut drafts);
            self.publish(&drafts);
        }
    }

    fn publish(&mut self, drafts: &[Draft]) {
        for draft in drafts {
            if let Err(what) = self.history.draft(draft) {
                panic!("{}: {what}\n{}", self.case, self.lines);
            }
            let position = Position(self.events.len() as u64 + 1);
            let event = draft.event(Epoch::from_random([7; 8]), position);
            let line = self.line(&event, draft.expires);
            let _ = writeln!(self.lines, "{line}");
            self.events.push(event);
        }
    }

    fn line(&mut self, event: &Event, expires: Option<Timestamp>) -> Value {
        let mut data = json!(event.data);
        let origin = data.as_object_mut().and_then(|data| data.remove("origin"));
        let origin = origin.unwrap_or_default();
        if let Some(data) = data.as_object_mut() {
            if let Some(leg) = data.get_mut("leg") {
                // The call shows all of it.
                *leg = leg["id"].clone();
            }
            for (name, entity) in data.iter_mut().filter(|(_, value)| value["id"].is_string()) {
                let place = (Text::clone(&event.subject), name.clone());
                let before = self.shown.insert(place, entity.clone());
                *entity = delta(&before.unwrap_or_default(), entity);
            }
        }
        let mut line = json!({
            "at": self.now.mono.as_secs_f64(),
            "type": event.kind,
            "subject": event.subject,
            "version": event.subjectversion,
            "time": event.time,
            "data": data,
        });
        if event.data.origin.kind != OriginKind::Native {
            line["origin"] = origin["kind"].clone();
        }
        for (name, value) in [("rule", &origin["rule"]), ("tenant", &json!(event.tenant))] {
            if !value.is_null() {
                line[name] = value.clone();
            }
        }
        if expires == Some(event.recordedtime) {
            line["late"] = json!(true);
        }
        line
    }
}
