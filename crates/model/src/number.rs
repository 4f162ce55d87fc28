//! Telephone numbers: as the PBX wrote them, and as libphonenumber reads them.

use std::collections::HashMap;

use phonenumber::{Mode, country};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Text;

/// A number. `raw` is as the PBX sent it; the rest only where libphonenumber finds the number valid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Number {
    /// As the PBX sent it.
    pub raw: Text,
    /// `+442079460000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e164: Option<Text>,
    /// As written inside its country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub national: Option<Text>,
    /// The ISO 3166 country code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Text>,
}

/// Reads numbers for one source: its default region, and a bounded memory of numbers already read.
#[derive(Debug)]
pub struct Normalizer {
    region: Option<country::Id>,
    young: HashMap<Text, Number>,
    old: HashMap<Text, Number>,
}

impl Number {
    /// The most characters of an input that is looked at as a telephone number.
    pub const MAX_CHARS: usize = 32;

    /// A number inside the PBX: never forced into E.164.
    #[must_use]
    pub fn internal(raw: &str) -> Self {
        Self {
            raw: raw.into(),
            e164: None,
            national: None,
            region: None,
        }
    }
}

impl Normalizer {
    /// The most numbers remembered; the half that was not asked for longest goes first.
    pub const CACHE: usize = 8_192;

    /// A reader with a default region (ISO 3166 code) for numbers without `+`.
    #[must_use]
    pub fn new(region: Option<&str>) -> Self {
        let region = region.and_then(|code| code.parse().ok());
        Self {
            region,
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// True when `code` is a region that numbers can be read for.
    #[must_use]
    pub fn knows_region(code: &str) -> bool {
        code.parse::<country::Id>().is_ok()
    }

    /// Reads a number from outside the PBX.
    pub fn number(&mut self, raw: &str) -> Number {
        if let Some(number) = self.young.get(raw) {
            return number.clone();
        }
        let number = self
            .old
            .remove(raw)
            .unwrap_or_else(|| read(self.region, raw));
        if self.young.len() >= Self::CACHE / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(Text::clone(&number.raw), number.clone());
        number
    }
}

fn read(region: Option<country::Id>, raw: &str) -> Number {
    let mut number = Number::internal(raw);
    let plausible = raw.chars().count() <= Number::MAX_CHARS
        && raw.bytes().filter(u8::is_ascii_digit).count() > 3;
    if !plausible || (region.is_none() && !raw.starts_with('+')) {
        return number;
    }
    if let Ok(parsed) = phonenumber::parse(region, raw)
        && parsed.is_valid()
    {
        number.e164 = Some(parsed.format().mode(Mode::E164).to_string().into());
        number.national = Some(parsed.format().mode(Mode::National).to_string().into());
        number.region = parsed.country().id().map(|id| id.as_ref().into());
    }
    number
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_national_number_is_read_with_the_region_of_its_source() {
        let number = Normalizer::new(Some("GB")).number("020 7946 0018");
        assert_eq!(number.e164.as_deref(), Some("+442079460018"));
        assert_eq!(number.region.as_deref(), Some("GB"));
        assert_eq!(&*number.raw, "020 7946 0018");
    }

    #[test]
    fn without_a_region_only_international_numbers_are_read() {
        let mut normalizer = Normalizer::new(None);
        assert_eq!(
            normalizer.number("+81 3-1234-5678").e164.as_deref(),
            Some("+81312345678")
        );
        assert_eq!(normalizer.number("02079460018").e164, None);
    }

    #[test]
    fn what_is_no_number_stays_as_it_is() {
        let mut normalizer = Normalizer::new(Some("GB"));
        for raw in ["", "101", "anonymous", "sip:101@test.io", &"9".repeat(200)] {
            assert_eq!(normalizer.number(raw), Number::internal(raw));
        }
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_changes_no_answer(raws in prop::collection::vec("[+0-9a-z ]{0,40}", 1..50)) {
            let mut normalizer = Normalizer::new(Some("DK"));
            for raw in raws.iter().chain(&raws) {
                prop_assert_eq!(normalizer.number(raw), Normalizer::new(Some("DK")).number(raw));
            }
            prop_assert!(normalizer.young.len() + normalizer.old.len() <= Normalizer::CACHE);
        }
    }
}
