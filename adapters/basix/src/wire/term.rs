//! Terms as views into a scanned frame. Nothing is copied until it is asked for.

use std::borrow::Cow;

use super::{
    scan::ScanError,
    tag::{self, extent},
    text,
};

/// A term of a scanned frame, not yet read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Term<'a> {
    /// Exactly its bytes.
    bytes: &'a [u8],
}

/// What a term says, BERT's complex types resolved.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `undefined`, `nil` or `null`.
    Absent,
    /// `[]` or `{bert,nil}`: an empty list or an empty charlist.
    Empty,
    /// `true`, `false`, or BERT's spelling of them.
    Bool(bool),
    /// An integer of up to 64 bits, whatever tag it came in.
    Int(i64),
    /// A larger integer.
    Big(Big<'a>),
    /// A float. Finite.
    Float(f64),
    /// An atom, a binary, or a charlist.
    Text(Cow<'a, str>),
    /// A list.
    List(Terms<'a>),
    /// A tuple.
    Tuple(Terms<'a>),
    /// A map or `{bert,dict,…}`: keys and values in turn.
    Map(Pairs<'a>),
    /// `{bert,time,…}`: µs since 1970.
    Time(i64),
}

/// An integer of more than 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Big<'a> {
    /// Whether it is below zero.
    pub negative: bool,
    /// Its amount, the least significant byte first, at most [`MAX_BIG`](super::MAX_BIG) bytes.
    pub bytes: &'a [u8],
}

/// The elements of a tuple or list, in order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Terms<'a> {
    left: usize,
    rest: &'a [u8],
}

/// The keys and values of a map, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pairs<'a> {
    /// A map: keys and values in turn.
    Flat(Terms<'a>),
    /// A dict of BERT: a list of pairs.
    Nested(Terms<'a>),
}

impl<'a> Term<'a> {
    /// The term of a frame that passed the scan.
    pub(super) const fn scanned(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Its bytes, without the version byte. Equal bytes are equal terms.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    #[inline]
    fn tag(self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    /// What it says.
    #[must_use]
    #[inline]
    pub fn value(self) -> Value<'a> {
        let bytes = self.bytes;
        match *bytes {
            [tag::SMALL_INTEGER, value, ..] => Value::Int(value.into()),
            [tag::INTEGER, a, b, c, d, ..] => Value::Int(i32::from_be_bytes([a, b, c, d]).into()),
            [tag::ATOM | tag::SMALL_ATOM, ..] => atom(text::latin1(tag::body(bytes))),
            [tag::UTF8_ATOM | tag::SMALL_UTF8_ATOM, ..] => atom(text::tolerant(tag::body(bytes))),
            [tag::BINARY | tag::STRING, ..] => Value::Text(text::tolerant(tag::body(bytes))),
            [tag::SMALL_BIG | tag::LARGE_BIG, ..] => big(bytes),
            [tag::SMALL_TUPLE | tag::LARGE_TUPLE, ..] => {
                let elements = Terms::of(bytes);
                bert(&elements).unwrap_or(Value::Tuple(elements))
            }
            [tag::LIST, ..] => match Terms::of(bytes) {
                Terms { left: 0, .. } => Value::Empty,
                elements => Value::List(elements),
            },
            [tag::MAP, ..] => Value::Map(Pairs::Flat(Terms::of(bytes))),
            [tag::FLOAT | tag::NEW_FLOAT, ..] => {
                tag::float(bytes).map_or(Value::Absent, Value::Float)
            }
            [tag::NIL, ..] => Value::Empty,
            _ => Value::Absent,
        }
    }

    /// Whether it says nothing: `undefined`, `nil` or `null`.
    #[must_use]
    pub fn is_absent(self) -> bool {
        let (tag::ATOM | tag::UTF8_ATOM | tag::SMALL_ATOM | tag::SMALL_UTF8_ATOM) = self.tag()
        else {
            return false;
        };
        matches!(tag::body(self.bytes), b"undefined" | b"nil" | b"null")
    }

    /// A scalar as text: atoms, binaries and charlists alike, numbers by their digits.
    #[must_use]
    #[inline]
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self.tag() {
            tag::BINARY | tag::STRING => Some(text::tolerant(tag::body(self.bytes))),
            _ => self.spelt(),
        }
    }

    fn spelt(self) -> Option<Cow<'a, str>> {
        Some(match self.value() {
            Value::Text(text) => text,
            Value::Empty => Cow::Borrowed(""),
            Value::Int(value) => value.to_string().into(),
            Value::Big(big) => big.digits().into(),
            // As `1e-300`, not as 300 zeros.
            Value::Float(value) => format!("{value:?}").into(),
            Value::Bool(true) => Cow::Borrowed("true"),
            Value::Bool(false) => Cow::Borrowed("false"),
            Value::List(elements) => elements.charlist()?.into(),
            Value::Absent | Value::Tuple(_) | Value::Map(_) | Value::Time(_) => {
                return None;
            }
        })
    }

    /// An integer, also when it is spelt as text, and a time as µs since 1970.
    #[must_use]
    #[inline]
    pub fn int(self) -> Option<i64> {
        match *self.bytes {
            [tag::SMALL_INTEGER, value] => Some(value.into()),
            [tag::INTEGER, a, b, c, d] => Some(i32::from_be_bytes([a, b, c, d]).into()),
            // As long as a timestamp.
            [tag::SMALL_BIG, 7, 0, a, b, c, d, e, f, g] => {
                Some(i64::from_le_bytes([a, b, c, d, e, f, g, 0]))
            }
            _ => self.counted(),
        }
    }

    fn counted(self) -> Option<i64> {
        match self.value() {
            Value::Int(value) | Value::Time(value) => Some(value),
            Value::Bool(value) => Some(value.into()),
            Value::Text(text) => text.trim().parse().ok(),
            Value::List(elements) => elements.charlist()?.trim().parse().ok(),
            Value::Float(value) => whole(value),
            Value::Absent | Value::Empty | Value::Big(_) | Value::Tuple(_) | Value::Map(_) => None,
        }
    }

    /// A yes or no, also as 0 and 1 or as text.
    #[must_use]
    pub fn bool(self) -> Option<bool> {
        match self.value() {
            Value::Bool(value) => Some(value),
            Value::Int(value) => Some(value != 0),
            Value::Text(text) => match text.trim() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The elements of a tuple or a list; none when it is empty.
    #[must_use]
    #[inline]
    pub fn elements(self) -> Option<Terms<'a>> {
        if matches!(self.tag(), tag::SMALL_TUPLE | tag::LARGE_TUPLE) {
            let elements = Terms::of(self.bytes);
            if !elements.may_be_bert() {
                return Some(elements);
            }
        }
        match self.value() {
            Value::Tuple(elements) | Value::List(elements) => Some(elements),
            Value::Empty => Some(Terms::default()),
            _ => None,
        }
    }
}

impl<'a> Terms<'a> {
    /// The children of a tuple, list or map.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let Ok(extent) = extent(bytes) else {
            return Self::default();
        };
        let tail = usize::from(bytes.first() == Some(&tag::LIST));
        Self {
            left: extent.children.saturating_sub(tail),
            rest: bytes.get(extent.size..).unwrap_or_default(),
        }
    }

    /// Whether they begin as a complex type of BERT does.
    #[inline]
    fn may_be_bert(&self) -> bool {
        matches!(self.left, 2 | 3 | 5) && is_atom(self.rest, b"bert")
    }

    /// A charlist beyond Latin-1, which Erlang spells as a list of code points.
    fn charlist(self) -> Option<String> {
        self.map(|element| match element.value() {
            Value::Int(value) => u32::try_from(value).ok().and_then(char::from_u32),
            _ => None,
        })
        .collect()
    }
}

impl<'a> Iterator for Terms<'a> {
    type Item = Term<'a>;

    #[inline]
    fn next(&mut self) -> Option<Term<'a>> {
        self.left = self.left.checked_sub(1)?;
        let size = size(self.rest).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        Some(Term { bytes })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Terms<'_> {}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Term<'a>, Term<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Flat(terms) => Some((terms.next()?, terms.next()?)),
            Self::Nested(pairs) => pair(pairs.next()?),
        }
    }
}

/// The bytes of the term that starts here, children included.
#[inline]
fn size(bytes: &[u8]) -> Result<usize, ScanError> {
    let first = extent(bytes)?;
    let (mut at, mut left) = (first.size, first.children);
    while left > 0 {
        let here = extent(bytes.get(at..).ok_or(ScanError::Truncated)?)?;
        at += here.size;
        left = left - 1 + here.children;
    }
    Ok(at)
}

#[inline]
fn atom(name: Cow<'_, str>) -> Value<'_> {
    match &*name {
        "undefined" | "nil" | "null" => Value::Absent,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => Value::Text(name),
    }
}

fn big(term: &[u8]) -> Value<'_> {
    let Some(parts) = tag::big(term) else {
        return Value::Absent;
    };
    let length = parts
        .bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let bytes = &parts.bytes[..length];
    let negative = parts.sign == 1;
    let mut amount = [0; 16];
    if let Some(low) = amount.get_mut(..length.min(16)).filter(|_| length <= 8) {
        low.copy_from_slice(bytes);
        let amount = i128::from_le_bytes(amount);
        if let Ok(value) = i64::try_from(if negative { -amount } else { amount }) {
            return Value::Int(value);
        }
    }
    Value::Big(Big { negative, bytes })
}

/// BERT's complex types: tuples that begin with the atom `bert`, in exactly their forms.
#[inline]
fn bert<'a>(elements: &Terms<'a>) -> Option<Value<'a>> {
    if elements.may_be_bert() {
        return complex(elements.clone());
    }
    None
}

fn complex(mut elements: Terms<'_>) -> Option<Value<'_>> {
    elements.next();
    let kind = elements.next()?.bytes;
    let named = |name| is_atom(kind, name);
    match (elements.next(), elements.next(), elements.next()) {
        (None, ..) if named(b"nil") => Some(Value::Empty),
        (None, ..) if named(b"true") => Some(Value::Bool(true)),
        (None, ..) if named(b"false") => Some(Value::Bool(false)),
        (Some(dict), None, _) if named(b"dict") => {
            let pairs = dict.elements()?;
            let whole = pairs.clone().all(|each| pair(each).is_some());
            whole.then_some(Value::Map(Pairs::Nested(pairs)))
        }
        (Some(mega), Some(secs), Some(micros)) if named(b"time") => {
            let secs = mega
                .int()?
                .checked_mul(1_000_000)?
                .checked_add(secs.int()?)?;
            Some(Value::Time(
                secs.checked_mul(1_000_000)?.checked_add(micros.int()?)?,
            ))
        }
        _ => None,
    }
}

/// Whether an atom of that name starts here.
fn is_atom(bytes: &[u8], name: &[u8]) -> bool {
    match bytes {
        [tag::ATOM | tag::UTF8_ATOM, 0, length, rest @ ..]
        | [tag::SMALL_ATOM | tag::SMALL_UTF8_ATOM, length, rest @ ..] => {
            usize::from(*length) == name.len() && rest.starts_with(name)
        }
        _ => false,
    }
}

fn pair(term: Term<'_>) -> Option<(Term<'_>, Term<'_>)> {
    let mut elements = match term.value() {
        Value::Tuple(elements) if elements.left == 2 => elements,
        _ => return None,
    };
    Some((elements.next()?, elements.next()?))
}

fn whole(value: f64) -> Option<i64> {
    // 2^53: beyond it a float no longer tells one integer from the next.
    let exact = value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0;
    exact.then_some(value as i64)
}
