//! Secrets of endpoints: made, shown once, kept encrypted where a key is configured, and used to sign.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use model::Timestamp;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, hmac,
};
use serde::{Deserialize, Serialize};

use crate::config::Secret;

/// What encrypts and decrypts what is kept.
pub struct Vault(Option<LessSafeKey>);

/// A text as it is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sealed {
    /// As it is: no key is configured.
    Plain(String),
    /// AES-256-GCM: nonce and ciphertext in Base64.
    Sealed(String),
}

/// Why a text that is kept cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it was encrypted with another `webhooks.key`, or is damaged")]
pub struct Unreadable;

/// A secret that signs.
#[derive(Clone)]
pub struct Signer(hmac::Key);

/// What the text of a secret begins with.
const PREFIX: &str = "whsec_";

impl Vault {
    /// A vault with the configured key; without one it keeps texts as they are.
    #[must_use]
    pub fn new(key: Option<&Secret>) -> Self {
        let key = key.and_then(|secret| {
            let bytes = digest::digest(&digest::SHA256, secret.expose().as_bytes());
            UnboundKey::new(&AES_256_GCM, bytes.as_ref()).ok()
        });
        Self(key.map(LessSafeKey::new))
    }

    /// Keeps a text that belongs to `owner`. `random` must never come again.
    #[must_use]
    pub fn seal(&self, owner: &str, text: &str, random: [u8; 32]) -> Sealed {
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&random[..NONCE_LEN]);
        let mut bytes = text.as_bytes().to_vec();
        let sealed = self.0.as_ref().and_then(|key| {
            let aad = Aad::from(owner.as_bytes());
            key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut bytes)
                .ok()
        });
        match sealed {
            Some(()) => Sealed::Sealed(STANDARD.encode([&nonce[..], &bytes].concat())),
            None => Sealed::Plain(text.to_owned()),
        }
    }

    /// Reads a text back.
    ///
    /// # Errors
    /// When it was sealed with another key, for another owner, or is damaged.
    pub fn open(&self, owner: &str, sealed: &Sealed) -> Result<String, Unreadable> {
        let coded = match sealed {
            Sealed::Plain(text) => return Ok(text.clone()),
            Sealed::Sealed(coded) => coded,
        };
        let key = self.0.as_ref().ok_or(Unreadable)?;
        let bytes = STANDARD.decode(coded).map_err(|_| Unreadable)?;
        let (nonce, cipher) = bytes.split_at_checked(NONCE_LEN).ok_or(Unreadable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unreadable)?;
        let mut cipher = cipher.to_vec();
        let plain = key
            .open_in_place(nonce, Aad::from(owner.as_bytes()), &mut cipher)
            .map_err(|_| Unreadable)?;
        String::from_utf8(plain.to_vec()).map_err(|_| Unreadable)
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[sealed]")
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// A new secret, as its owner gets to see it.
#[must_use]
pub fn generate(random: [u8; 32]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(random))
}

impl Signer {
    /// Reads the text of a secret: `whsec_` and Base64.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let coded = text.strip_prefix(PREFIX).unwrap_or(text);
        let key = STANDARD.decode(coded).ok().filter(|key| !key.is_empty())?;
        Some(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The signature of a message, as one part of `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{}.", at.secs()).as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }

    /// Whether one of the signatures of a message is ours.
    #[must_use]
    pub fn verify(&self, id: &str, timestamp: &str, body: &[u8], signatures: &str) -> bool {
        let message = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
        signatures
            .split(' ')
            .filter_map(|part| STANDARD.decode(part.strip_prefix("v1,")?).ok())
            .any(|signature| hmac::verify(&self.0, &message, &signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_the_specification_shows() {
        // The example of https://www.standardwebhooks.com, verified with its reference libraries.
        let signer = Signer::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = Timestamp::from_secs(1_614_265_330);
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#);
        let signature = signer.sign(id, at, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let both = format!("v1,AAAA v2,x {signature}");
        assert!(signer.verify(id, "1614265330", body, &both));
        assert!(!signer.verify(id, "1614265331", body, &both));
        assert!(!signer.verify(id, "1614265330", b"{}", &both));
    }

    #[test]
    fn a_sealed_text_opens_only_with_its_key_and_for_its_owner() {
        let (vault, other) = (
            Vault::new(Some(&Secret::new("a key"))),
            Vault::new(Some(&Secret::new("another key"))),
        );
        let sealed = vault.seal("wh1", "whsec_abc", [7; 32]);
        let json = serde_json::to_string(&sealed).unwrap();
        assert!(
            json.starts_with(r#"{"sealed":"#) && !json.contains("whsec"),
            "{json}"
        );
        assert_eq!(vault.open("wh1", &sealed).as_deref(), Ok("whsec_abc"));
        assert_eq!(vault.open("wh2", &sealed), Err(Unreadable));
        assert_eq!(other.open("wh1", &sealed), Err(Unreadable));
        assert_eq!(Vault::new(None).open("wh1", &sealed), Err(Unreadable));
        let plain = Vault::new(None).seal("wh1", "whsec_abc", [7; 32]);
        assert_eq!(other.open("wh1", &plain).as_deref(), Ok("whsec_abc"));
    }

    #[test]
    fn a_secret_that_is_made_can_be_read() {
        let text = generate([3; 32]);
        assert!(text.starts_with("whsec_") && Signer::parse(&text).is_some());
        assert!(Signer::parse("whsec_").is_none() && Signer::parse("whsec_***").is_none());
    }
}
