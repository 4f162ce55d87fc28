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
