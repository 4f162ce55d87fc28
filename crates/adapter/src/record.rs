//! Records: what the documentation of a PBX lists for a message, as a table of fields and the keys they are read from.
//!
//! Every field is optional. A scalar may come as text, number or boolean; an object may stand where a list of one is
//! expected; of repeated keys the last wins. Keys that no field claims are named, not lost.

use std::borrow::Cow;

use crate::json::Json;

/// A scalar as text, when it was told. An empty text is told.
pub type Scalar<'a> = Option<Cow<'a, str>>;

/// Names of keys that nothing claimed, with the path to them.
#[derive(Debug, Default)]
pub struct Unclaimed {
    path: Vec<&'static str>,
    /// The names.
    pub names: Vec<String>,
}

/// A field of a record.
pub trait Field<'a> {
    /// Takes the value; false when it is of no kind that can be understood here.
    fn take(&mut self, key: &'static str, value: Json<'a>, unclaimed: &mut Unclaimed) -> bool;
}

/// A set of fields.
pub trait Record<'a>: Default {
    /// Takes the value of one key; false when no field claims the key, or its value makes no sense.
    fn take(&mut self, key: &str, value: Json<'a>, unclaimed: &mut Unclaimed) -> bool;
}

impl Unclaimed {
    /// The most names noted for one frame.
    const MAX: usize = 16;
    /// The most characters of a name noted.
    const MAX_CHARS: usize = 64;

    /// Notes a key, unless there are too many.
    pub fn note(&mut self, key: &str) {
        if self.names.len() >= Self::MAX {
            return;
        }
        let key: String = key.chars().take(Self::MAX_CHARS).collect();
        let name = if self.path.is_empty() {
            key
        } else {
            format!("{}.{key}", self.path.join("."))
        };
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }
}

impl<'a> Field<'a> for Scalar<'a> {
    fn take(&mut self, _: &'static str, value: Json<'a>, _: &mut Unclaimed) -> bool {
        let known = !matches!(value, Json::Array(_) | Json::Object(_));
        if known {
            *self = value.into_text();
        }
        known
    }
}

/// Any value, taken as it is.
impl<'a> Field<'a> for Json<'a> {
    fn take(&mut self, _: &'static str, value: Self, _: &mut Unclaimed) -> bool {
        *self = value;
        true
    }
}

impl<'a, R: Record<'a>> Field<'a> for Vec<R> {
    fn take(&mut self, key: &'static str, value: Json<'a>, unclaimed: &mut Unclaimed) -> bool {
        self.clear();
        let items = match value {
            Json::Null => return true,
            Json::Array(items) => items,
            Json::Object(_) => vec![value],
            Json::Bool(_) | Json::Number(_) | Json::Text(_) => return false,
        };
        let mut known = true;
        unclaimed.path.push(key);
        self.reserve_exact(items.len());
        for item in items {
            match item {
                Json::Object(pairs) => self.push(read(pairs, unclaimed)),
                // `[[{…}]]`: one list too many.
                Json::Array(inner) => {
                    for item in inner {
                        match item {
                            Json::Object(pairs) => self.push(read(pairs, unclaimed)),
                            _ => known = false,
                        }
                    }
                }
                _ => known = false,
            }
        }
        unclaimed.path.pop();
        known
    }
}

/// Reads a record out of an object.
pub fn read<'a, R: Record<'a>>(
    pairs: Vec<(Cow<'a, str>, Json<'a>)>,
    unclaimed: &mut Unclaimed,
) -> R {
    let mut record = R::default();
    for (key, value) in pairs {
        if !record.take(&key, value, unclaimed) {
            unclaimed.note(&key);
        }
    }
    record
}

/// Declares a record: `field: Type = "key" | "other spelling"`.
#[macro_export]
macro_rules! record {
    ($(#[$meta:meta])* $name:ident { $($(#[$fmeta:meta])* $field:ident: $kind:ty = $key:literal $(| $alias:literal)*),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $name<'a> {
            $($(#[$fmeta])* pub $field: $kind,)*
        }

        impl<'a> $crate::record::Record<'a> for $name<'a> {
            fn take(&mut self, key: &str, value: $crate::json::Json<'a>, unclaimed: &mut $crate::record::Unclaimed) -> bool {
                match key {
                    $($key $(| $alias)* => $crate::record::Field::take(&mut self.$field, $key, value, unclaimed),)*
                    _ => false,
                }
            }
        }
    };
}
