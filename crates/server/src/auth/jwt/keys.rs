//! The keys of a provider (RFC 7517), each good for one algorithm and no other.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use super::jws::{Algorithm, Signed};

/// The keys that tokens may be signed with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeySet(Vec<Key>);

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    kid: Option<String>,
    material: Material,
}

/// The algorithm is told by the kind of key, never by the token.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256([u8; 65]),
    Ed25519([u8; 32]),
}

/// A key as it is published. Members of other kinds of key are not read.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The most keys of a set that are looked at.
const MOST: usize = 64;
/// The shortest modulus of an RSA key, in bytes.
const RSA: usize = 256;

impl KeySet {
    /// Reads a set. Keys for other purposes are left out, and so are those that cannot be read: one that a provider adds
    /// for somebody else must not lock everybody out.
    ///
    /// # Errors
    /// When it is not a set of keys.
    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(json)
            .map_err(|error| format!("not an object with a list of `keys`: {error}"))?;
        let keys = set.keys.into_iter().take(MOST).filter_map(Key::read);
        Ok(Self(keys.collect()))
    }

    /// True when no key is of use here.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, key: &Key) -> bool {
        self.0.contains(key)
    }

    /// The keys that a token may be signed with: those of the id it names and of its algorithm. One that names none is
    /// held against the only key of its algorithm.
    pub(super) fn of(&self, signed: &Signed<'_>) -> Vec<&Key> {
        let fit = self
            .0
            .iter()
            .filter(|key| key.algorithm() == signed.algorithm);
        match &signed.kid {
            Some(_) => fit.filter(|key| key.kid == signed.kid).collect(),
            None => {
                let fit: Vec<_> = fit.collect();
                if fit.len() == 1 { fit } else { Vec::new() }
            }
        }
    }
}

impl Key {
    /// True when the token is signed with it.
    pub(super) fn verifies(&self, signed: &Signed<'_>) -> bool {
        let (message, signature) = (signed.message, &*signed.signature);
        self.algorithm() == signed.algorithm
            && match &self.material {
                Material::Rsa { n, e } => RsaPublicKeyComponents { n, e }
                    .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                    .is_ok(),
                Material::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature)
                    .is_ok(),
                Material::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point)
                    .verify(message, signature)
                    .is_ok(),
            }
    }

    const fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
            Material::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// None when it is for something else.
    fn read(json: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(json).ok()?;
        let signs = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
            && jwk
                .key_ops
                .as_ref()
                .is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !signs {
            return None;
        }
        let material = match (&*jwk.kty, jwk.crv.as_deref()) {
            ("RSA", _) => Material::Rsa {
                n: number(jwk.n.as_deref()?).filter(|n| n.len() >= RSA)?,
                e: number(jwk.e.as_deref()?)?,
            },
            ("EC", Some("P-256")) => {
                let mut point = [4; 65];
                point[1..33].copy_from_slice(&fixed::<32>(jwk.x.as_deref()?)?);
                point[33..].copy_from_slice(&fixed::<32>(jwk.y.as_deref()?)?);
                Material::P256(point)
            }
            ("OKP", Some("Ed25519")) => Material::Ed25519(fixed(jwk.x.as_deref()?)?),
            _ => return None,
        };
        let key = Self {
            kid: jwk.kid,
            material,
        };
        let pinned = jwk.alg.as_deref().map(Algorithm::parse);
        pinned
            .is_none_or(|named| named == Some(key.algorithm()))
            .then_some(key)
    }
}

/// A number without leading zeros.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let start = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[start..].to_vec())
}

fn fixed<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 7515, A.2: RS256.
    const RS256: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const RSA_KEY: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;
    /// RFC 7515, A.3: ES256.
    const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    const P256_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    /// RFC 8037, A.4: EdDSA.
    const EDDSA: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    const ED_KEY: &str =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    fn set(keys: &[&str]) -> KeySet {
        KeySet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes()).unwrap()
    }

    fn with(key: &str, members: &Value) -> String {
        let mut key: Value = serde_json::from_str(key).unwrap();
        for (name, value) in members.as_object().unwrap() {
            key[name] = value.clone();
        }
        key.to_string()
    }

    fn verified(keys: &KeySet, token: &str) -> bool {
        let signed = Signed::parse(token).unwrap();
        keys.of(&signed).iter().any(|key| key.verifies(&signed))
    }

    #[test]
    fn the_examples_of_the_rfcs_verify_and_changed_ones_do_not() {
        let keys = set(&[RSA_KEY, P256_KEY, ED_KEY]);
        for token in [RS256, ES256, EDDSA] {
            assert!(verified(&keys, token), "{token}");
            let (message, signature) = token.rsplit_once('.').unwrap();
            let (header, payload) = message.split_once('.').unwrap();
            let other = URL_SAFE_NO_PAD.encode(r#"{"iss":"eve"}"#);
            assert!(!verified(&keys, &format!("{header}.{other}.{signature}")));
            let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
            bytes[7] ^= 1;
            let forged = URL_SAFE_NO_PAD.encode(&bytes);
            assert!(!verified(&keys, &format!("{header}.{payload}.{forged}")));
            assert!(!verified(&keys, &format!("{header}.{payload}.")));
        }
    }

    #[test]
    fn an_all_zero_signature_is_none() {
        let (message, _) = ES256.rsplit_once('.').unwrap();
        let zeros = URL_SAFE_NO_PAD.encode([0; 64]);
        assert!(!verified(&set(&[P256_KEY]), &format!("{message}.{zeros}")));
    }

    #[test]
    fn a_key_is_found_by_id_and_algorithm_together() {
        let with_kid = |kid: &str| with(RSA_KEY, &json!({"kid": kid}));
        let keys = set(&[&with_kid("one"), &with_kid("two"), P256_KEY]);
        let signed = |kid: Option<&str>, algorithm| Signed {
            algorithm,
            kid: kid.map(str::to_owned),
            payload: Vec::new(),
            message: b"",
            signature: Vec::new(),
        };
        let found = |kid, algorithm| keys.of(&signed(kid, algorithm)).len();
        assert_eq!(found(Some("one"), Algorithm::Rs256), 1);
        assert_eq!(found(Some("one"), Algorithm::Es256), 0, "not of this key");
        assert_eq!(found(Some("three"), Algorithm::Rs256), 0);
        assert_eq!(found(Some("../one"), Algorithm::Rs256), 0);
        assert_eq!(found(None, Algorithm::Rs256), 0, "which of the two?");
        assert_eq!(found(None, Algorithm::Es256), 1);
        assert_eq!(found(None, Algorithm::EdDsa), 0);
    }

    #[test]
    fn keys_for_other_purposes_are_left_out() {
        for key in [
            r#"{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}"#.to_owned(),
            with(RSA_KEY, &json!({"use": "enc"})),
            with(RSA_KEY, &json!({"key_ops": ["encrypt"]})),
            with(RSA_KEY, &json!({"alg": "RS512"})),
            with(RSA_KEY, &json!({"alg": "HS256"})),
            with(RSA_KEY, &json!({"n": "AQAB"})),
            with(P256_KEY, &json!({"crv": "P-384"})),
            with(P256_KEY, &json!({"alg": "RS256"})),
            with(P256_KEY, &json!({"x": "AQAB"})),
            with(ED_KEY, &json!({"crv": "X25519"})),
            r#"{"kty":"RSA"}"#.to_owned(),
            "7".to_owned(),
        ] {
            assert!(set(&[&key]).is_empty(), "{key}");
        }
        let good = with(
            RSA_KEY,
            &json!({"use": "sig", "key_ops": ["verify"], "alg": "RS256"}),
        );
        assert!(!set(&["7", &good]).is_empty());
        assert!(KeySet::parse(b"{}").is_err() && KeySet::parse(b"[]").is_err());
    }

    #[test]
    fn leading_zeros_of_a_modulus_do_not_count() {
        let key: Value = serde_json::from_str(RSA_KEY).unwrap();
        let mut n = vec![0];
        n.extend(URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap()).unwrap());
        let padded = with(RSA_KEY, &json!({"n": URL_SAFE_NO_PAD.encode(n)}));
        assert!(verified(&set(&[&padded]), RS256));
    }
}
