//! Scalars as Telecom X writes them: numbers as text, booleans as 0 and 1, times in ISO 8601.

use adapter::record::Scalar;
use model::{Text, Timestamp};

/// The most characters of a text from outside that are kept.
const MAX_TEXT: usize = 256;

/// A text that says something, cut to a bearable length.
pub(super) fn text<'s>(value: &'s Scalar<'_>) -> Option<&'s str> {
    let text = value.as_deref()?.trim();
    (!text.is_empty() && text != "null").then(|| cut(text))
}

/// The same, shared.
pub(super) fn shared(value: &Scalar<'_>) -> Option<Text> {
    text(value).map(Into::into)
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

/// Yes or no.
pub(super) fn flag(value: &Scalar<'_>) -> Option<bool> {
    match value.as_deref()?.trim() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// A number.
pub(super) fn number<N: std::str::FromStr>(value: &Scalar<'_>) -> Option<N> {
    value.as_deref()?.trim().parse().ok()
}

/// Seconds, as milliseconds.
pub(super) fn seconds(value: &Scalar<'_>) -> Option<u64> {
    let seconds: f64 = number(value)?;
    // Up to three years; more is no duration.
    (0.0..1e8).contains(&seconds).then(|| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked"
        )]
        let millis = (seconds * 1_000.0).round() as u64;
        millis
    })
}

/// A date in ISO 8601, or milliseconds since 1970.
pub(super) fn time(value: &Scalar<'_>) -> Option<Timestamp> {
    let told = value.as_deref()?.trim();
    if let Ok(time) = told.parse() {
        return Some(time);
    }
    let millis: i64 = told.parse().ok()?;
    // From 1973 to 9999: smaller ones are no milliseconds.
    (100_000_000_000..=253_402_300_799_999)
        .contains(&millis)
        .then(|| Timestamp::from_millis(millis))
}

/// A call in a queue, `<channel>-<host>`: host and channel. The channel has no hyphen in it.
pub(super) fn queued_leg(id: &str) -> Option<(&str, &str)> {
    let (channel, host) = id.split_once('-')?;
    (!channel.is_empty() && !host.is_empty()).then_some((host, channel))
}

/// A leg as REST names it, `<host>:<channel>`.
pub(super) fn live_leg(id: &str) -> Option<(&str, &str)> {
    let (host, channel) = id.split_once(':')?;
    (!channel.is_empty() && !host.is_empty()).then_some((host, channel))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        for told in ["2018-01-01T00:00:00.000Z", "1514764800000"] {
            let time = time(&Some(told.into())).unwrap();
            assert_eq!(time.to_string(), "2018-01-01T00:00:00Z", "{told}");
        }
        for told in ["", "soon", "12", "-5"] {
            assert_eq!(time(&Some(told.into())), None, "{told}");
        }
    }

    #[test]
    fn a_call_in_a_queue_names_its_leg() {
        assert_eq!(
            queued_leg("46265784.234-pbx1.tele-x.dk"),
            Some(("pbx1.tele-x.dk", "46265784.234"))
        );
        assert_eq!(
            live_leg("pbx4.telecomx.dk:5736.3554"),
            Some(("pbx4.telecomx.dk", "5736.3554"))
        );
        assert_eq!(queued_leg("46265784.234"), None);
        assert_eq!(queued_leg("-pbx1"), None);
    }

    #[test]
    fn seconds_may_be_broken() {
        assert_eq!(seconds(&Some("12.5".into())), Some(12_500));
        assert_eq!(seconds(&Some("-1".into())), None);
        assert_eq!(seconds(&Some("NaN".into())), None);
    }
}
