//! Variants: the same event as different readers may see it. Most are cut out of the block; only masking writes anew.

use std::borrow::Cow;

use super::{FilterSpec, Narrowing, mask};
use crate::block::{Block, Entry};

/// What of an event a reader is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Variant {
    /// With `data.origin.payload`.
    pub payload: bool,
    /// With parties that asked not to be shown.
    pub pii: bool,
    /// The token is limited to tenants: no payload that speaks of several, no details of tenantless events.
    pub limited: bool,
}

/// The JSON of one event in two pieces, so that leaving out the payload copies nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered<'a> {
    head: Cow<'a, [u8]>,
    tail: &'static [u8],
}

/// Closes the origin, the data and the event.
const CLOSED: &[u8] = b"}}}";

impl Variant {
    /// Everything.
    pub const FULL: Self = Self {
        payload: true,
        pii: true,
        limited: false,
    };

    /// What a reader with this wish and these limits is shown.
    #[must_use]
    pub fn of(spec: &FilterSpec, narrowing: &Narrowing) -> Self {
        Self {
            payload: spec.payload,
            pii: narrowing.pii,
            limited: narrowing.tenants.is_some(),
        }
    }

    /// One event of a block.
    #[must_use]
    pub fn render<'a>(self, block: &'a Block, entry: &Entry) -> Rendered<'a> {
        let json = block.json(entry);
        if self.limited && entry.tenant.is_none() {
            return Rendered::masked(mask::without_details(json));
        }
        if !self.pii && entry.private {
            return Rendered::masked(mask::without_private_parties(json));
        }
        let withheld = self.limited && entry.mixed;
        match entry.payload {
            Some(cut) if withheld || !self.payload => Rendered {
                head: Cow::Borrowed(&json[..(cut - entry.start) as usize]),
                tail: CLOSED,
            },
            None if withheld => Rendered::masked(mask::without_payload(json)),
            _ => Rendered {
                head: Cow::Borrowed(json),
                tail: b"",
            },
        }
    }
}

impl Rendered<'_> {
    /// Bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an event is never empty")]
    pub fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Appends the JSON.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(self.tail);
    }

    /// The JSON on its own.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len());
        self.write_to(&mut out);
        out
    }

    const fn masked(json: Vec<u8>) -> Self {
        Self {
            head: Cow::Owned(json),
            tail: b"",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Epoch, EventType, Payload, Position, SourceId, Timestamp};
    use serde_json::{Value, json};

    use super::*;
    use crate::{draft::Draft, seal::Sealer};

    const WITHOUT_PII: Variant = Variant {
        pii: false,
        ..Variant::FULL
    };
    const LIMITED: Variant = Variant {
        limited: true,
        ..Variant::FULL
    };

    #[test]
    fn most_variants_are_cut_out_of_the_block() {
        let block = sealed(|_| {});
        let entry = &block.entries[0];
        assert_eq!(
            Variant::FULL.render(&block, entry).to_vec(),
            block.json(entry)
        );
        let without = Variant {
            payload: false,
            ..Variant::FULL
        };
        let rendered = without.render(&block, entry);
        assert!(
            matches!(rendered.head, Cow::Borrowed(_)),
            "nothing is copied"
        );
        assert_eq!(rendered.len(), rendered.to_vec().len());
        let mut expected: Value = serde_json::from_slice(block.json(entry)).unwrap();
        expected["data"]["origin"]
            .as_object_mut()
            .unwrap()
            .remove("payload");
        assert_eq!(json_of(&rendered), expected);
    }

    #[test]
    fn a_private_party_is_no_more_than_private_without_pii() {
        let data = json!({
            "call": {
                "id": "hq:1",
                "caller": {"private": true, "number": {"raw": "0123456789"}, "name": "Secret"},
                "callee": {"number": {"raw": "101"}, "uri": "sip:101@pbx"},
                "legs": [{"party": {"private": true, "name": "Secret"}, "native": {"caller": "0123456789"}}],
                "native": {"caller": "0123456789"},
            },
            "variable": {"value": "0123456789"}, "message": {}, "request": {}, "reply": {},
            "origin": {"kind": "native", "payload_base64": "MDEyMw==", "payload": {"caller": "0123456789"}},
        });
        let event = format!(r#"{{"specversion":"1.0","data":{data}}}"#);
        let masked = mask::without_private_parties(event.as_bytes());
        let masked: Value = serde_json::from_slice(&masked).unwrap();
        assert_eq!(
            masked["data"],
            json!({
                "call": {
                    "id": "hq:1", "caller": {"private": true}, "callee": {"number": {"raw": "101"}},
                    "legs": [{"party": {"private": true}}],
                },
                "origin": {"kind": "native"},
            })
        );
    }

    #[test]
    fn masking_leaves_the_envelope_and_events_without_private_parties_as_they_are() {
        let open = sealed(|_| {});
        assert_eq!(
            WITHOUT_PII.render(&open, &open.entries[0]).to_vec(),
            open.json(&open.entries[0])
        );
        let private = sealed(|draft| draft.private = true);
        let masked = WITHOUT_PII.render(&private, &private.entries[0]);
        let (mut masked, mut whole) = (
            json_of(&masked),
            json_of(&Variant::FULL.render(&private, &private.entries[0])),
        );
        assert_eq!(masked["data"].take()["origin"], json!({"kind": "gateway"}));
        whole["data"].take();
        assert_eq!(masked, whole);
    }

    #[test]
    fn a_limited_token_gets_no_payload_that_speaks_of_others() {
        let mixed = sealed(|draft| draft.mixed = true);
        let rendered = json_of(&LIMITED.render(&mixed, &mixed.entries[0]));
        assert_eq!(rendered["data"]["origin"], json!({"kind": "gateway"}));
        let encoded = sealed(|draft| {
            draft.mixed = true;
            draft.data.origin.payload = None;
            draft.data.origin.payload_base64 = Some("AAAA".into());
        });
        let rendered = json_of(&LIMITED.render(&encoded, &encoded.entries[0]));
        assert_eq!(rendered["data"]["origin"], json!({"kind": "gateway"}));
        let own = sealed(|_| {});
        assert_eq!(
            LIMITED.render(&own, &own.entries[0]).to_vec(),
            own.json(&own.entries[0])
        );
    }

    #[test]
    fn a_limited_token_gets_no_details_of_what_belongs_to_nobody() {
        let block = sealed(|draft| {
            draft.tenant = None;
            draft.kind = EventType::SourceGap;
            draft.data.source = Some(Arc::new(model::Source {
                id: SourceId::new("hq").unwrap(),
                adapter: "portsip".into(),
                dialect: Some("v22".into()),
                state: model::SourceState::Connected,
                since: Timestamp::from_secs(1),
                reason: Some("10.0.0.7 refused us".into()),
                last_event_at: None,
                clock_skew_ms: Some(3),
                counters: model::SourceCounters::default(),
                quality: None,
                unrecognized: std::collections::BTreeMap::new(),
            }));
            draft.data.gap = Some(Box::new(model::Gap {
                from: Timestamp::from_secs(1),
                to: Timestamp::from_secs(2),
                reason: "10.0.0.7 refused us".into(),
                reconciled: vec!["calls".into()],
                unknown: Vec::new(),
                count: Some(3),
            }));
        });
        let limited = LIMITED.render(&block, &block.entries[0]).to_vec();
        assert_eq!(
            serde_json::from_slice::<Value>(&limited).unwrap()["data"],
            json!({
                "source": {"id": "hq", "adapter": "portsip", "state": "connected", "since": "1970-01-01T00:00:01Z"},
                "gap": {
                    "from": "1970-01-01T00:00:01Z", "to": "1970-01-01T00:00:02Z", "reason": "withheld",
                    "reconciled": ["calls"], "unknown": [],
                },
                "origin": {"kind": "gateway"},
            })
        );
        let event: model::Event = serde_json::from_slice(&limited).unwrap();
        assert_eq!(
            event.kind,
            EventType::SourceGap,
            "it still is an event of its schema"
        );
    }

    #[test]
    fn what_cannot_be_read_is_withheld() {
        for json in [
            &b"{"[..],
            b"[]",
            br#"{"data":7}"#,
            br#"{"data":{},"id":"e"}"#,
        ] {
            assert_eq!(
                mask::without_private_parties(json),
                br#"{"specversion":"1.0"}"#
            );
        }
    }

    fn json_of(rendered: &Rendered<'_>) -> Value {
        serde_json::from_slice(&rendered.to_vec()).unwrap()
    }

    fn sealed(change: impl FnOnce(&mut Draft)) -> Arc<Block> {
        let mut data = model::Data::default();
        data.origin.payload = Payload::parse(r#"{"caller":"}}}0123456789"}"#.into()).ok();
        let mut draft = Draft {
            kind: EventType::CallEnded,
            source: Some(SourceId::new("hq").unwrap()),
            subject: "calls/hq:1".into(),
            time: Timestamp::from_secs(1),
            recorded: Timestamp::from_secs(1),
            tenant: Some("acme".into()),
            partitionkey: "hq:1".into(),
            correlationid: None,
            version: 1,
            expires: None,
            data,
            extensions: Default::default(),
            queues: Default::default(),
            private: false,
            mixed: false,
            closes: None,
        };
        change(&mut draft);
        let mut blocks = Sealer::new(Epoch::from_random([0; 8]), Position(1)).seal(&[draft]);
        blocks.remove(0)
    }
}
