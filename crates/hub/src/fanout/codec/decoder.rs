//! Frames from clients: masked, perhaps fragmented, perhaps hostile, and never a byte more than needed of them kept.

use super::{Incoming, MAX_CONTROL, MAX_MESSAGE, Opcode, Violation, be};

/// Reads what a client sends. Empty between messages.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    bytes: Vec<u8>,
    /// How many of them are read.
    read: usize,
    /// The fragments of a message so far; none between messages.
    message: Option<Vec<u8>>,
}

impl Decoder {
    /// Takes what was received.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes of memory.
    pub(crate) fn held(&self) -> usize {
        self.bytes.capacity() + self.message.as_ref().map_or(0, Vec::capacity)
    }

    /// What the client said next, when all of it is here.
    pub(crate) fn next(&mut self) -> Result<Option<Incoming>, Violation> {
        loop {
            let unread = &self.bytes[self.read..];
            let Some(head) = Head::read(unread)? else {
                self.shrink();
                return Ok(None);
            };
            let so_far = self.message.as_ref().map_or(0, Vec::len);
            if !head.opcode.is_control() && so_far + head.len > MAX_MESSAGE {
                return Err(Violation::TooLarge);
            }
            let Some(payload) = unread.get(head.size..head.size + head.len) else {
                self.shrink();
                return Ok(None);
            };
            let mut payload = payload.to_vec();
            self.read += head.size + head.len;
            for (byte, key) in payload.iter_mut().zip(head.mask.iter().cycle()) {
                *byte ^= key;
            }
            if let Some(incoming) = self.take(head, payload)? {
                return Ok(Some(incoming));
            }
        }
    }

    fn take(&mut self, head: Head, payload: Vec<u8>) -> Result<Option<Incoming>, Violation> {
        let message = match (head.opcode, self.message.take()) {
            (Opcode::Ping, open) => {
                self.message = open;
                return Ok(Some(Incoming::Ping(payload)));
            }
            (Opcode::Pong, open) => {
                self.message = open;
                return Ok(Some(Incoming::Pong));
            }
            (Opcode::Close, _) => {
                return close_code(&payload).map(|code| Some(Incoming::Close(code)));
            }
            (Opcode::Binary, _) => return Err(Violation::Binary),
            (Opcode::Text, None) => payload,
            (Opcode::Continuation, Some(mut message)) => {
                message.extend_from_slice(&payload);
                message
            }
            (Opcode::Text, Some(_)) => {
                return Err(Violation::Protocol("a message begins inside another"));
            }
            (Opcode::Continuation, None) => {
                return Err(Violation::Protocol("a continuation of nothing"));
            }
        };
        if !head.last {
            self.message = Some(message);
            return Ok(None);
        }
        match String::from_utf8(message) {
            Ok(text) => Ok(Some(Incoming::Text(text))),
            Err(_) => Err(Violation::NotText),
        }
    }

    /// Thousands of streams say one word a minute: what they said it in must not stay.
    fn shrink(&mut self) {
        self.bytes.drain(..self.read);
        self.read = 0;
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
    }
}

#[derive(Clone, Copy)]
struct Head {
    opcode: Opcode,
    last: bool,
    mask: [u8; 4],
    /// Bytes in front of the payload.
    size: usize,
    /// Bytes of payload.
    len: usize,
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Option<Self>, Violation> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(Violation::Protocol("a reserved bit is set"));
        }
        let opcode = match first & 0x0f {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return Err(Violation::Protocol("a reserved opcode")),
        };
        let last = first & 0x80 != 0;
        if second & 0x80 == 0 {
            return Err(Violation::Protocol("a frame is not masked"));
        }
        let short = usize::from(second & 0x7f);
        if opcode.is_control() && (!last || short > MAX_CONTROL) {
            return Err(Violation::Protocol(
                "a control frame is fragmented or too long",
            ));
        }
        let extended = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(length) = rest.get(..extended) else {
            return Ok(None);
        };
        let len = if extended == 0 { short } else { be(length) };
        if len > MAX_MESSAGE {
            return Err(Violation::TooLarge);
        }
        let Some(mask) = rest.get(extended..extended + 4) else {
            return Ok(None);
        };
        Ok(Some(Self {
            opcode,
            last,
            mask: [mask[0], mask[1], mask[2], mask[3]],
            size: 2 + extended + 4,
            len,
        }))
    }
}

fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    match payload {
        [] => Ok(None),
        [_] => Err(Violation::Protocol("a close frame with half a code")),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            let sendable = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            if !sendable {
                return Err(Violation::Protocol("a close code that nobody may send"));
            }
            if std::str::from_utf8(reason).is_err() {
                return Err(Violation::NotText);
            }
            Ok(Some(code))
        }
    }
}
