//! The frames of one session, in order: what each says, or what is wrong with it. Only attachments need a memory.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{Engine, Envelope, Malformed, Packet, binary::reinsert, envelope, packet};

/// Reads the frames of a session.
#[derive(Debug)]
pub struct Decoder {
    engine: Engine,
    /// The most bytes of an event with all its attachments.
    limit: usize,
    pending: Option<Pending>,
    abandoned: Option<Bad>,
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The session begins. JSON.
    Open(Bytes),
    /// The other side ends the session.
    Close,
    /// Asks for a pong with the same content.
    Ping(Bytes),
    /// Answers a ping.
    Pong,
    /// The namespace is joined. JSON, or nothing in Engine.IO 3.
    Connect(Bytes),
    /// Joining is refused. JSON.
    Refused(Bytes),
    /// The namespace is left.
    Disconnect,
    /// An event: a JSON array that begins with its name.
    Event(Bytes),
    /// An answer: a JSON array.
    Ack {
        /// To which question.
        id: u64,
        /// The array.
        args: Bytes,
    },
    /// Nothing that matters, or the beginning of something.
    Nothing,
}

/// A frame that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// Why.
    pub error: Malformed,
    /// The frame.
    pub frame: Bytes,
}

#[derive(Debug)]
struct Pending {
    /// The text frame that announced attachments.
    frame: Bytes,
    /// Where its array begins.
    args: usize,
    /// The id, when it is an answer.
    ack: Option<u64>,
    wanted: usize,
    attachments: Vec<Bytes>,
    size: usize,
}

impl Decoder {
    /// One for a session that begins.
    #[must_use]
    pub fn new(engine: Engine, limit: usize) -> Self {
        Self {
            engine,
            limit,
            pending: None,
            abandoned: None,
        }
    }

    /// Reads a text frame.
    ///
    /// # Errors
    /// When it makes no sense. The session can go on.
    pub fn text(&mut self, frame: &Bytes) -> Result<Heard, Bad> {
        let read = std::str::from_utf8(frame)
            .map_err(|_| Malformed::EngineType)
            .and_then(|text| self.read(frame, text));
        read.map_err(|error| bad(error, frame))
    }

    /// Reads a binary frame.
    ///
    /// # Errors
    /// When nothing announced it. The session can go on.
    pub fn binary(&mut self, frame: &Bytes) -> Result<Heard, Bad> {
        let read = match self.engine {
            Engine::V4 => self.attachment(frame.clone()),
            // The first byte is the type of packet, as a number.
            Engine::V3 if frame.first() == Some(&4) => self.attachment(frame.slice(1..)),
            Engine::V3 => Err(Malformed::EngineType),
        };
        read.map_err(|error| bad(error, frame))
    }

    /// An event whose attachments will not come, because something else did. Ask after each frame, and at the end.
    pub fn abandoned(&mut self) -> Option<Bad> {
        self.abandoned.take()
    }

    /// No frame follows: what was announced will not come.
    pub fn end(&mut self) {
        self.abandon();
    }

    fn read(&mut self, frame: &Bytes, text: &str) -> Result<Heard, Malformed> {
        let part = |part: &str| frame.slice_ref(part.as_bytes());
        Ok(match envelope(text)? {
            Envelope::Open(data) => Heard::Open(part(data)),
            Envelope::Close => Heard::Close,
            Envelope::Ping(data) => Heard::Ping(part(data)),
            Envelope::Pong => Heard::Pong,
            Envelope::Noop => Heard::Nothing,
            Envelope::Upgrade => return Err(Malformed::OutOfPlace),
            Envelope::Base64(_) if self.engine == Engine::V4 => return Err(Malformed::EngineType),
            Envelope::Base64(data) => {
                let bytes = STANDARD.decode(data).map_err(|_| Malformed::StrayBinary)?;
                self.attachment(bytes.into())?
            }
            Envelope::Message(message) => {
                self.abandon();
                match packet(message)? {
                    Packet::Connect(data) => Heard::Connect(part(data)),
                    Packet::Disconnect => Heard::Disconnect,
                    Packet::Refused(data) => Heard::Refused(part(data)),
                    Packet::Event { args, .. } => Heard::Event(part(args)),
                    Packet::Ack { id, args } => Heard::Ack {
                        id,
                        args: part(args),
                    },
                    Packet::Announced {
                        attachments,
                        is_ack,
                        id,
                        args,
                    } => {
                        self.pending = Some(Pending {
                            frame: frame.clone(),
                            args: frame.len() - args.len(),
                            ack: id.filter(|_| is_ack),
                            wanted: attachments,
                            attachments: Vec::new(),
                            size: frame.len(),
                        });
                        self.complete()?
                    }
                }
            }
        })
    }

    fn attachment(&mut self, bytes: Bytes) -> Result<Heard, Malformed> {
        let pending = self.pending.as_mut().ok_or(Malformed::StrayBinary)?;
        pending.size = pending.size.saturating_add(bytes.len());
        if pending.size > self.limit {
            self.abandon_as(Malformed::TooManyAttachments);
            return Ok(Heard::Nothing);
        }
        pending.attachments.push(bytes);
        self.complete()
    }

    /// The event, if that was all of it.
    fn complete(&mut self) -> Result<Heard, Malformed> {
        let is_whole = |pending: &mut Pending| pending.attachments.len() == pending.wanted;
        let Some(whole) = self.pending.take_if(is_whole) else {
            return Ok(Heard::Nothing);
        };
        let args = std::str::from_utf8(&whole.frame[whole.args..]);
        let args = args.map_err(|_| Malformed::NotJson)?;
        match reinsert(args, &whole.attachments) {
            Ok(args) => Ok(match whole.ack {
                Some(id) => Heard::Ack {
                    id,
                    args: args.into(),
                },
                None => Heard::Event(args.into()),
            }),
            Err(error) => {
                // What matters is the text, not the attachment that happened to be the last.
                self.abandoned = Some(bad(error, &whole.frame));
                Ok(Heard::Nothing)
            }
        }
    }

    fn abandon(&mut self) {
        self.abandon_as(Malformed::Incomplete);
    }

    fn abandon_as(&mut self, error: Malformed) {
        if let Some(pending) = self.pending.take() {
            self.abandoned = Some(bad(error, &pending.frame));
        }
    }
}

fn bad(error: Malformed, frame: &Bytes) -> Bad {
    Bad {
        error,
        frame: frame.clone(),
    }
}
