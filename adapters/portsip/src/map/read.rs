//! Scalars of the wire as values: times, ids, codes, addresses.

use model::{Text, Timestamp};

use crate::wire::Scalar;

/// The most bytes of an id. A longer one is none.
const MAX_ID: usize = 128;
/// The most characters of a text; the rest is cut.
const MAX_TEXT: usize = 256;
/// 2018-01-01T00:00:00Z, where the PBX's ids begin to count.
const SNOWFLAKE_EPOCH_MS: i64 = 1_514_764_800_000;

/// An id, when one was told.
pub(super) fn id<'s>(value: &'s Scalar<'_>) -> Option<&'s str> {
    let text = value.as_deref()?.trim();
    (!text.is_empty() && text != "0" && text.len() <= MAX_ID).then_some(text)
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

/// Seconds since 1970. Zero is no time.
pub(super) fn time(value: &Scalar<'_>) -> Option<Timestamp> {
    let secs: i64 = value.as_deref()?.trim().parse().ok()?;
    // Up to the year 9999; later ones are no times.
    (1..=253_402_300_799)
        .contains(&secs)
        .then(|| Timestamp::from_secs(secs))
}

/// A number.
pub(super) fn number<N: std::str::FromStr>(value: &Scalar<'_>) -> Option<N> {
    value.as_deref()?.trim().parse().ok()
}

/// A SIP status that is an end; zero and successes are none.
pub(super) fn sip_failure(value: &Scalar<'_>) -> Option<u16> {
    number(value).filter(|code| (300..700).contains(code))
}

/// When a session id was made: milliseconds since 2018 in its upper bits. Only for ids of a believable size.
pub(super) fn snowflake(id: &str) -> Option<Timestamp> {
    let id: i64 = id.parse().ok()?;
    (id >> 22 > 1_000_000_000).then(|| Timestamp::from_millis((id >> 22) + SNOWFLAKE_EPOCH_MS))
}

/// A SIP address, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    /// Before the `@`, or all of it.
    pub(super) user: &'a str,
    /// Host and port.
    pub(super) host: Option<&'a str>,
}

impl<'a> Address<'a> {
    /// Reads `sip:102@192.168.0.18:5066;transport=tcp`, `<sip:…>;…`, or a bare number.
    pub(super) fn read(text: &'a str) -> Self {
        let text = text.trim();
        let text = match text.split_once('<') {
            Some((_, inner)) => inner.split('>').next().unwrap_or(inner),
            None => text,
        };
        let scheme = ["sip:", "sips:", "tel:", "SIP:", "SIPS:", "TEL:"];
        let text = scheme
            .into_iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .unwrap_or(text);
        let (user, host) = match text.rsplit_once('@') {
            Some((user, host)) => (user, Some(host)),
            None => (text, None),
        };
        let bare = |part: &'a str| part.split([';', '?']).next().unwrap_or(part);
        Self {
            user: cut(bare(user)),
            host: host
                .map(|host| cut(bare(host)))
                .filter(|host| !host.is_empty()),
        }
    }

    /// `102@192.168.0.18:5066`: the device, for keys.
    pub(super) fn device(self) -> Option<Text> {
        let host = self.host?;
        Some(format!("{}@{host}", self.user).into())
    }
}

/// A trunk as `name:id`, or its name alone.
pub(super) fn trunk(text: &str) -> (Option<&str>, Option<&str>) {
    match text.rsplit_once(':') {
        Some((name, id)) if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) => {
            (Some(name).filter(|name| !name.is_empty()), Some(id))
        }
        _ => (Some(text), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_every_form() {
        for (text, user, host) in [
            (
                "sip:102@192.168.0.18:5066",
                "102",
                Some("192.168.0.18:5066"),
            ),
            ("sip:102@h;transport=ws", "102", Some("h")),
            ("<sip:102@1.2.3.4:5>;expires=0", "102", Some("1.2.3.4:5")),
            ("1888722", "1888722", None),
            ("tel:+4520", "+4520", None),
            ("", "", None),
        ] {
            assert_eq!(Address::read(text), Address { user, host }, "{text}");
        }
    }

    #[test]
    fn a_session_id_dates_its_call() {
        let time = snowflake("885337248273272832").unwrap();
        assert_eq!(time.to_string(), "2024-09-09T01:34:08.759Z");
        assert_eq!(snowflake("677046776364007"), None);
        assert_eq!(snowflake("abc"), None);
    }

    #[test]
    fn a_trunk_is_split_only_at_an_id() {
        assert_eq!(
            trunk("122:883631675865563136"),
            (Some("122"), Some("883631675865563136"))
        );
        assert_eq!(trunk("AudioCodes"), (Some("AudioCodes"), None));
        assert_eq!(trunk("sbc:east"), (Some("sbc:east"), None));
    }

    #[test]
    fn times_that_did_not_happen_are_none() {
        for told in ["0", "", "-5", "soon", "99999999999999999999"] {
            assert_eq!(time(&Some(told.into())), None, "{told}");
        }
        assert_eq!(
            time(&Some("1725845648".into())).unwrap().to_string(),
            "2024-09-09T01:34:08Z"
        );
    }
}
