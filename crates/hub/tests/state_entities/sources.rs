//! Sources, and what they say of themselves.

use std::time::Duration;

use bytes::Bytes;
use model::{
    Direction, ExtensionCallState, Fact, FrameId, Heard, Native, Observation, RawFrame, Report,
    observation::Ref,
    source::{Action, Alert, DirectoryObject},
};

use crate::{
    rig::{extension, is},
    state_bench::{Bench, at, hq, opens},
};

#[test]
fn an_unknown_shape_is_told_once_a_minute_with_its_body() {
    let mut bench = Bench::new();
    bench.connect();
    let mut tell = |shape: &str, body: &'static [u8], secs: u64| {
        bench.advance(Duration::from_secs(secs));
        let fact = Fact::Unrecognized {
            shape: shape.into(),
        };
        let mut report = Report::new("");
        report.observations = vec![Observation::native("", fact)];
        let heard = Heard {
            source: hq(),
            frame: Some(RawFrame {
                id: FrameId {
                    source: hq(),
                    boot: 1,
                    n: 1,
                },
                bytes: Bytes::from_static(body),
            }),
            now: bench.now,
            reports: vec![report],
            memo: Vec::new(),
        };
        let mut out = Vec::new();
        bench.state.handle(&heard, &mut (), &mut out);
        let event = out.pop();
        event.map(|event| event.data.origin)
    };
    let body = |origin: &model::Origin| origin.payload.as_ref().unwrap().as_str().to_owned();
    let first = tell("event:foo", br#"{"a":1}"#, 0).unwrap();
    assert_eq!(body(&first), r#"{"a":1}"#);
    assert!(tell("event:foo", b"{}", 30).is_none());
    let text = tell("json", b"not json", 0).unwrap();
    assert_eq!(body(&text), r#""not json""#);
    let binary = tell("binary", &[0xff, 0xfe], 0).unwrap();
    assert_eq!(binary.payload_base64.as_deref(), Some("//4="));
    assert!(tell("event:foo", b"{}", 31).is_some());
    let id = model::EntityId::from_text("hq");
    let view = bench.state.view();
    let source = &view.sources.get(&id).unwrap().entity;
    assert_eq!(source.counters.unrecognized, 5);
    assert_eq!(source.unrecognized["event:foo"], 3);
}

#[test]
fn a_clock_that_is_off_is_told_once() {
    let mut bench = Bench::new();
    bench.connect();
    let mut live = |n: i64, off: i64| {
        bench.secs(1);
        let time = bench.now.wall.after(Duration::from_secs(100));
        let time = time.before(Duration::from_secs(u64::try_from(100 - off).unwrap()));
        let key = format!("d{n}");
        bench.tell(vec![
            opens(&key, Direction::Internal, "1", "2").at(Some(time)),
        ])
    };
    for n in 0..7 {
        assert_eq!(live(n, -9), ["call.started"]);
    }
    assert_eq!(live(7, -30), ["call.started", "source.clock_skew"]);
    for n in 8..20 {
        assert_eq!(live(n, -9), ["call.started"]);
    }
    // One message that came in time is enough to know better.
    assert_eq!(live(20, 0), ["call.started"]);
    let id = model::EntityId::from_text("hq");
    let view = bench.state.view();
    let skew = view.sources.get(&id).unwrap().entity.clock_skew_ms;
    assert_eq!(skew, Some(0));
}

#[test]
fn remarks_carry_what_they_say_and_repeats_are_quiet() {
    let mut bench = Bench::new();
    bench.connect();
    let object = DirectoryObject {
        kind: "ivr".into(),
        id: Some("7".into()),
        action: Action::Updated,
        native: Native::new(),
    };
    let changed = Observation::native("x", Fact::Directory(Box::new(object))).at(at(1));
    assert_eq!(bench.tell(vec![changed.clone()]), ["directory.changed"]);
    assert!(bench.tell(vec![changed]).is_empty());
    let alert = |raised| {
        let alert = Alert {
            kind: "fraud".into(),
            text: None,
            details: Default::default(),
        };
        Observation::native("x", Fact::Alert(Box::new(alert), raised))
    };
    let kinds: Vec<_> = [true, true, false, true]
        .into_iter()
        .flat_map(|raised| bench.tell(vec![alert(raised)]))
        .collect();
    assert_eq!(kinds, ["alert.raised", "alert.cleared", "alert.raised"]);
    assert_eq!(&*bench.last("alert.raised").subject, "sources/hq");
}

#[test]
fn a_source_that_is_not_configured_any_more_takes_its_calls_along() {
    let mut bench = Bench::new();
    bench.connect();
    bench.tell(vec![opens("a", Direction::Internal, "1", "2")]);
    bench.tell(vec![extension(
        Ref::number("1"),
        is(ExtensionCallState::Busy),
    )]);
    let mut out = Vec::new();
    bench
        .state
        .configure(Default::default(), bench.now, &mut (), &mut out);
    let kinds: Vec<_> = out.iter().map(|draft| draft.kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["call.ended", "extension.deleted", "source.disconnected"]
    );
    assert!(out.iter().all(|draft| draft.closes.is_some()));
    let view = bench.state.view();
    assert!(view.calls.is_empty() && view.extensions.is_empty() && view.sources.is_empty());
}
