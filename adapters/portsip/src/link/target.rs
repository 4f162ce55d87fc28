//! Where to connect: the configured URL, or the two places where a PBX may listen.

use adapter::{LinkError, socket::Place};
use tokio_tungstenite::tungstenite::http::Uri;

use crate::wire::Dialect;

const V22: (u16, &str) = (8887, "/wsi");
const V16: (u16, &str) = (8885, "/");

/// The places to try, in order. A URL with a port or a path leaves one; a bare host is looked for on 8887 and 8885.
pub(super) fn candidates(url: &str, dialect: Option<Dialect>) -> Result<Vec<Place>, LinkError> {
    let place = Place::of(url)?;
    let port = url.parse::<Uri>().ok().and_then(|uri| uri.port_u16());
    let at = |(port, path): (u16, &str)| Place {
        port,
        path: path.to_owned(),
        ..place.clone()
    };
    let v22 = dialect.is_none_or(|dialect| dialect >= Dialect::V22);
    Ok(match (port, place.path.as_str()) {
        (Some(8887), "/") if v22 => vec![at(V22)],
        (None, "/") => match dialect {
            None => vec![at(V22), at(V16)],
            Some(_) if v22 => vec![at(V22)],
            Some(_) => vec![at(V16)],
        },
        _ => vec![place],
    })
}

/// The path of v22 tells the generation before a word is spoken.
pub(super) fn is_wsi(place: &Place) -> bool {
    place.path.trim_end_matches('/').ends_with("/wsi")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leaves_as_much_open_as_it_does_not_say() {
        let cases: &[(&str, Option<Dialect>, &[&str])] = &[
            (
                "wss://pbx.example.com",
                None,
                &[
                    "wss://pbx.example.com:8887/wsi",
                    "wss://pbx.example.com:8885/",
                ],
            ),
            ("wss://pbx", Some(Dialect::V12), &["wss://pbx:8885/"]),
            ("wss://pbx", Some(Dialect::V22_3), &["wss://pbx:8887/wsi"]),
            ("wss://pbx:8887", None, &["wss://pbx:8887/wsi"]),
            ("wss://pbx:8887", Some(Dialect::V16), &["wss://pbx:8887/"]),
            ("wss://pbx:8885", None, &["wss://pbx:8885/"]),
            ("wss://proxy/pbx/wsi", None, &["wss://proxy:443/pbx/wsi"]),
            ("ws://[::1]:9000/wsi", None, &["ws://[::1]:9000/wsi"]),
        ];
        for (url, dialect, expected) in cases {
            let found: Vec<String> = candidates(url, *dialect)
                .unwrap()
                .iter()
                .map(Place::to_string)
                .collect();
            assert_eq!(found, *expected, "{url}");
        }
    }

    #[test]
    fn other_schemes_are_refused() {
        for url in ["https://pbx", "pbx", "", "wss://"] {
            assert!(candidates(url, None).is_err(), "{url}");
        }
    }
}
