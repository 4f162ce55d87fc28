//! WebSocket framing, server side (RFC 6455): unmasked frames out, masked frames in, no extensions.

mod decoder;

use thiserror::Error;

pub(crate) use self::decoder::Decoder;

/// The most bytes of a client's message.
pub(crate) const MAX_MESSAGE: usize = 64 * 1024;
/// The most bytes in front of the payload of a frame that is written here.
pub(crate) const MAX_HEADER: usize = 10;

const MAX_CONTROL: usize = 125;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// What a client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Text(String),
    Ping(Vec<u8>),
    Pong,
    /// With the code, if there is one.
    Close(Option<u16>),
}

/// What the protocol forbids. Nothing that follows can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Violation {
    #[error("{0}")]
    Protocol(&'static str),
    #[error("only text messages are understood")]
    Binary,
    #[error("a text message is not UTF-8")]
    NotText,
    #[error("a message exceeds 64 KiB")]
    TooLarge,
}

impl Violation {
    /// The close code.
    pub(crate) const fn code(self) -> u16 {
        match self {
            Self::Protocol(_) => 1002,
            Self::Binary => 1003,
            Self::NotText => 1007,
            Self::TooLarge => 1009,
        }
    }
}

/// Appends the header of an unfragmented frame whose payload has `len` bytes.
pub(crate) fn header(opcode: Opcode, len: usize, out: &mut Vec<u8>) {
    out.push(0x80 | opcode as u8);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ 0..=125), _) => out.push(short),
        (_, Ok(medium)) => {
            out.push(126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

/// A whole frame.
pub(crate) fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(MAX_HEADER + payload.len());
    header(opcode, payload.len(), &mut out);
    out.extend_from_slice(payload);
    out
}

/// A close frame; the reason is cut to what fits.
pub(crate) fn close(code: u16, reason: &str) -> Vec<u8> {
    let mut end = reason.len().min(MAX_CONTROL - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    frame(Opcode::Close, &payload)
}

/// Where, at or after `at`, a frame ends in bytes that are whole frames written here.
pub(crate) fn boundary(frames: &[u8], at: usize) -> usize {
    let mut end = 0;
    while end < at {
        end += match frames.get(end + 1) {
            Some(126) => 4 + be(&frames[end + 2..end + 4]),
            Some(127) => 10 + be(&frames[end + 2..end + 10]),
            Some(short) => 2 + usize::from(*short),
            None => return frames.len(),
        };
    }
    end.min(frames.len())
}

impl Opcode {
    const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

fn be(bytes: &[u8]) -> usize {
    let wide = bytes.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
    usize::try_from(wide).unwrap_or(usize::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A frame as a client sends it.
    pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        header(Opcode::Text, payload.len(), &mut out);
        out[0] = first;
        out[1] |= 0x80;
        let key = [7, 77, 177, 0];
        out.extend_from_slice(&key);
        out.extend(
            payload
                .iter()
                .zip(key.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
        out
    }

    fn decode(bytes: &[u8]) -> Result<Vec<Incoming>, Violation> {
        let mut decoder = Decoder::default();
        decoder.push(bytes);
        let mut all = Vec::new();
        while let Some(incoming) = decoder.next()? {
            all.push(incoming);
        }
        Ok(all)
    }

    #[test]
    fn control_frames_may_come_inside_a_fragmented_message() {
        let bytes = [
            masked(0x01, b"Hel"),
            masked(0x89, b"?"),
            masked(0x00, b"l"),
            masked(0x80, b"o"),
            masked(0x88, &[0x03, 0xe8]),
        ]
        .concat();
        assert_eq!(
            decode(&bytes),
            Ok(vec![
                Incoming::Ping(b"?".to_vec()),
                Incoming::Text("Hello".into()),
                Incoming::Close(Some(1000)),
            ])
        );
    }

    #[test]
    fn what_the_protocol_forbids_has_its_code() {
        let code = |bytes: &[u8]| decode(bytes).unwrap_err().code();
        assert_eq!(code(&frame(Opcode::Text, b"not masked")), 1002);
        assert_eq!(code(&masked(0xc1, b"compressed")), 1002);
        assert_eq!(code(&masked(0x83, b"reserved")), 1002);
        assert_eq!(code(&masked(0x09, b"fragmented ping")), 1002);
        assert_eq!(code(&masked(0x89, &[0; 126])), 1002);
        assert_eq!(code(&masked(0x80, b"of nothing")), 1002);
        assert_eq!(
            code(&[masked(0x01, b"a"), masked(0x81, b"b")].concat()),
            1002
        );
        assert_eq!(code(&masked(0x88, &[3])), 1002);
        assert_eq!(code(&masked(0x88, &[0x03, 0xed])), 1002);
        assert_eq!(code(&masked(0x82, b"binary")), 1003);
        assert_eq!(code(&masked(0x81, &[0xff, 0xfe])), 1007);
        assert_eq!(code(&masked(0x81, &vec![b'x'; MAX_MESSAGE + 1])), 1009);
        let halves = [masked(0x01, &vec![b'x'; MAX_MESSAGE]), masked(0x80, b"x")].concat();
        assert_eq!(code(&halves), 1009);
        let mut endless = masked(0x81, b"");
        endless.splice(1..2, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(code(&endless), 1009);
    }

    #[test]
    fn a_reason_too_long_is_cut_between_characters() {
        let bytes = close(4500, &"ü".repeat(100));
        assert_eq!(bytes.len(), 2 + 2 + 122);
        assert!(std::str::from_utf8(&bytes[4..]).is_ok());
    }

    proptest! {
        #[test]
        fn frames_are_read_as_they_were_sent_however_they_arrive(
            texts in prop::collection::vec(".{0,300}", 1..6),
            long in 0..=MAX_MESSAGE,
            cuts in prop::collection::vec(1usize..900, 1..20),
        ) {
            let mut texts = texts;
            texts.push("x".repeat(long));
            let bytes: Vec<u8> = texts.iter().flat_map(|text| masked(0x81, text.as_bytes())).collect();
            let mut decoder = Decoder::default();
            let mut read = Vec::new();
            let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                decoder.push(now);
                rest = later;
                while let Some(Incoming::Text(text)) = decoder.next().unwrap() {
                    read.push(text);
                }
            }
            prop_assert_eq!(read, texts);
            prop_assert_eq!(decoder.held(), 0);
        }

        #[test]
        fn no_input_makes_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn boundaries_are_found(lens in prop::collection::vec(0usize..70_000, 1..5), at in any::<prop::sample::Index>()) {
            let frames: Vec<Vec<u8>> = lens.iter().map(|len| frame(Opcode::Text, &vec![b'x'; *len])).collect();
            let ends: Vec<usize> = frames.iter().scan(0, |end, frame| { *end += frame.len(); Some(*end) }).collect();
            let bytes = frames.concat();
            let at = at.index(bytes.len()) + 1;
            prop_assert_eq!(boundary(&bytes, at), *ends.iter().find(|end| **end >= at).unwrap());
            prop_assert_eq!(boundary(&bytes, 0), 0);
        }
    }
}
