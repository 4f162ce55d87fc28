//! What holds for any frame.

use adapter::{Output, Translator as _};
use bytes::Bytes;
use model::{Fact, Now, Timestamp};
use proptest::prelude::*;

use super::{map::Bell, wire};

fn said(frame: &Bytes) -> Output {
    let mut out = Output::default();
    let now = Now {
        mono: std::time::Duration::ZERO,
        wall: Timestamp::from_secs(0),
    };
    Bell.frame(frame, now, &mut out);
    out
}

proptest! {
    /// Any bytes: no panic, and nothing is dropped in silence.
    #[test]
    fn any_frame_is_told_of(bytes: Vec<u8>) {
        let frame = Bytes::from(bytes);
        let facts: Vec<_> = said(&frame).reports.into_iter().flat_map(|report| report.observations).collect();
        prop_assert!(!facts.is_empty());
        if wire::decode(&frame).is_none() {
            let unknown = matches!(facts[0].fact, Fact::Unrecognized { .. });
            prop_assert!(unknown);
        }
    }

    /// The same frame says the same, always.
    #[test]
    fn it_is_deterministic(bell in "call|ring|pick_up|over|calls|[a-z]{1,8}", call in "[0-9]{0,4}", at in "[0-9]{0,3}") {
        let frame = serde_json::json!({"bell": bell, "call": call, "from": at, "to": at, "at": at, "open": [call]});
        let frame = Bytes::from(frame.to_string());
        prop_assert_eq!(said(&frame).reports, said(&frame).reports);
    }
}
