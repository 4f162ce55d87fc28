//! A draft: an event without its place in the log, as the state yields it, and its encoding into blocks.

use std::sync::Arc;

use bytes::Bytes;
use model::{
    Collection, Data, Epoch, Event, EventType, Position, SourceId, Text, Timestamp,
    event::{ContentType, SpecVersion},
};
use smallvec::SmallVec;

use crate::block::{Block, Entry, Key};

/// An event that has no position yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The type.
    pub kind: EventType,
    /// The source; none for events of the gateway itself.
    pub source: Option<SourceId>,
    /// `<collection>/<entity id>`.
    pub subject: Text,
    /// When it happened.
    pub time: Timestamp,
    /// When it was received.
    pub recorded: Timestamp,
    /// The tenant, canonical.
    pub tenant: Option<Text>,
    /// The entity whose order matters.
    pub partitionkey: Text,
    /// The interaction.
    pub correlationid: Option<Text>,
    /// The version of the subject.
    pub version: u64,
    /// Worthless from then on.
    pub expires: Option<Timestamp>,
    /// Entities and facts.
    pub data: Data,
    /// For the filter `extensions`: numbers, canonical ids and native ids of the extensions ever involved.
    pub extensions: SmallVec<[Key; 4]>,
    /// For the filter `queues`: the same of queues.
    pub queues: SmallVec<[Key; 2]>,
    /// A party asked not to be shown.
    pub private: bool,
    /// The payload speaks of several tenants.
    pub mixed: bool,
    /// Set on the last event of a subject: it is closed from here on.
    pub closes: Option<Closing>,
}

/// A subject that is over: what the archive keeps of it beside its last event.
#[derive(Clone, Debug, PartialEq)]
pub struct Closing {
    /// The kind of entity.
    pub collection: Collection,
    /// Other keys under which the PBX may speak of it.
    pub aliases: Vec<Text>,
}

/// Encodes drafts into blocks, giving out positions.
#[derive(Debug)]
pub struct Sealer {
    epoch: Epoch,
    next: Position,
}

/// The most bytes of an event.
pub const MAX_EVENT: usize = 64 * 1024;

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
        let mut entries = Vec::new();
        let mut body = Vec::new();
        for (n, draft) in drafts.iter().enumerate() {
            if entries.len() == Block::MAX_EVENTS
                || (!entries.is_empty() && body.len() + MAX_EVENT > Block::MAX_BYTES)
            {
                blocks.push(self.block(std::mem::take(&mut entries), std::mem::take(&mut body)));
            }
            entries.push(self.encode(draft, trace(n), &mut body));
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

    fn encode(&mut self, draft: &Draft, trace: Option<Text>, body: &mut Vec<u8>) -> Entry {
        let position = self.next;
        self.next = Position(position.0 + 1);
        let start = body.len();
        let mut event = draft.event(self.epoch, position);
        event.traceparent = trace;
        write(&event, body);
        let length = body.len() - start;
        if length > MAX_EVENT
            && let Some(payload) = event.data.origin.payload.take()
        {
            let rest = length - payload.as_str().len() + r#""truncated":true,"#.len();
            event.data.origin.truncated = true;
            event.data.origin.payload = (rest < MAX_EVENT).then(|| payload.cut(MAX_EVENT - rest));
            body.truncate(start);
            write(&event, body);
        }
        // The payload is the last member of the origin, the origin of the data, the data of the event.
        let payload = event
            .data
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

impl Draft {
    /// An event of the gateway itself.
    #[must_use]
    pub fn of_gateway(
        kind: EventType,
        subject: Text,
        version: u64,
        now: Timestamp,
        data: Data,
    ) -> Self {
        let id = subject.split_once('/').map_or(&*subject, |(_, id)| id);
        Self {
            kind,
            source: None,
            time: now,
            recorded: now,
            tenant: None,
            partitionkey: id.into(),
            subject,
            correlationid: None,
            version,
            expires: None,
            data,
            extensions: SmallVec::new(),
            queues: SmallVec::new(),
            private: false,
            mixed: false,
            closes: None,
        }
    }

    /// The event at a position.
    #[must_use]
    pub fn event(&self, epoch: Epoch, position: Position) -> Event {
        Event {
            specversion: SpecVersion::V1,
            id: epoch.at(position),
            source: self.source.as_ref().map_or_else(
                || "/gateway".into(),
                |source| format!("/sources/{source}").into(),
            ),
            kind: self.kind,
            subject: Text::clone(&self.subject),
            time: self.time,
            recordedtime: self.recorded,
            datacontenttype: ContentType::Json,
            dataschema: format!("urn:switchhook:schema:v1:{}", self.kind.schema()).into(),
            tenant: self.tenant.clone(),
            partitionkey: Text::clone(&self.partitionkey),
            correlationid: self.correlationid.clone(),
            subjectversion: self.version,
            expirytime: self.expires,
            traceparent: None,
            data: self.data.clone(),
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "every map key of an event is a text and writing to memory cannot fail"
)]
fn write(event: &Event, body: &mut Vec<u8>) {
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
    use model::{Payload, Source, SourceState};

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
