//! Terms as those of the crate `eetf`: what our own reading is checked against, and what the writer writes.
//!
//! Converted from a scanned frame, not decoded by `eetf`, which trusts what it reads.

use eetf::{Atom, BigInteger, Binary, ByteList, FixInteger, Float, List, Map, Tuple};
use num_bigint::{BigInt, Sign};

use super::{
    tag,
    term::{Pairs, Term, Terms, Value},
    text,
};

impl From<Term<'_>> for eetf::Term {
    /// The term as it was sent: BERT's complex types stay tuples. Integers are fixed when 32 bits hold them.
    fn from(term: Term<'_>) -> Self {
        let bytes = term.bytes();
        let body = || tag::body(bytes);
        match bytes.first() {
            Some(&(tag::ATOM | tag::SMALL_ATOM)) => Atom::from(&*text::latin1(body())).into(),
            Some(&(tag::UTF8_ATOM | tag::SMALL_UTF8_ATOM)) => {
                Atom::from(&*text::tolerant(body())).into()
            }
            Some(&tag::BINARY) => Binary::from(body()).into(),
            Some(&tag::STRING) => ByteList::from(body().to_vec()).into(),
            Some(&(tag::SMALL_TUPLE | tag::LARGE_TUPLE)) => {
                Tuple::from(all(Terms::of(bytes))).into()
            }
            _ => match term.value() {
                Value::Int(value) => int(value),
                Value::Big(big) => {
                    let sign = if big.negative {
                        Sign::Minus
                    } else {
                        Sign::Plus
                    };
                    BigInteger {
                        value: BigInt::from_bytes_le(sign, big.bytes),
                    }
                    .into()
                }
                Value::Float(value) => Float { value }.into(),
                Value::List(elements) => List::from(all(elements)).into(),
                Value::Map(Pairs::Flat(terms)) => Map {
                    map: Pairs::Flat(terms)
                        .map(|(key, value)| (key.into(), value.into()))
                        .collect(),
                }
                .into(),
                _ => List::nil().into(),
            },
        }
    }
}

/// An integer in the form that `eetf` reads it in, when its tag is the shortest.
pub(super) fn int(value: i64) -> eetf::Term {
    match i32::try_from(value) {
        Ok(value) => FixInteger { value }.into(),
        Err(_) => BigInteger::from(value).into(),
    }
}

fn all(terms: Terms<'_>) -> Vec<eetf::Term> {
    terms.map(eetf::Term::from).collect()
}
