//! The encoding of drafts into blocks: each event is written once, and nothing of a draft is copied for it.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use model::{
    Cursor, Data, Epoch, EventType, Position, SourceId, Text, Timestamp,
    event::{ContentType, SpecVersion},
};
use serde::{Serialize, Serializer};

use crate::{
    block::{Block, Entry, Key},
    draft::Draft,
};

/// Encodes drafts into blocks, giving out positions.
#[derive(Debug)]
pub struct Sealer {
    epoch: Epoch,
    next: Position,
}

/// The most bytes of an event.
pub const MAX_EVENT: usize = 64 * 1024;

/// Bytes of an event, about: so much room is made for each.
const USUAL_EVENT: usize = 1024;

/// An event as it is written: [`model::Event`], member by member, lent by a draft.
#[derive(Serialize)]
struct Written<'a> {
    specversion: SpecVersion,
    id: Cursor,
    #[serde(serialize_with = "source")]
    source: Option<&'a SourceId>,
    #[serde(rename = "type")]
    kind: EventType,
    subject: &'a str,
    time: Timestamp,
    recordedtime: Timestamp,
    datacontenttype: ContentType,
    #[serde(serialize_with = "schema")]
    dataschema: EventType,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    partitionkey: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlationid: Option<&'a str>,
    subjectversion: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expirytime: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    data: &'a Data,
}

impl Sealer {
    /// A sealer whose first event gets `next`.
    #[must_use]
    pub fn new(epoch: Epoch, next: Position) -> Self {
        Self { epoch, next }
    }

    /// The position that the next event gets.
    #[must_use]
    pub fn next(&self) -> Position {
        self.next
    }

    /// Encodes all drafts, in order, into as few blocks as the limits of [`Block`] allow.
    pub fn seal(&mut self, drafts: &[Draft]) -> Vec<Arc<Block>> {
        self.seal_traced(drafts, |_| None)
    }

    /// The same, where `trace` tells the `traceparent` of a draft by its place.
    pub fn seal_traced(
        &mut self,
        drafts: &[Draft],
        trace: impl Fn(usize) -> Option<Text>,
    ) -> Vec<Arc<Block>> {
        let mut blocks = Vec::new();
        let mut entries = Vec::with_capacity(drafts.len().min(Block::MAX_EVENTS));
        let mut body = Vec::with_capacity((drafts.len() * USUAL_EVENT).min(Block::MAX_BYTES));
        for (n, draft) in drafts.iter().enumerate() {
            if entries.len() == Block::MAX_EVENTS
                || (!entries.is_empty() && body.len() + MAX_EVENT > Block::MAX_BYTES)
            {
                blocks.push(self.block(std::mem::take(&mut entries), std::mem::take(&mut body)));
            }
            entries.push(self.encode(draft, trace(n).as_deref(), &mut body));
        }
        if !entries.is_empty() {
            blocks.push(self.block(entries, body));
        }
        blocks
    }

    fn block(&self, entries: Vec<Entry>, body: Vec<u8>) -> Arc<Block> {
        Arc::new(Block {
            epoch: self.epoch,
            entries,
            body: Bytes::from(body),
        })
    }

    fn encode(&mut self, draft: &Draft, trace: Option<&str>, body: &mut Vec<u8>) -> Entry {
        let position = self.next;
        self.next = Position(position.0 + 1);
        let start = body.len();
        let id = self.epoch.at(position);
        let mut data = Cow::Borrowed(&draft.data);
        write(&Written::of(draft, id, trace, &data), body);
        let length = body.len() - start;
        if length > MAX_EVENT
            && let Some(payload) = &draft.data.origin.payload
        {
            let rest = length - payload.as_str().len() + r#""truncated":true,"#.len();
            let origin = &mut data.to_mut().origin;
            origin.truncated = true;
            origin.payload = (rest < MAX_EVENT).then(|| payload.cut(MAX_EVENT - rest));
            body.truncate(start);
            write(&Written::of(draft, id, trace, &data), body);
        }
        // The payload is the last member of the origin, the origin of the data, the data of the event.
        let payload = data
            .origin
            .payload
            .as_ref()
            .map(|payload| body.len() - 3 - payload.as_str().len() - r#","payload":"#.len());
        Entry {
            position,
            kind: draft.kind,
            start: offset(start),
            end: offset(body.len()),
            payload: payload.map(offset),
            source: draft.source.clone(),
            tenant: draft.tenant.clone(),
            subject: Key::of(&draft.subject),
            extensions: draft.extensions.clone(),
            queues: draft.queues.clone(),
            recorded: draft.recorded,
            private: draft.private,
            mixed: draft.mixed,
            reconstructed: draft.expires == Some(draft.recorded),
        }
    }
}

impl<'a> Written<'a> {
    fn of(draft: &'a Draft, id: Cursor, trace: Option<&'a str>, data: &'a Data) -> Self {
        Self {
            specversion: SpecVersion::V1,
            id,
            source: draft.source.as_ref(),
            kind: draft.kind,
            subject: &draft.subject,
            time: draft.time,
            recordedtime: draft.recorded,
            datacontenttype: ContentType::Json,
            dataschema: draft.kind,
            tenant: draft.tenant.as_deref(),
            partitionkey: &draft.partitionkey,
            correlationid: draft.correlationid.as_deref(),
            subjectversion: draft.version,
            expirytime: draft.expires,
            traceparent: trace,
            data,
        }
    }
}

fn source<S: Serializer>(source: &Option<&SourceId>, serializer: S) -> Result<S::Ok, S::Error> {
    match source {
        Some(source) => serializer.collect_str(&format_args!("/sources/{source}")),
        None => serializer.serialize_str("/gateway"),
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference to the field"
)]
fn schema<S: Serializer>(kind: &EventType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("urn:switchhook:schema:v1:{}", kind.schema()))
}

#[expect(
    clippy::expect_used,
    reason = "every map key of an event is a text and writing to memory cannot fail"
)]
fn write(event: &Written<'_>, body: &mut Vec<u8>) {
    serde_json::to_writer(body, event).expect("an event has a JSON form");
}

#[expect(
    clippy::expect_used,
    reason = "a block is limited to a few hundred KiB"
)]
fn offset(n: usize) -> u32 {
    u32::try_from(n).expect("a block is smaller than 4 GiB")
}

#[cfg(test)]
mod tests {
    use model::{Event, Payload, Source, SourceState, example};
    use smallvec::SmallVec;

    use super::*;

    #[test]
    fn an_event_is_written_once_and_found_by_its_span() {
        let blocks = sealer().seal(&[draft(None), draft(Some(r#"{"a":[1,"}}}"]}"#))]);
        let [block] = &blocks[..] else {
            panic!("one block")
        };
        for (entry, position) in block.entries.iter().zip([7, 8]) {
            let event: Event = serde_json::from_slice(block.json(entry)).unwrap();
            assert_eq!(event.id, block.cursor(entry));
            assert_eq!(entry.position, Position(position));
        }
    }

    #[test]
    fn every_type_is_written_as_an_event_is() {
        for kind in EventType::ALL {
            let event: Event = serde_json::from_value(example::of(*kind).clone()).unwrap();
            let draft = Draft {
                kind: event.kind,
                source: event
                    .source
                    .strip_prefix("/sources/")
                    .map(|id| SourceId::new(id).unwrap()),
                subject: event.subject.clone(),
                time: event.time,
                recorded: event.recordedtime,
                tenant: event.tenant.clone(),
                partitionkey: event.partitionkey.clone(),
                correlationid: event.correlationid.clone(),
                version: event.subjectversion,
                expires: event.expirytime,
                data: event.data.clone(),
                ..draft(None)
            };
            let trace = || event.traceparent.clone();
            let mut sealer = Sealer::new(event.id.epoch, event.id.position);
            let blocks = sealer.seal_traced(std::slice::from_ref(&draft), |_| trace());
            let written = blocks[0].json(&blocks[0].entries[0]);
            let wanted = serde_json::to_vec(&event).unwrap();
            assert_eq!(written, wanted, "{kind}");
        }
    }

    #[test]
    fn the_payload_is_the_tail_of_the_event() {
        let blocks = sealer().seal(&[draft(Some(r#"{"a":"},\"payload\":"}"#))]);
        let entry = &blocks[0].entries[0];
        let (head, tail) = blocks[0]
            .json(entry)
            .split_at(entry.payload.unwrap() as usize - entry.start as usize);
        assert_eq!(tail, br#","payload":{"a":"},\"payload\":"}}}}"#);
        let without: Event = serde_json::from_slice(&[head, b"}}}"].concat()).unwrap();
        assert_eq!(without.data.origin.payload, None);
    }

    #[test]
    fn a_large_payload_is_cut_and_the_event_says_so() {
        let large = format!("{:?}", "x".repeat(MAX_EVENT));
        let blocks = sealer().seal(&[draft(Some(&large))]);
        let entry = &blocks[0].entries[0];
        let event: Event = serde_json::from_slice(blocks[0].json(entry)).unwrap();
        assert!(event.data.origin.truncated);
        assert!(
            event
                .data
                .origin
                .payload
                .is_some_and(|payload| payload.as_str().starts_with(r#""\"xxxx"#))
        );
        assert!(blocks[0].json(entry).len() <= MAX_EVENT);
    }

    #[test]
    fn blocks_keep_their_limits_and_positions_go_on() {
        let payload = format!("{:?}", "x".repeat(40_000));
        let drafts: Vec<Draft> = (0..600)
            .map(|n| draft((n % 3 == 0).then_some(payload.as_str())))
            .collect();
        let blocks = sealer().seal(&drafts);
        let positions: Vec<u64> = blocks
            .iter()
            .flat_map(|block| &block.entries)
            .map(|entry| entry.position.0)
            .collect();
        assert_eq!(positions, (7..607).collect::<Vec<_>>());
        assert!(
            blocks
                .iter()
                .all(|block| block.entries.len() <= Block::MAX_EVENTS
                    && block.body.len() <= Block::MAX_BYTES)
        );
    }

    fn sealer() -> Sealer {
        Sealer::new(Epoch::from_random(*b"testtest"), Position(7))
    }

    fn draft(payload: Option<&str>) -> Draft {
        let id = SourceId::new("hq").unwrap();
        let source = Source {
            id: id.clone(),
            adapter: "portsip".into(),
            dialect: None,
            state: SourceState::Synced,
            since: Timestamp::default(),
            reason: None,
            last_event_at: None,
            clock_skew_ms: None,
            counters: model::SourceCounters::default(),
            quality: None,
            unrecognized: std::collections::BTreeMap::new(),
        };
        let mut data = Data {
            source: Some(Arc::new(source)),
            ..Data::default()
        };
        data.origin.payload = payload.map(|text| Payload::parse(text.to_owned()).unwrap());
        Draft {
            kind: EventType::SourceSynced,
            source: Some(id),
            subject: "sources/hq".into(),
            time: Timestamp::default(),
            recorded: Timestamp::default(),
            tenant: None,
            partitionkey: "hq".into(),
            correlationid: None,
            version: 1,
            expires: None,
            data,
            extensions: SmallVec::new(),
            queues: SmallVec::new(),
            private: false,
            mixed: false,
            closes: None,
        }
    }
}
