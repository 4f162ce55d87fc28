//! A writer of BERT, byte by byte as Erlang's `term_to_binary` does: what the simulated PBX speaks.
//!
//! The encoder of `eetf` writes atoms and floats in tags that the vendor's client does not read.

use eetf::{Atom, Binary, ByteList, List, Term, Tuple};
use num_bigint::{BigInt, Sign};
use thiserror::Error;

use super::{eetf::int as integer, tag};

/// How a server spells what can be spelt in more than one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// Erlang's option of that name.
    pub version: MinorVersion,
    /// Whether `[]`, `true` and `false` are written as BERT's `{bert,nil}`, `{bert,true}`, `{bert,false}`.
    pub complex: bool,
}

/// `{minor_version, N}` of `term_to_binary`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinorVersion {
    /// Floats as text, atoms in Latin-1. The only one whose floats BERT knows.
    Zero,
    /// Atoms in Latin-1 where it has their characters: the default until OTP 25.
    #[default]
    One,
    /// Atoms in UTF-8: the default since OTP 26.
    Two,
}

/// Why a term cannot be written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WriteError {
    /// BERT has no such thing.
    #[error("BERT has no {0}")]
    NotBert(&'static str),
    /// An atom of more than 255 characters.
    #[error("the atom `{0}…` has more than 255 characters")]
    Atom(String),
    /// A float that is no finite number.
    #[error("a float is not a finite number")]
    Float,
    /// Longer than a length can tell.
    #[error("{0} bytes or elements are more than a length can tell")]
    Length(usize),
}

impl Default for Spelling {
    /// As a server that uses BERT's own library on Erlang up to OTP 25, which is what the vendor's client can read.
    fn default() -> Self {
        Self {
            version: MinorVersion::One,
            complex: true,
        }
    }
}

/// Writes a frame.
///
/// # Errors
/// When BERT has no such term, or it is too large for the format.
pub fn write(term: &Term, spelling: Spelling) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer {
        out: vec![tag::VERSION],
        spelling,
    };
    writer.term(term)?;
    Ok(writer.out)
}

/// An atom.
#[must_use]
pub fn atom(name: &str) -> Term {
    Atom::from(name).into()
}

/// The atom for what is not known.
#[must_use]
pub fn undefined() -> Term {
    atom("undefined")
}

/// A charlist: a string in double quotes, one integer for each character.
#[must_use]
pub fn chars(text: &str) -> Term {
    let points = text.chars().map(u32::from);
    match points
        .clone()
        .map(u8::try_from)
        .collect::<Result<Vec<u8>, _>>()
    {
        Ok(bytes) => ByteList::from(bytes).into(),
        Err(_) => list(points.map(|point| int(point.into()))),
    }
}

/// A binary, in UTF-8.
#[must_use]
pub fn binary(text: &str) -> Term {
    Binary::from(text.as_bytes()).into()
}

/// An integer.
#[must_use]
pub fn int(value: i64) -> Term {
    integer(value)
}

/// A yes or no.
#[must_use]
pub fn bool(value: bool) -> Term {
    atom(if value { "true" } else { "false" })
}

/// A tuple.
#[must_use]
pub fn tuple(elements: impl IntoIterator<Item = Term>) -> Term {
    Tuple::from(elements.into_iter().collect::<Vec<_>>()).into()
}

/// A list.
#[must_use]
pub fn list(elements: impl IntoIterator<Item = Term>) -> Term {
    List::from(elements.into_iter().collect::<Vec<_>>()).into()
}

struct Writer {
    out: Vec<u8>,
    spelling: Spelling,
}

impl Writer {
    fn term(&mut self, term: &Term) -> Result<(), WriteError> {
        match term {
            Term::Atom(atom) => match &*atom.name {
                name @ ("true" | "false") if self.spelling.complex => self.complex(name),
                name => self.atom(name),
            },
            Term::FixInteger(int) => self.int(&int.value.into()),
            Term::BigInteger(int) => self.int(&int.value),
            Term::Float(float) => self.float(float.value),
            Term::Binary(binary) => {
                self.head(tag::BINARY, binary.bytes.len())?;
                self.out.extend_from_slice(&binary.bytes);
                Ok(())
            }
            Term::ByteList(list) => self.string(&list.bytes),
            Term::List(list) => match bytes(&list.elements) {
                Some(bytes) => self.string(&bytes),
                None => self.list(&list.elements),
            },
            Term::Tuple(tuple) => self.tuple(&tuple.elements),
            Term::Map(_) => Err(WriteError::NotBert("maps")),
            Term::ImproperList(_) => Err(WriteError::NotBert("improper lists")),
            Term::BitBinary(_) => Err(WriteError::NotBert("bit strings")),
            Term::Pid(_) | Term::Port(_) | Term::Reference(_) => {
                Err(WriteError::NotBert("processes, ports and references"))
            }
            Term::ExternalFun(_) | Term::InternalFun(_) => Err(WriteError::NotBert("functions")),
        }
    }

    /// `{bert,nil}` and its like.
    fn complex(&mut self, name: &str) -> Result<(), WriteError> {
        self.out.extend_from_slice(&[tag::SMALL_TUPLE, 2]);
        self.atom("bert")?;
        self.atom(name)
    }

    fn atom(&mut self, name: &str) -> Result<(), WriteError> {
        if name.chars().count() > 255 {
            return Err(WriteError::Atom(name.chars().take(16).collect()));
        }
        let latin1 = match self.spelling.version {
            MinorVersion::Zero | MinorVersion::One => latin1(name),
            MinorVersion::Two => None,
        };
        let (short, long, bytes) = match &latin1 {
            // Erlang writes the short tag only between nodes.
            Some(bytes) => (None, tag::ATOM, bytes.as_slice()),
            None => (Some(tag::SMALL_UTF8_ATOM), tag::UTF8_ATOM, name.as_bytes()),
        };
        match (short, u8::try_from(bytes.len())) {
            (Some(short), Ok(length)) => self.out.extend_from_slice(&[short, length]),
            _ => self.head16(long, bytes.len())?,
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn int(&mut self, value: &BigInt) -> Result<(), WriteError> {
        if let Ok(value) = u8::try_from(value) {
            self.out.extend_from_slice(&[tag::SMALL_INTEGER, value]);
        } else if let Ok(value) = i32::try_from(value) {
            self.out.push(tag::INTEGER);
            self.out.extend_from_slice(&value.to_be_bytes());
        } else {
            let (sign, bytes) = value.to_bytes_le();
            match u8::try_from(bytes.len()) {
                Ok(length) => self.out.extend_from_slice(&[tag::SMALL_BIG, length]),
                Err(_) => self.head(tag::LARGE_BIG, bytes.len())?,
            }
            self.out.push(u8::from(sign == Sign::Minus));
            self.out.extend_from_slice(&bytes);
        }
        Ok(())
    }

    fn float(&mut self, value: f64) -> Result<(), WriteError> {
        if !value.is_finite() {
            return Err(WriteError::Float);
        }
        if self.spelling.version == MinorVersion::Zero {
            self.out.push(tag::FLOAT);
            let mut text = printed(value).into_bytes();
            text.resize(31, 0);
            self.out.extend_from_slice(&text);
        } else {
            self.out.push(tag::NEW_FLOAT);
            self.out.extend_from_slice(&value.to_be_bytes());
        }
        Ok(())
    }

    /// A list of bytes, which Erlang does not tell from a string.
    fn string(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        if bytes.is_empty() {
            return self.list(&[]);
        }
        if u16::try_from(bytes.len()).is_ok() {
            self.head16(tag::STRING, bytes.len())?;
            self.out.extend_from_slice(bytes);
            return Ok(());
        }
        self.head(tag::LIST, bytes.len())?;
        for byte in bytes {
            self.out.extend_from_slice(&[tag::SMALL_INTEGER, *byte]);
        }
        self.out.push(tag::NIL);
        Ok(())
    }

    fn list(&mut self, elements: &[Term]) -> Result<(), WriteError> {
        if elements.is_empty() {
            if self.spelling.complex {
                return self.complex("nil");
            }
        } else {
            self.head(tag::LIST, elements.len())?;
            for element in elements {
                self.term(element)?;
            }
        }
        self.out.push(tag::NIL);
        Ok(())
    }

    fn tuple(&mut self, elements: &[Term]) -> Result<(), WriteError> {
        match u8::try_from(elements.len()) {
            Ok(arity) => self.out.extend_from_slice(&[tag::SMALL_TUPLE, arity]),
            Err(_) => self.head(tag::LARGE_TUPLE, elements.len())?,
        }
        elements.iter().try_for_each(|element| self.term(element))
    }

    /// A tag and a length of 32 bits.
    fn head(&mut self, tag: u8, length: usize) -> Result<(), WriteError> {
        let told = u32::try_from(length).map_err(|_| WriteError::Length(length))?;
        self.out.push(tag);
        self.out.extend_from_slice(&told.to_be_bytes());
        Ok(())
    }

    /// A tag and a length of 16 bits.
    fn head16(&mut self, tag: u8, length: usize) -> Result<(), WriteError> {
        let told = u16::try_from(length).map_err(|_| WriteError::Length(length))?;
        self.out.push(tag);
        self.out.extend_from_slice(&told.to_be_bytes());
        Ok(())
    }
}

/// The characters as Latin-1, when it has them all.
fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|each| u8::try_from(each).ok()).collect()
}

/// The elements as bytes, when they are nothing else.
fn bytes(elements: &[Term]) -> Option<Vec<u8>> {
    let bytes = elements.iter().map(|element| match element {
        Term::FixInteger(int) => u8::try_from(int.value).ok(),
        Term::BigInteger(int) => u8::try_from(&int.value).ok(),
        _ => None,
    });
    bytes.collect()
}

/// A float as C prints it with `%.20e`.
fn printed(value: f64) -> String {
    let text = format!("{value:.20e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}
