//! Traces: how long a frame took in each stage, and where what came of it went.
//!
//! The ids of a trace are made from those of its frame, so that every stage knows the trace it works for: nothing travels
//! beside the frame, and what is not followed costs nothing but the question.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use model::{FrameId, Timestamp};

use crate::Counter;

/// Tells which frames are followed, and takes what is told of them. Clones share it; [`Tracer::off`] follows none.
#[derive(Clone, Debug, Default)]
pub struct Tracer(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    seed: u64,
    /// Frames are followed whose number is not above it.
    most: u64,
    spans: SyncSender<Span>,
    dropped: Counter,
}

/// A place in a trace, as W3C Trace Context writes it: `00-<trace>-<span>-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The trace.
    pub trace: u128,
    /// The span.
    pub span: u64,
}

/// What was done for a trace, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// What.
    pub stage: Stage,
    /// Itself.
    pub context: Context,
    /// The span that it is a part of; none for the whole.
    pub parent: Option<u64>,
    /// When it began.
    pub begin: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What else there is to say.
    pub attributes: Vec<(&'static str, Value)>,
    /// Why it failed, if it did.
    pub failed: Option<String>,
}

/// The stages of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// From its receipt until the hub has taken what it says.
    Link,
    /// Decoding and mapping.
    Decode,
    /// Folding what it says into the state.
    Fold,
    /// The commit that holds its events.
    Commit,
    /// Showing the state and waking the streams.
    Publish,
    /// Sending its events to the live streams of a shard.
    Send,
    /// An attempt to deliver one of its events.
    Webhook,
}

/// An attribute of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

impl Tracer {
    /// Follows nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Follows a share of all frames, from 0 to 1. `seed` is a random number, and as many spans may wait for whoever
    /// receives them; beyond that they are dropped and counted.
    #[must_use]
    pub fn new(seed: u64, share: f64, room: usize) -> (Self, Receiver<Span>) {
        let (spans, receiver) = sync_channel(room);
        let shared = Shared {
            seed,
            // From above the largest number a cast yields the largest.
            most: (share.clamp(0.0, 1.0) * u64::MAX as f64) as u64,
            spans,
            dropped: Counter::new(),
        };
        (Self(Some(Arc::new(shared))), receiver)
    }

    /// The whole of a frame's trace; none when it is not followed.
    #[must_use]
    pub fn of(&self, frame: &FrameId) -> Option<Context> {
        let shared = self.0.as_ref()?;
        let bytes = frame.source.as_str().bytes();
        let mut hash = bytes.fold(shared.seed, |hash, byte| mix(hash ^ u64::from(byte)));
        hash = mix(hash ^ u64::from(frame.boot));
        hash = mix(hash ^ frame.n);
        let (high, low) = (mix(hash ^ 1), mix(hash ^ 2));
        let trace = u128::from(high) << 64 | u128::from(low.max(1));
        (low <= shared.most).then(|| Context::part(trace, 0, 0))
    }

    /// True when anything is followed.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Tells what was done. Never waits.
    pub fn tell(&self, span: Span) {
        if let Some(shared) = &self.0
            && shared.spans.try_send(span).is_err()
        {
            shared.dropped.add(1);
        }
    }

    /// Spans that nobody took in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.as_ref().map_or(0, |shared| shared.dropped.get())
    }
}

impl Context {
    /// The span of a stage below this one, or of one of several with the same name.
    #[must_use]
    pub fn below(self, stage: Stage, n: u64) -> Self {
        Self::part(self.trace, self.span ^ (1 + stage as u64), n)
    }

    fn part(trace: u128, place: u64, n: u64) -> Self {
        let (high, low) = ((trace >> 64) as u64, trace as u64);
        Self {
            trace,
            span: mix(mix(mix(high ^ place) ^ low) ^ n).max(1),
        }
    }
}

impl Stage {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Decode => "decode",
            Self::Fold => "fold",
            Self::Commit => "commit",
            Self::Publish => "publish",
            Self::Send => "send",
            Self::Webhook => "webhook",
        }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.trace, self.span)
    }
}

/// Not the header of a trace that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFollowed;

impl FromStr for Context {
    type Err = NotFollowed;

    fn from_str(text: &str) -> Result<Self, NotFollowed> {
        let parts: Vec<&str> = text.split('-').collect();
        let ["00", trace, span, "01"] = parts[..] else {
            return Err(NotFollowed);
        };
        let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
        if (trace.len(), span.len()) != (32, 16) || !is_hex(trace) || !is_hex(span) {
            return Err(NotFollowed);
        }
        let trace = u128::from_str_radix(trace, 16).map_err(|_| NotFollowed)?;
        let span = u64::from_str_radix(span, 16).map_err(|_| NotFollowed)?;
        Ok(Self { trace, span })
    }
}

/// The finalizer of SplitMix64: each bit of the input changes about half of the output's.
const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use model::SourceId;

    use super::*;

    fn frame(source: &str, n: u64) -> FrameId {
        FrameId {
            source: SourceId::new(source).unwrap(),
            boot: 3,
            n,
        }
    }

    #[test]
    fn every_stage_knows_the_trace_of_a_frame() {
        let (tracer, _spans) = Tracer::new(7, 1.0, 1);
        let whole = tracer.of(&frame("hq", 1)).unwrap();
        assert_eq!(tracer.clone().of(&frame("hq", 1)), Some(whole));
        let parts = [
            whole,
            whole.below(Stage::Decode, 0),
            whole.below(Stage::Fold, 0),
            whole.below(Stage::Webhook, 1),
            whole.below(Stage::Webhook, 2),
        ];
        let spans: HashSet<u64> = parts.iter().map(|part| part.span).collect();
        assert_eq!(spans.len(), parts.len());
        assert!(parts.iter().all(|part| part.trace == whole.trace));
    }

    #[test]
    fn frames_have_traces_of_their_own() {
        let (tracer, _spans) = Tracer::new(7, 1.0, 1);
        let (other, _spans) = Tracer::new(8, 1.0, 1);
        let mut traces = HashSet::new();
        for source in ["hq", "cph"] {
            for n in 0..1_000 {
                for tracer in [&tracer, &other] {
                    traces.insert(tracer.of(&frame(source, n)).unwrap().trace);
                }
            }
        }
        assert_eq!(traces.len(), 4_000);
    }

    #[test]
    fn so_many_are_followed_as_was_asked() {
        assert_eq!(Tracer::off().of(&frame("hq", 1)), None);
        for (share, least, most) in [(0.0, 0, 0), (0.1, 800, 1_200), (1.0, 10_000, 10_000)] {
            let (tracer, _spans) = Tracer::new(7, share, 1);
            let followed = (0..10_000).filter(|n| tracer.of(&frame("hq", *n)).is_some());
            let followed = followed.count();
            assert!((least..=most).contains(&followed), "{share}: {followed}");
        }
    }

    #[test]
    fn a_header_leads_back_to_its_context() {
        let context = Context {
            trace: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c,
            span: 0x00f0_67aa_0ba9_02b7,
        };
        let text = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
        assert_eq!(context.to_string(), text);
        assert_eq!(text.parse(), Ok(context));
        for wrong in [
            "",
            "00-0-0-01",
            &text.replace("-01", "-00"),
            &text[1..],
            "00-+af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
        ] {
            assert_eq!(wrong.parse::<Context>(), Err(NotFollowed), "{wrong}");
        }
    }

    #[test]
    fn nobody_waits_for_whoever_receives_spans() {
        let (tracer, spans) = Tracer::new(7, 1.0, 2);
        let span = |n| Span {
            stage: Stage::Link,
            context: tracer.of(&frame("hq", n)).unwrap(),
            parent: None,
            begin: Timestamp::default(),
            took: Duration::ZERO,
            attributes: Vec::new(),
            failed: None,
        };
        for n in 0..5 {
            tracer.tell(span(n));
        }
        assert_eq!(tracer.dropped(), 3);
        assert_eq!(spans.try_iter().collect::<Vec<_>>(), [span(0), span(1)]);
    }
}
