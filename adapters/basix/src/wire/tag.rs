//! The tags of the external term format that are read, and how far each reaches.

use super::scan::ScanError;

pub(super) const VERSION: u8 = 131;

pub(super) const NEW_FLOAT: u8 = 70;
pub(super) const SMALL_INTEGER: u8 = 97;
pub(super) const INTEGER: u8 = 98;
pub(super) const FLOAT: u8 = 99;
pub(super) const ATOM: u8 = 100;
pub(super) const SMALL_TUPLE: u8 = 104;
pub(super) const LARGE_TUPLE: u8 = 105;
pub(super) const NIL: u8 = 106;
pub(super) const STRING: u8 = 107;
pub(super) const LIST: u8 = 108;
pub(super) const BINARY: u8 = 109;
pub(super) const SMALL_BIG: u8 = 110;
pub(super) const LARGE_BIG: u8 = 111;
pub(super) const SMALL_ATOM: u8 = 115;
pub(super) const MAP: u8 = 116;
pub(super) const UTF8_ATOM: u8 = 118;
pub(super) const SMALL_UTF8_ATOM: u8 = 119;

/// How far a term reaches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// The bytes of the term itself, without its children.
    pub(super) size: usize,
    /// The terms that follow as part of it. The tail of a list is one of them.
    pub(super) children: usize,
    /// The length or number of elements, as it stands in the frame.
    pub(super) declared: u32,
}

/// The extent of the term that starts here.
#[inline(always)]
pub(super) fn extent(bytes: &[u8]) -> Result<Extent, ScanError> {
    let tag = *bytes.first().ok_or(ScanError::Truncated)?;
    Ok(match tag {
        SMALL_INTEGER => Extent::leaf(2),
        INTEGER => Extent::leaf(5),
        NEW_FLOAT => Extent::leaf(9),
        FLOAT => Extent::leaf(32),
        NIL => Extent::leaf(1),
        SMALL_ATOM | SMALL_UTF8_ATOM => Extent::sized(bytes, 2, u32::from(short(bytes)?))?,
        ATOM | STRING | UTF8_ATOM => Extent::sized(bytes, 3, u32::from(middle(bytes)?))?,
        BINARY => Extent::sized(bytes, 5, long(bytes)?)?,
        // The sign is a byte more.
        SMALL_BIG => Extent::sized(bytes, 3, u32::from(short(bytes)?))?,
        LARGE_BIG => Extent::sized(bytes, 6, long(bytes)?)?,
        SMALL_TUPLE => Extent::of(2, u32::from(short(bytes)?), 0, 1),
        LARGE_TUPLE => Extent::of(5, long(bytes)?, 0, 1),
        LIST => Extent::of(5, long(bytes)?, 1, 1),
        MAP => Extent::of(5, long(bytes)?, 0, 2),
        _ => return Err(ScanError::Tag(tag)),
    })
}

/// What follows the length of an atom, a string or a binary.
#[inline]
pub(super) fn body(term: &[u8]) -> &[u8] {
    let head = match term.first() {
        Some(&(SMALL_ATOM | SMALL_UTF8_ATOM)) => 2,
        Some(&(ATOM | STRING | UTF8_ATOM)) => 3,
        _ => 5,
    };
    term.get(head..).unwrap_or_default()
}

/// An integer of many bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    pub(super) sign: u8,
    /// The least significant byte first.
    pub(super) bytes: &'a [u8],
}

pub(super) fn big(term: &[u8]) -> Option<Parts<'_>> {
    let head = if *term.first()? == SMALL_BIG { 2 } else { 5 };
    let (sign, bytes) = term.get(head..)?.split_first()?;
    Some(Parts { sign: *sign, bytes })
}

/// A float in either spelling, when it is finite.
pub(super) fn float(term: &[u8]) -> Option<f64> {
    let (tag, body) = term.split_first()?;
    let value: f64 = if *tag == FLOAT {
        let end = body
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(body.len());
        std::str::from_utf8(&body[..end]).ok()?.parse().ok()?
    } else {
        f64::from_be_bytes(body.try_into().ok()?)
    };
    value.is_finite().then_some(value)
}

impl Extent {
    const fn leaf(size: usize) -> Self {
        Self {
            size,
            children: 0,
            declared: 0,
        }
    }

    #[inline]
    fn sized(bytes: &[u8], head: usize, length: u32) -> Result<Self, ScanError> {
        let size = head.saturating_add(length as usize);
        if size > bytes.len() {
            return Err(ScanError::Length(length));
        }
        Ok(Self {
            size,
            children: 0,
            declared: length,
        })
    }

    const fn of(size: usize, declared: u32, tail: usize, each: usize) -> Self {
        Self {
            size,
            children: (declared as usize)
                .saturating_mul(each)
                .saturating_add(tail),
            declared,
        }
    }
}

#[inline]
fn short(bytes: &[u8]) -> Result<u8, ScanError> {
    bytes.get(1).copied().ok_or(ScanError::Truncated)
}

#[inline]
fn middle(bytes: &[u8]) -> Result<u16, ScanError> {
    match bytes {
        [_, a, b, ..] => Ok(u16::from_be_bytes([*a, *b])),
        _ => Err(ScanError::Truncated),
    }
}

#[inline]
fn long(bytes: &[u8]) -> Result<u32, ScanError> {
    match bytes {
        [_, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(ScanError::Truncated),
    }
}
