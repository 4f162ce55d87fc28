//! Entities as the PBX tells them: values by the names of their fields.

use eetf::Term;

use crate::wire::write::{atom, binary, int, undefined};

/// An entity: each field with its value. What is not named is `undefined`.
pub(super) type Row = Vec<(&'static str, Term)>;

/// Something that the PBX tells.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) element: &'static str,
    /// `added`, `updated` or `removed`.
    pub(super) change: &'static str,
    pub(super) row: Row,
    /// The entity's key: what is told of one entity stays in order.
    pub(super) key: String,
    /// The user whom a leg belongs to: who watches one user hears of no others.
    pub(super) user: Option<i64>,
}

pub(super) fn text(value: Option<&str>) -> Term {
    value.map_or_else(undefined, binary)
}

pub(super) fn word(value: Option<&str>) -> Term {
    value.map_or_else(undefined, atom)
}

pub(super) fn number(value: Option<i64>) -> Term {
    value.map_or_else(undefined, int)
}
