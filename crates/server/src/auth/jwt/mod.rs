//! Tokens of an identity provider: JWT (RFC 7519), signed with keys that the provider publishes (RFC 7517).
//!
//! What is believed and when: the algorithm is that of the key, and the key is one that came from `jwks_url`. Nothing else
//! in a token says how to verify it.

mod claims;
mod fetch;
mod jws;
mod keys;
mod provider;

use std::time::Duration;

pub(super) use self::provider::Provider;

/// How far the clocks of the provider and of this machine may be apart.
pub(super) const LEEWAY: Duration = Duration::from_secs(60);

/// What is wrong with a token. Told to its bearer, who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    /// It is not a JWT as one must be.
    #[error("the token is not valid: {0}")]
    Malformed(&'static str),
    /// It is signed in a way that is not accepted, or not at all.
    #[error("the token is not valid: it is signed with none of RS256, ES256 and EdDSA")]
    Algorithm,
    /// The provider has no such key.
    #[error("the token is not valid: the issuer publishes no key of its `kid` and `alg`")]
    Key,
    /// It is not signed with the key.
    #[error("the token is not valid: its signature is wrong")]
    Signature,
    /// A claim does not hold.
    #[error("the token is not valid: {0}")]
    Claim(&'static str),
}
