//! A gateway that is restarted in the middle of an attended transfer.

use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use testkit::Fold;

use super::{PACE, Player, ends, legs, source, streams};

/// A leg as it is told: channel, side, who calls whom, whose it is.
type Told<'a> = (&'a str, &'a str, &'a str, &'a str, Option<&'a str>);

const CUSTOMER: Told<'_> = ("573.1", "I", "+4520304050", "+4570305050", None);
const ANSWERS: Told<'_> = ("573.2", "O", "+4520304050", "201", Some("eA"));
const ASKS: Told<'_> = ("573.5", "I", "201", "202", Some("eA"));
const ASKED: Told<'_> = ("573.6", "O", "201", "202", Some("eB"));

/// A customer is answered by 201, who asks 202 and hands the customer on. Nothing says under which session the PBX goes
/// on: under that of either call, or under both.
fn attended() -> impl Strategy<Value = Vec<Value>> {
    select(vec![("S1", "S1"), ("S9", "S9"), ("S1", "S9")]).prop_map(|(customer, asked)| {
        let shown = ("573.1", "I", "+4520304050", "202", None);
        let stays = ("573.6", "O", "+4520304050", "202", Some("eB"));
        let events = [
            ("CALL_START", "S1", CUSTOMER),
            ("CALL_START", "S1", ANSWERS),
            ("CALL_RING", "S1", ANSWERS),
            ("CALL_ANSWER", "S1", ANSWERS),
            ("CALL_ANSWER", "S1", CUSTOMER),
            ("CALL_HOLD", "S1", ANSWERS),
            ("CALL_START", "S9", ASKS),
            ("CALL_START", "S9", ASKED),
            ("CALL_RING", "S9", ASKED),
            ("CALL_ANSWER", "S9", ASKED),
            ("CALL_ANSWER", "S9", ASKS),
            ("CALL_UPDATE", customer, shown),
            ("CALL_UPDATE", asked, stays),
            ("CALL_END", "S1", ANSWERS),
            ("CALL_END", "S9", ASKS),
            ("CALL_END", asked, stays),
            ("CALL_END", customer, shown),
        ];
        let told = |(n, (event, session, leg)): (usize, (&str, &str, Told<'_>))| {
            let (channel, side, caller, callee, extension) = leg;
            json!(["PBX", {
                "event": event, "eventId": format!("id-{n}"), "pbxServer": "pbx1", "sessionId": session,
                "channel": channel, "leg": side, "caller": caller, "callee": callee, "extension": extension,
                "callId": format!("X{session}"),
            }])
        };
        events.into_iter().enumerate().map(told).collect()
    })
}

proptest! {
    #![proptest_config(streams())]

    /// Wherever it stops, every leg ends once, in the call that it belongs to then, and so do the calls.
    #[test]
    fn a_restart_changes_no_transfer(events in attended(), cut in 0_usize..18) {
        let straight = Player::new().play_all(&events);
        let (before, after) = events.split_at(cut.min(events.len()));
        let (mut old, mut fold) = (Player::new(), Fold::new(&source()));
        let mut said = old.play(before, PACE);
        fold.take(&old.told);
        let mut new = Player::resumed(&fold.resume(), old.now);
        said.extend(new.play_all(after));
        prop_assert_eq!(legs(&said), legs(&straight));
        prop_assert_eq!(ends(&said), ends(&straight));
    }
}
