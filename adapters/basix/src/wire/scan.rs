//! The prescan: one pass over a frame, without recursion or allocation, before anything else reads it.
//!
//! What passes can be walked without another check: every length fits, every tag is known, nothing follows the term.

use thiserror::Error;

use super::{
    tag::{self, extent},
    term::Term,
};

/// How deep terms may nest. The deepest documented message needs 6.
pub const MAX_DEPTH: usize = 32;
/// How many terms a frame may hold. A snapshot of 16 MiB has about 1.5 million.
pub const MAX_TERMS: usize = 2_000_000;
/// The most bytes of an integer. A timestamp has 7.
pub const MAX_BIG: usize = 64;

/// Why a frame is refused before it is read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ScanError {
    /// It ends within a term, or is empty.
    #[error("the frame ends within a term")]
    Truncated,
    /// It does not start with the version of the format. JSON and text end here.
    #[error("the frame starts with {0}, not with version 131")]
    Version(u8),
    /// A tag that no BERT server writes: compressed terms, funs, references, and what only distribution uses.
    #[error("tag {0} is not read")]
    Tag(u8),
    /// A length beyond the end of the frame.
    #[error("a length of {0} is beyond the end of the frame")]
    Length(u32),
    /// A number of elements beyond the end of the frame.
    #[error("{0} elements do not fit into the rest of the frame")]
    Count(u32),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("terms are nested deeper than {MAX_DEPTH}")]
    Depth,
    /// More than [`MAX_TERMS`].
    #[error("more than {MAX_TERMS} terms")]
    Terms,
    /// An integer longer than [`MAX_BIG`].
    #[error("an integer of {0} bytes")]
    Big(u32),
    /// The sign of an integer is neither 0 nor 1.
    #[error("the sign of an integer is {0}")]
    Sign(u8),
    /// A float that is no finite number.
    #[error("a float is not a finite number")]
    Float,
    /// An atom that is not UTF-8, in a tag that says so.
    #[error("an atom is not UTF-8")]
    Atom,
    /// A list whose tail is not the empty list.
    #[error("a list has a tail")]
    Tail,
    /// Bytes after the term.
    #[error("{0} bytes follow the term")]
    Trailing(usize),
}

impl ScanError {
    /// The kind of what was refused, for `source.unrecognized`.
    #[must_use]
    pub const fn shape(&self) -> &'static str {
        match self {
            Self::Truncated => "bert.truncated",
            Self::Version(_) => "bert.version",
            Self::Tag(_) => "bert.tag",
            Self::Length(_) => "bert.length",
            Self::Count(_) => "bert.count",
            Self::Depth => "bert.depth",
            Self::Terms => "bert.terms",
            Self::Big(_) => "bert.big",
            Self::Sign(_) => "bert.sign",
            Self::Float => "bert.float",
            Self::Atom => "bert.atom",
            Self::Tail => "bert.tail",
            Self::Trailing(_) => "bert.trailing",
        }
    }
}

/// Passes a frame, or says why not.
///
/// # Errors
/// When the frame is not exactly one term within the bounds.
pub fn scan(frame: &[u8]) -> Result<Term<'_>, ScanError> {
    let body = match frame {
        [tag::VERSION, body @ ..] => body,
        [] => return Err(ScanError::Truncated),
        [version, ..] => return Err(ScanError::Version(*version)),
    };
    let mut open = Open::default();
    let mut rest = body;
    for _ in 0..MAX_TERMS {
        let here = extent(rest)?;
        let (term, after) = rest
            .split_at_checked(here.size)
            .ok_or(ScanError::Truncated)?;
        let tag = term.first().copied().ok_or(ScanError::Truncated)?;
        check(tag, term)?;
        if open.at_tail() && tag != tag::NIL {
            return Err(ScanError::Tail);
        }
        rest = after;
        if here.children > rest.len() {
            return Err(ScanError::Count(here.declared));
        }
        if open.step(here.children, tag == tag::LIST)? {
            return match rest.len() {
                0 => Ok(Term::scanned(body)),
                more => Err(ScanError::Trailing(more)),
            };
        }
    }
    Err(ScanError::Terms)
}

/// The terms that have begun and not ended.
#[derive(Default)]
struct Open {
    depth: usize,
    /// Children to come, of each.
    left: [usize; MAX_DEPTH],
    /// Whether it is a list, whose last child is its tail.
    list: [bool; MAX_DEPTH],
}

impl Open {
    /// Whether the next term is the tail of a list.
    fn at_tail(&self) -> bool {
        let Some(at) = self.depth.checked_sub(1) else {
            return false;
        };
        self.list[at] && self.left[at] == 1
    }

    /// One term more, with so many children; true when it was the last.
    fn step(&mut self, children: usize, list: bool) -> Result<bool, ScanError> {
        if children > 0 {
            let left = self.left.get_mut(self.depth).ok_or(ScanError::Depth)?;
            *left = children;
            self.list[self.depth] = list;
            self.depth += 1;
            return Ok(false);
        }
        while let Some(at) = self.depth.checked_sub(1) {
            self.left[at] -= 1;
            if self.left[at] > 0 {
                return Ok(false);
            }
            self.depth = at;
        }
        Ok(true)
    }
}

/// What the extent of a term does not tell.
fn check(tag: u8, term: &[u8]) -> Result<(), ScanError> {
    match tag {
        tag::FLOAT | tag::NEW_FLOAT => {
            tag::float(term).ok_or(ScanError::Float)?;
        }
        tag::SMALL_BIG | tag::LARGE_BIG => {
            let big = tag::big(term).ok_or(ScanError::Truncated)?;
            if big.bytes.len() > MAX_BIG {
                return Err(ScanError::Big(
                    u32::try_from(big.bytes.len()).unwrap_or(u32::MAX),
                ));
            }
            if big.sign > 1 {
                return Err(ScanError::Sign(big.sign));
            }
        }
        tag::UTF8_ATOM | tag::SMALL_UTF8_ATOM => {
            std::str::from_utf8(tag::body(term)).map_err(|_| ScanError::Atom)?;
        }
        _ => {}
    }
    Ok(())
}
