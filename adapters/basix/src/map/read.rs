//! Scalars of the wire as values: ids, texts, times, the numbers that are none.

use model::{Text, Timestamp};

use crate::wire::Scalar;

/// The most bytes of an id. A longer one is none.
const MAX_ID: usize = 160;
/// The most characters of a text; the rest is cut.
const MAX_TEXT: usize = 256;
/// Up to the year 9999; later ones are no times.
const MAX_MICROS: i64 = 253_402_300_799_999_999;

/// An id, when one was told.
pub(super) fn id(value: &Scalar<'_>) -> Option<Text> {
    let text = value.as_deref()?.trim();
    (!text.is_empty() && text.len() <= MAX_ID).then(|| text.into())
}

/// An id that is a number.
pub(super) fn number_id(value: Option<i64>) -> Option<Text> {
    value.map(|id| id.to_string().into())
}

/// A text, when one was told, cut to a bearable length.
pub(super) fn text<'s>(value: &'s Scalar<'_>) -> Option<&'s str> {
    let text = value.as_deref()?.trim();
    (!text.is_empty()).then(|| cut(text))
}

/// The same for text in hand.
pub(super) fn cut(text: &str) -> &str {
    if text.len() <= MAX_TEXT {
        return text;
    }
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// Microseconds since 1970. Zero is no time.
pub(super) fn time(micros: Option<i64>) -> Option<Timestamp> {
    micros
        .filter(|micros| (1..=MAX_MICROS).contains(micros))
        .map(Timestamp::from_micros)
}

/// A number that means something to the PBX alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pseudo {
    /// The listener's leg of a supervisor.
    MediaPlug,
    /// A web phone rings, for the leg named where there is one.
    Ringing(Option<Text>),
    /// Dialled to answer that leg, or a call for which it was rung.
    PicksUp(Text),
}

/// What a number says that is none.
pub(super) fn pseudo(number: &str) -> Option<Pseudo> {
    let of = |rest: &str| {
        let rest = rest.trim();
        (!rest.is_empty() && rest.len() <= MAX_ID).then(|| Text::from(rest))
    };
    if number == "media_plug" {
        return Some(Pseudo::MediaPlug);
    }
    for name in ["RINGING_PARK", "LOCAL_PARK"] {
        if let Some(rest) = number.strip_prefix(name) {
            match rest.strip_prefix('.') {
                Some(reference) => return Some(Pseudo::Ringing(of(reference))),
                None if rest.is_empty() => return Some(Pseudo::Ringing(None)),
                None => {}
            }
        }
    }
    ["pickup_uuid.", "assimilate."]
        .into_iter()
        .find_map(|prefix| number.strip_prefix(prefix))
        .and_then(of)
        .map(Pseudo::PicksUp)
}

/// Whether a call is taken out of a park slot by dialling this: three for each group, and three for all.
pub(super) fn is_park_slot(number: &str) -> bool {
    number.len() == 3 && matches!(number.parse(), Ok(901_u16..=999))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudo_numbers_are_told_from_numbers() {
        assert_eq!(pseudo("media_plug"), Some(Pseudo::MediaPlug));
        assert_eq!(pseudo("RINGING_PARK"), Some(Pseudo::Ringing(None)));
        assert_eq!(
            pseudo("LOCAL_PARK.a-1"),
            Some(Pseudo::Ringing(Some("a-1".into())))
        );
        assert_eq!(
            pseudo("pickup_uuid.a-1"),
            Some(Pseudo::PicksUp("a-1".into()))
        );
        assert_eq!(
            pseudo("assimilate.a-1"),
            Some(Pseudo::PicksUp("a-1".into()))
        );
        for number in ["", "901", "RINGING_PARKING", "pickup_uuid.", "0312341234"] {
            assert_eq!(pseudo(number), None, "{number}");
        }
    }

    #[test]
    fn park_slots_have_three_digits() {
        for (number, is_slot) in [
            ("901", true),
            ("999", true),
            ("900", false),
            ("0901", false),
            ("+901", false),
            ("90", false),
            ("9O1", false),
        ] {
            assert_eq!(is_park_slot(number), is_slot, "{number}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        assert_eq!(time(Some(0)), None);
        assert_eq!(time(Some(-5)), None);
        assert_eq!(time(Some(i64::MAX)), None);
        assert_eq!(
            time(Some(1_546_839_040_024_071)).map(Timestamp::micros),
            Some(1_546_839_040_024_071)
        );
    }
}
