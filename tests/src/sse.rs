//! A reader of server-sent events.

use std::time::Instant;

use http_body_util::BodyExt;
use hyper::{HeaderMap, Response, body::Incoming};

use crate::{Event, wait};

/// A stream of server-sent events.
#[derive(Debug)]
pub struct Sse {
    status: u16,
    headers: HeaderMap,
    body: Incoming,
    read: Vec<u8>,
}

/// One frame.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// The `id:` line.
    pub id: Option<String>,
    /// The `event:` line.
    pub event: Option<String>,
    /// The `retry:` line.
    pub retry: Option<String>,
    /// The `data:` lines.
    pub data: String,
}

impl Sse {
    pub(crate) fn new(answer: Response<Incoming>) -> Self {
        let (head, body) = answer.into_parts();
        let (status, headers) = (head.status.as_u16(), head.headers);
        Self {
            status,
            headers,
            body,
            read: Vec::new(),
        }
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header of the answer.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The next frame; `None` at the end of the stream.
    ///
    /// # Panics
    /// When neither comes.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\n\n") {
                let frame: Vec<u8> = self.read.drain(..end + 2).collect();
                return Some(parse(
                    std::str::from_utf8(&frame).expect("an event stream is UTF-8"),
                ));
            }
            let chunk = wait::within("a server-sent event", self.body.frame())
                .await?
                .ok()?;
            if let Ok(bytes) = chunk.into_data() {
                self.read.extend_from_slice(&bytes);
            }
        }
    }

    /// The next frame with data.
    ///
    /// # Panics
    /// When the stream ends.
    pub async fn said(&mut self) -> (Frame, Event) {
        loop {
            let frame = self.next().await.expect("the stream goes on");
            if !frame.data.is_empty() {
                let event = Event::read(&frame.data);
                return (frame, event);
            }
        }
    }

    /// The next event of the log; its `id:` line is checked.
    ///
    /// # Panics
    /// When the `id:` line is not the event's id.
    pub async fn event(&mut self) -> Event {
        let end = Instant::now() + wait::PATIENCE;
        loop {
            let (frame, event) = self.said().await;
            if !event.is_about_stream() {
                assert_eq!(frame.id.as_deref(), Some(event.id()), "{frame:?}");
                return event;
            }
            assert!(Instant::now() < end, "no event but {frame:?}");
        }
    }

    /// The events of the log up to and including the first that `last` recognises.
    pub async fn events_until(&mut self, last: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await;
            let done = last(&event);
            events.push(event);
            if done {
                return events;
            }
        }
    }
}

fn parse(text: &str) -> Frame {
    let mut frame = Frame::default();
    for line in text.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => frame.id = Some(value.to_owned()),
            "event" => frame.event = Some(value.to_owned()),
            "retry" => frame.retry = Some(value.to_owned()),
            "data" => {
                if !frame.data.is_empty() {
                    frame.data.push('\n');
                }
                frame.data.push_str(value);
            }
            _ => {}
        }
    }
    frame
}
