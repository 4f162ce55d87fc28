//! Records: what is known of an element, as a table of fields and the names they are told by.
//!
//! Every field is optional, and a scalar may come as text, number or atom.

use std::borrow::Cow;

use super::term::Term;

/// A scalar as text, when it was told. An empty text is told.
pub type Scalar<'a> = Option<Cow<'a, str>>;

/// A field of a record.
pub(super) trait Field<'a> {
    /// Takes a value that is not absent; false when it is of no kind that can be understood here.
    fn take(&mut self, value: Term<'a>) -> bool;
}

/// A set of fields.
pub(super) trait Record<'a>: Default {
    /// Where a field of that name is kept.
    fn slot(name: &str) -> Option<u8>;

    /// Takes the value of one field; false when it makes no sense there.
    fn take(&mut self, slot: u8, value: Term<'a>) -> bool;
}

impl<'a> Field<'a> for Scalar<'a> {
    #[inline]
    fn take(&mut self, value: Term<'a>) -> bool {
        *self = value.text();
        self.is_some()
    }
}

impl<'a> Field<'a> for Option<i64> {
    #[inline]
    fn take(&mut self, value: Term<'a>) -> bool {
        *self = value.int();
        // `""` and `[]` are how some say that there is none.
        self.is_some() || value.text().is_some_and(|text| text.trim().is_empty())
    }
}

impl<'a> Field<'a> for Option<bool> {
    fn take(&mut self, value: Term<'a>) -> bool {
        *self = value.bool();
        self.is_some()
    }
}

/// Declares a record: `field: Type = "name" | "other spelling"`.
macro_rules! record {
    ($(#[$meta:meta])* $name:ident $(<$life:lifetime>)? { $($(#[$fmeta:meta])* $field:ident: $kind:ty = $key:literal $(| $alias:literal)*),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name $(<$life>)? {
            $($(#[$fmeta])* pub $field: $kind,)*
        }

        const _: () = {
            #[expect(non_camel_case_types, reason = "the fields themselves, counted")]
            enum Slot { $($field),* }

            impl<'a> $crate::wire::record::Record<'a> for $name $(<$life>)? {
                fn slot(name: &str) -> Option<u8> {
                    match name {
                        $($key $(| $alias)* => Some(Slot::$field as u8),)*
                        _ => None,
                    }
                }

                #[inline]
                fn take(&mut self, slot: u8, value: $crate::wire::Term<'a>) -> bool {
                    $(if slot == Slot::$field as u8 {
                        return $crate::wire::record::Field::take(&mut self.$field, value);
                    })*
                    false
                }
            }
        };
    };
}

pub(super) use record;
