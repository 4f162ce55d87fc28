//! Terms and entities as JSON: an entity by the names of its fields, everything in it as it was sent.
//!
//! Tuples and lists are arrays, atoms, binaries and charlists are texts, what is absent is `null`.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{
    spec::Entity,
    term::{Big, Term, Value},
};

impl Serialize for Term<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.value() {
            Value::Absent => out.serialize_unit(),
            Value::Empty => out.collect_seq(std::iter::empty::<()>()),
            Value::Bool(value) => out.serialize_bool(value),
            Value::Int(value) | Value::Time(value) => out.serialize_i64(value),
            Value::Big(big) => out.serialize_str(&big.digits()),
            Value::Float(value) => out.serialize_f64(value),
            Value::Text(text) => out.serialize_str(&text),
            Value::List(elements) => match self.text() {
                Some(text) => out.serialize_str(&text),
                None => out.collect_seq(elements),
            },
            Value::Tuple(elements) => out.collect_seq(elements),
            Value::Map(pairs) => out.collect_map(pairs.map(|(key, value)| (key.name(), value))),
        }
    }
}

impl Serialize for Entity<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        for (name, value) in self.fields() {
            map.serialize_entry(&name, &value)?;
        }
        map.end()
    }
}

impl Term<'_> {
    /// As the key of a map.
    fn name(self) -> String {
        match self.text() {
            Some(text) => text.into_owned(),
            None => format!("{self:?}"),
        }
    }
}

impl Big<'_> {
    /// Its decimal digits. JSON readers that hold numbers as floats would lose some, so it is a text there.
    #[must_use]
    pub fn digits(&self) -> String {
        let mut amount: Vec<u8> = self.bytes.to_vec();
        let mut digits = Vec::new();
        while amount.iter().any(|byte| *byte != 0) {
            let mut carry = 0_u32;
            for byte in amount.iter_mut().rev() {
                let value = (carry << 8) | u32::from(*byte);
                *byte = (value / 10) as u8;
                carry = value % 10;
            }
            digits.push(char::from_digit(carry, 10).unwrap_or('0'));
        }
        if self.negative {
            digits.push('-');
        }
        digits.iter().rev().collect()
    }
}
