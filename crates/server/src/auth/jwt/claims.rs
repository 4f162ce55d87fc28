//! What a token says: for whom, by whom, until when, and the rights it gives (RFC 7519).

use hub::filter::{Narrowing, TypeSet};
use model::{Text, Timestamp};
use serde::{Deserialize, Deserializer, de};

use super::{Flaw, LEEWAY};
use crate::{
    auth::{Scope, Scopes},
    config::Digest,
};

/// What must be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) issuer: String,
    pub(super) audience: String,
}

/// What is said, and holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claims {
    /// The name of the bearer, for logs.
    pub(super) subject: Option<String>,
    pub(super) expires: Timestamp,
    pub(super) scopes: Scopes,
    pub(super) narrowing: Narrowing,
}

/// A member that is there and cannot be read makes the whole unreadable: a limit that is not understood must not turn
/// into none.
#[derive(Deserialize)]
struct Payload {
    iss: Option<String>,
    #[serde(default, deserialize_with = "one_or_more")]
    aud: Option<Vec<String>>,
    #[serde(default, deserialize_with = "date")]
    exp: Option<Timestamp>,
    #[serde(default, deserialize_with = "date")]
    nbf: Option<Timestamp>,
    sub: Option<String>,
    #[serde(default)]
    scope: String,
    #[serde(default, deserialize_with = "one_or_more")]
    switchhook_tenants: Option<Vec<String>>,
    #[serde(default, deserialize_with = "one_or_more")]
    switchhook_sources: Option<Vec<String>>,
    #[serde(default, deserialize_with = "one_or_more")]
    switchhook_types: Option<Vec<String>>,
}

/// The longest subject that is kept as it is, in bytes.
const SUBJECT: usize = 128;

impl Claims {
    /// Reads a payload and holds it against what is expected now.
    pub(super) fn read(json: &[u8], expected: &Expected, now: Timestamp) -> Result<Self, Flaw> {
        let said: Payload = serde_json::from_slice(json)
            .map_err(|_| Flaw::Malformed("its claims cannot be read"))?;
        if said.iss.as_deref() != Some(&*expected.issuer) {
            return Err(Flaw::Claim("`iss` is not the configured issuer"));
        }
        let meant = |audience: &Vec<String>| audience.contains(&expected.audience);
        if !said.aud.as_ref().is_some_and(meant) {
            return Err(Flaw::Claim("`aud` does not name this gateway"));
        }
        let expires = said.exp.ok_or(Flaw::Claim("it has no `exp`"))?;
        if now >= expires.after(LEEWAY) {
            return Err(Flaw::Claim("it has ended (`exp`)"));
        }
        if said.nbf.is_some_and(|begins| now.after(LEEWAY) < begins) {
            return Err(Flaw::Claim("it does not hold yet (`nbf`)"));
        }
        // Scopes of other services are nobody's business here.
        let scopes = said.scope.split(' ').filter_map(Scope::parse).collect();
        let list = |list: Option<Vec<String>>| -> Option<Vec<Text>> {
            Some(list?.iter().map(|item| item.as_str().into()).collect())
        };
        Ok(Self {
            subject: said.sub.map(short),
            expires,
            scopes,
            narrowing: Narrowing {
                tenants: list(said.switchhook_tenants),
                sources: list(said.switchhook_sources),
                types: said.switchhook_types.map(|globs| {
                    globs.iter().fold(TypeSet::NONE, |types, glob| {
                        types.union(TypeSet::matching(glob))
                    })
                }),
                ..Narrowing::none()
            },
        })
    }
}

/// A subject of any length, still told from every other.
fn short(subject: String) -> String {
    if subject.len() > SUBJECT {
        Digest::of(&subject).to_string()
    } else {
        subject
    }
}

/// A list of texts, or a single one.
fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    Ok(Some(match OneOrMore::deserialize(from)? {
        OneOrMore::One(one) => vec![one],
        OneOrMore::More(more) => more,
    }))
}

/// Seconds since 1970, perhaps with a fraction.
fn date<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    /// Far beyond any clock, and far from any overflow: the year 9999.
    const END: f64 = 253_402_300_799.0;
    let seconds = f64::deserialize(from)?;
    if !(0.0..=END).contains(&seconds) {
        return Err(de::Error::custom("not a time"));
    }
    // The bounds have just been checked.
    let micros = (seconds * 1e6) as i64;
    Ok(Some(Timestamp::from_micros(micros)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn read(members: &Value) -> Result<Claims, Flaw> {
        let mut claims = json!({
            "iss": "https://id.example.com", "aud": "switchhook", "exp": 1_700_000_300, "sub": "crm",
        });
        for (name, value) in members.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        let expected = Expected {
            issuer: "https://id.example.com".into(),
            audience: "switchhook".into(),
        };
        Claims::read(claims.to_string().as_bytes(), &expected, NOW)
    }

    #[test]
    fn rights_and_limits_are_those_of_the_claims() {
        let claims = read(&json!({
            "scope": "openid events:read  pii:read", "switchhook_tenants": ["acme"],
            "switchhook_sources": "hq", "switchhook_types": ["call.*"],
        }))
        .unwrap();
        assert!(claims.scopes.has(Scope::EventsRead) && claims.scopes.has(Scope::PiiRead));
        assert!(!claims.scopes.has(Scope::StateRead));
        assert_eq!(claims.narrowing.tenants, Some(vec!["acme".into()]));
        assert_eq!(claims.narrowing.sources, Some(vec!["hq".into()]));
        assert_eq!(claims.narrowing.types, Some(TypeSet::matching("call.*")));
        assert_eq!(claims.subject.as_deref(), Some("crm"));
        assert_eq!(claims.expires, NOW.after(Duration::from_secs(300)));
        let long = |last| json!({"sub": format!("{}{last}", "x".repeat(200))});
        let [one, other] = ["a", "b"].map(|last| read(&long(last)).unwrap().subject);
        assert!(one != other && one.unwrap().len() <= 128);
        let bare = read(&json!({})).unwrap();
        assert_eq!(bare.scopes, Scopes::default());
        assert_eq!(bare.narrowing, Narrowing::none());
    }

    #[test]
    fn issuer_and_audience_are_compared_whole() {
        assert!(read(&json!({"aud": ["other", "switchhook"]})).is_ok());
        for members in [
            json!({"iss": null}),
            json!({"iss": "https://id.example.com/"}),
            json!({"iss": "https://evil.example.com"}),
            json!({"iss": ["https://id.example.com"]}),
            json!({"aud": null}),
            json!({"aud": "other"}),
            json!({"aud": "switchhook2"}),
            json!({"aud": []}),
            json!({"aud": {"switchhook": true}}),
        ] {
            assert!(read(&members).is_err(), "{members}");
        }
    }

    #[test]
    fn a_minute_of_difference_between_clocks_is_forgiven() {
        for (members, good) in [
            (json!({"exp": 1_699_999_941}), true),
            (json!({"exp": 1_699_999_940}), false),
            (json!({"exp": 1_700_000_000.5}), true),
            (json!({"exp": null}), false),
            (json!({"exp": "1700000300"}), false),
            (json!({"exp": -1}), false),
            (json!({"exp": 1e300}), false),
            (json!({"nbf": 1_700_000_060}), true),
            (json!({"nbf": 1_700_000_061}), false),
            (json!({"nbf": "soon"}), false),
        ] {
            assert_eq!(read(&members).is_ok(), good, "{members}");
        }
    }

    #[test]
    fn a_limit_that_cannot_be_read_is_not_taken_for_none() {
        for name in [
            "switchhook_tenants",
            "switchhook_sources",
            "switchhook_types",
        ] {
            for value in [json!(7), json!([7]), json!({"acme": 1}), json!(true)] {
                let mut members = json!({});
                members[name] = value;
                assert!(read(&members).is_err(), "{members}");
            }
            let null = format!(
                r#"{{"iss":"https://id.example.com","aud":"switchhook","exp":1700000300,"{name}":null}}"#
            );
            let expected = Expected {
                issuer: "https://id.example.com".into(),
                audience: "switchhook".into(),
            };
            assert!(Claims::read(null.as_bytes(), &expected, NOW).is_err());
        }
        let nothing = read(&json!({"switchhook_tenants": [], "switchhook_types": ["no.such"]}));
        let narrowing = nothing.unwrap().narrowing;
        assert_eq!(narrowing.tenants, Some(Vec::new()));
        assert_eq!(narrowing.types, Some(TypeSet::NONE));
    }
}
