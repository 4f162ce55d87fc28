//! The signed form: three parts of Base64 with dots between them (RFC 7515, compact serialization).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::Flaw;

/// How a token is signed. What is not here is not accepted, whatever its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
}

/// A token taken apart. Nothing in it is to be believed before its signature is verified.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    pub(super) algorithm: Algorithm,
    /// The key that it claims to be signed with.
    pub(super) kid: Option<String>,
    pub(super) payload: Vec<u8>,
    /// What the signature is over.
    pub(super) message: &'a [u8],
    pub(super) signature: Vec<u8>,
}

/// The longest token that is looked at, in bytes.
const MOST: usize = 16 * 1024;

/// Keys in the header (`jwk`, `jku`, `x5c`, `x5u`) are not read: keys come from the provider alone.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

impl Algorithm {
    /// The algorithm of this name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

impl<'a> Signed<'a> {
    /// Takes a token apart.
    pub(super) fn parse(token: &'a str) -> Result<Self, Flaw> {
        if token.len() > MOST {
            return Err(Flaw::Malformed("it is too long"));
        }
        let malformed = || Flaw::Malformed("it is not three parts of Base64");
        let (message, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = message.split_once('.').ok_or_else(malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed());
        let header: Header = serde_json::from_slice(&decode(header)?)
            .map_err(|_| Flaw::Malformed("its header is not an object with an `alg`"))?;
        if header.crit {
            return Err(Flaw::Malformed(
                "its header has `crit`, and no extension is understood",
            ));
        }
        if header.typ.as_deref().is_some_and(|typ| !is_jwt(typ)) {
            return Err(Flaw::Malformed("its `typ` is not that of a JWT"));
        }
        Ok(Self {
            algorithm: Algorithm::parse(&header.alg).ok_or(Flaw::Algorithm)?,
            kid: header.kid,
            payload: decode(payload)?,
            message: message.as_bytes(),
            signature: decode(signature)?,
        })
    }
}

/// A token of another kind (RFC 8725, 3.11) is not taken for one of access.
fn is_jwt(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    let short = typ.strip_prefix("application/").unwrap_or(&typ);
    matches!(short, "jwt" | "at+jwt")
}

/// True for whatever value: that the member is there is what counts.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", encode(header), encode("{}"))
    }

    #[test]
    fn a_token_is_taken_apart() {
        let text = token(r#"{"alg":"ES256","kid":"k","typ":"at+jwt","jwk":{"kty":"oct"}}"#);
        let signed = Signed::parse(&text).unwrap();
        assert_eq!(
            (signed.algorithm, signed.kid.as_deref()),
            (Algorithm::Es256, Some("k"))
        );
        assert_eq!(
            (&*signed.payload, &*signed.signature),
            (&b"{}"[..], &b"sig"[..])
        );
        assert!(text.as_bytes().starts_with(signed.message));
    }

    #[test]
    fn what_is_not_pinned_to_a_key_is_refused_by_name() {
        for alg in [
            "none", "None", "HS256", "RS512", "PS256", "ES384", "rs256", "",
        ] {
            let flaw = Signed::parse(&token(&format!(r#"{{"alg":"{alg}"}}"#))).unwrap_err();
            assert_eq!(flaw, Flaw::Algorithm, "{alg}");
        }
    }

    #[test]
    fn extensions_and_other_kinds_of_token_are_refused() {
        for header in [
            r#"{"alg":"RS256","crit":["exp"]}"#,
            r#"{"alg":"RS256","crit":[]}"#,
            r#"{"alg":"RS256","crit":null}"#,
            r#"{"alg":"RS256","crit":["b64"],"b64":false}"#,
            r#"{"alg":"RS256","typ":"logout+jwt"}"#,
            r#"{"alg":"RS256","alg":"none"}"#,
            r#"{"alg":["RS256"]}"#,
            r#"{"kid":"k"}"#,
            "[]",
        ] {
            assert!(Signed::parse(&token(header)).is_err(), "{header}");
        }
    }

    #[test]
    fn what_is_not_the_compact_form_is_refused() {
        let good = token(r#"{"alg":"RS256"}"#);
        for text in [
            String::new(),
            "..".to_owned(),
            "a.b.c".to_owned(),
            good.rsplit_once('.').unwrap().0.to_owned(),
            format!("{good}="),
            format!("{good}.x.y"),
            format!(" {good}"),
            good.replace('.', ".."),
            "x".repeat(MOST + 1),
        ] {
            assert!(Signed::parse(&text).is_err(), "{text}");
        }
    }
}
