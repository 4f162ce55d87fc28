//! The traffic once through all stages, keeping what each hands to the next.

use std::{collections::BTreeMap, sync::Arc};

use adapter::{Output, Resume, Translator as _};
use bytes::Bytes;
use hub::{
    block::Block,
    draft::Draft,
    seal::Sealer,
    state::{SourceSettings, State},
};
use model::{
    Collection, Epoch, Event, Fact, FrameId, Heard, Now, Observation, Position, RawFrame, Report,
    SourceId, observation::SourceFact,
};
use portsip::{Config, Translator};

use crate::{Failure, Traffic, traffic};

/// A batch as every stage sees it.
#[derive(Debug)]
pub struct Batch {
    /// For decode and map.
    pub frames: Vec<(Now, Bytes)>,
    /// For the fold.
    pub heard: Vec<Heard>,
    /// For the encoder.
    pub drafts: Vec<Draft>,
    /// For the log and the filters.
    pub blocks: Vec<Arc<Block>>,
    /// For the floor.
    pub events: Vec<Event>,
}

/// Batches, and a pipeline that is where it was before the first of them.
pub struct Prepared {
    /// The batches, in order.
    pub batches: Vec<Batch>,
    pub(crate) translator: Translator,
    pub(crate) state: State,
}

/// What new logs and encoders make their epoch of.
pub(crate) const SEED: [u8; 8] = *b"benchmrk";

/// Prepares so many batches.
///
/// # Errors
/// When the traffic does not become at least one event a batch.
pub fn prepare(traffic: Traffic, batches: usize) -> Result<Prepared, Failure> {
    let mut pipeline = Pipeline::connected()?;
    let mut sealer = sealer();
    let mut prepared = Vec::with_capacity(batches);
    for n in 0..batches {
        let frames = traffic.batch(n);
        let mut heard = Vec::new();
        let mut drafts = Vec::new();
        for (now, frame) in &frames {
            pipeline.frame(frame, *now, &mut heard, &mut drafts);
        }
        if drafts.is_empty() {
            return Err(format!("batch {n} of {} makes no event", traffic.name()).into());
        }
        let first = sealer.next().0;
        let epoch = Epoch::from_random(SEED);
        let events = (first..)
            .zip(&drafts)
            .map(|(n, draft)| draft.event(epoch, Position(n)))
            .collect();
        prepared.push(Batch {
            frames,
            heard,
            blocks: sealer.seal(&drafts),
            drafts,
            events,
        });
    }
    let fresh = Pipeline::connected()?;
    Ok(Prepared {
        batches: prepared,
        translator: fresh.translator,
        state: fresh.state,
    })
}

pub(crate) fn sealer() -> Sealer {
    Sealer::new(Epoch::from_random(SEED), Position(1))
}

/// Lets the translator do what is due, then read a frame.
pub(crate) fn translate(translator: &mut Translator, frame: &Bytes, now: Now, out: &mut Output) {
    if translator.poll_timeout().is_some_and(|due| due <= now.mono) {
        translator.timeout(now, out);
    }
    translator.frame(frame, now, out);
}

/// Lets the state do what is due, then fold what was heard.
pub(crate) fn fold(state: &mut State, heard: &Heard, drafts: &mut Vec<Draft>) {
    if state
        .poll_timeout()
        .is_some_and(|due| due <= heard.now.mono)
    {
        state.handle_timeout(heard.now, &mut (), drafts);
    }
    state.handle(heard, &mut (), drafts);
}

struct Pipeline {
    source: SourceId,
    translator: Translator,
    state: State,
    frames: u64,
}

impl Pipeline {
    /// A PBX that has answered all subscriptions.
    fn connected() -> Result<Self, Failure> {
        let config: Config = serde_json::from_str(
            r#"{"url":"wss://pbx.example.com:8887/wsi","dialect":"v22","username":"supervisor","domain":"test.com",
            "password":"secret","topics":["extension_events","cdr_events","queue_events"],
            "extensions":["102","103"],"queues":["8000"],"service_numbers":["5000"]}"#,
        )?;
        let source = SourceId::new("hq")?;
        let settings = SourceSettings {
            adapter: "portsip".into(),
            mapping: "portsip/1".into(),
            ..SourceSettings::default()
        };
        let mut pipeline = Self {
            translator: Translator::new(&source, &config, &Resume::default()),
            state: State::new(BTreeMap::from([(source.clone(), settings)])),
            source,
            frames: 0,
        };
        pipeline.connect();
        Ok(pipeline)
    }

    fn connect(&mut self) {
        let now = traffic::at(0);
        let mut link = Report::new("link");
        let fact = Fact::Source(SourceFact::Connected {
            dialect: Some("v22".into()),
            reconciles: vec![Collection::Extensions, Collection::Queues],
        });
        link.observations
            .push(Observation::native("link.connected", fact));
        let mut out = Output {
            reports: vec![link],
            ..Output::default()
        };
        self.translator.connected(Some("v22"), now, &mut out);
        let (mut heard, mut drafts) = (Vec::new(), Vec::new());
        self.hear(out, None, now, &mut heard, &mut drafts);
        for frame in traffic::snapshots() {
            self.frame(&frame, now, &mut heard, &mut drafts);
        }
    }

    fn frame(&mut self, frame: &Bytes, now: Now, heard: &mut Vec<Heard>, drafts: &mut Vec<Draft>) {
        let mut out = Output::default();
        translate(&mut self.translator, frame, now, &mut out);
        self.frames += 1;
        let id = FrameId {
            source: self.source.clone(),
            boot: 1,
            n: self.frames,
        };
        let bytes = frame.clone();
        self.hear(out, Some(RawFrame { id, bytes }), now, heard, drafts);
    }

    fn hear(
        &mut self,
        out: Output,
        frame: Option<RawFrame>,
        now: Now,
        heard: &mut Vec<Heard>,
        drafts: &mut Vec<Draft>,
    ) {
        let one = Heard {
            source: self.source.clone(),
            frame,
            now,
            reports: out.reports,
            memo: out.memo,
        };
        fold(&mut self.state, &one, drafts);
        heard.push(one);
    }
}

#[cfg(test)]
mod tests {
    use model::EventType;

    use super::*;
    use crate::BATCH;

    #[test]
    fn every_frame_of_presence_is_one_event() {
        for kinds in kinds(Traffic::Presence) {
            assert_eq!(kinds, [EventType::ExtensionPresenceChanged; BATCH]);
        }
    }

    #[test]
    fn every_call_is_told_from_start_to_record() {
        for kinds in kinds(Traffic::Call) {
            for kind in [
                EventType::CallStarted,
                EventType::CallEnded,
                EventType::CdrCreated,
            ] {
                let times = kinds.iter().filter(|found| **found == kind).count();
                assert_eq!(times, 4, "{kind}");
            }
            assert!(!kinds.contains(&EventType::SourceUnrecognized));
        }
    }

    #[test]
    fn batches_differ_in_ids_and_times_only() {
        for traffic in Traffic::ALL {
            let kinds = kinds(traffic);
            assert!(kinds[1..].windows(2).all(|pair| pair[0] == pair[1]));
        }
    }

    fn kinds(traffic: Traffic) -> Vec<Vec<EventType>> {
        let batches = prepare(traffic, 8).unwrap().batches;
        batches
            .iter()
            .map(|batch| batch.drafts.iter().map(|draft| draft.kind).collect())
            .collect()
    }
}
