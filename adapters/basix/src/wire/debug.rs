//! Terms as Erlang writes them, for people.

use std::fmt::{self, Debug, Formatter, Write};

use super::{
    tag,
    term::{Term, Terms, Value},
};

impl Debug for Term<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.value() {
            Value::Absent => f.write_str("undefined"),
            Value::Empty => f.write_str("[]"),
            Value::Bool(value) => Debug::fmt(&value, f),
            Value::Int(value) => Debug::fmt(&value, f),
            Value::Big(big) => f.write_str(&big.digits()),
            Value::Float(value) => Debug::fmt(&value, f),
            Value::Text(text) => match self.bytes().first() {
                Some(&tag::BINARY) => write!(f, "<<{text:?}>>"),
                Some(&tag::STRING) => Debug::fmt(&text, f),
                _ if plain(&text) => f.write_str(&text),
                _ => write!(f, "'{}'", text.escape_debug()),
            },
            Value::List(elements) => match self.text() {
                Some(text) => Debug::fmt(&text, f),
                None => enclosed(f, '[', elements, ']'),
            },
            Value::Tuple(elements) => enclosed(f, '{', elements, '}'),
            Value::Map(pairs) => {
                f.write_char('#')?;
                f.debug_map().entries(pairs).finish()
            }
            Value::Time(micros) => write!(f, "{{bert,time,{micros}}}"),
        }
    }
}

impl Debug for Terms<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        enclosed(f, '[', self.clone(), ']')
    }
}

fn enclosed(f: &mut Formatter<'_>, open: char, terms: Terms<'_>, close: char) -> fmt::Result {
    f.write_char(open)?;
    for (index, term) in terms.enumerate() {
        if index > 0 {
            f.write_char(',')?;
        }
        Debug::fmt(&term, f)?;
    }
    f.write_char(close)
}

/// Whether an atom needs no quotes.
fn plain(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|each| each.is_ascii_alphanumeric() || matches!(each, '_' | '@'))
}
