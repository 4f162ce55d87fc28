//! Who asks: every request gets a [`Principal`] before any handler sees data.

mod identity;
mod local;
pub mod scope;
pub mod tickets;
pub mod tokens;

use std::{
    io,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use http::{HeaderMap, header};
use model::{Clock, Timestamp};

pub use self::{
    identity::{Ended, Identity, Principal, StreamSlot, Streams},
    scope::{Scope, Scopes},
    tokens::StaticToken,
};
use self::{tickets::Tickets, tokens::TokenSet};
use crate::{
    config::Digest,
    http::Peer,
    problem::{Kind, Problem},
};

/// Fresh random bytes.
pub type Entropy = Arc<dyn Fn() -> io::Result<[u8; 32]> + Send + Sync>;

/// How requests are authenticated.
#[derive(Clone, Debug)]
pub enum Mode {
    /// Not at all, but only this machine may ask.
    None,
    /// By tokens.
    Tokens(Vec<StaticToken>),
}

/// What a credential may use.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// Requests per second of one token.
    pub requests_per_s: u32,
    /// Streams of one token at a time.
    pub streams_per_token: usize,
    /// Streams in all.
    pub streams: usize,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            requests_per_s: 200,
            streams_per_token: 100,
            streams: 20_000,
        }
    }
}

/// Verifies credentials.
pub struct Authority {
    verifier: RwLock<Verifier>,
    tickets: Tickets,
    streams: Streams,
    /// Holds the streams that owe their token.
    unknown: Arc<Identity>,
    quota: Quota,
    clock: Arc<dyn Clock>,
    entropy: Entropy,
}

/// The ways to verify. Tokens signed by somebody else will join the static ones here.
enum Verifier {
    Local(Arc<Identity>),
    Tokens(TokenSet),
}

/// A ticket as it is given out.
#[derive(Clone, Debug, serde::Serialize)]
pub struct IssuedTicket {
    ticket: String,
    expires_at: Timestamp,
}

impl Authority {
    /// A verifier for a mode.
    #[must_use]
    pub fn new(mode: Mode, quota: Quota, clock: Arc<dyn Clock>, entropy: Entropy) -> Self {
        let verifier = match mode {
            Mode::None => Verifier::Local(Arc::new(Identity::local())),
            Mode::Tokens(tokens) => Verifier::Tokens(TokenSet::new(tokens)),
        };
        Self {
            verifier: RwLock::new(verifier),
            tickets: Tickets::default(),
            streams: Streams::new(quota.streams),
            unknown: Arc::new(Identity::unknown()),
            quota,
            clock,
            entropy,
        }
    }

    /// Takes over other tokens. Identities whose token is gone or changed end; see [`Identity::ended`].
    pub fn reload(&self, mode: Mode) {
        let mut verifier = self
            .verifier
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let next = match (&mut *verifier, mode) {
            (Verifier::Tokens(known), Mode::Tokens(tokens)) => {
                known.replace(tokens);
                return;
            }
            (Verifier::Local(_), Mode::None) => return,
            (Verifier::Tokens(known), Mode::None) => {
                known.replace(Vec::new());
                Verifier::Local(Arc::new(Identity::local()))
            }
            (Verifier::Local(identity), Mode::Tokens(tokens)) => {
                identity.end(Ended::Withdrawn);
                Verifier::Tokens(TokenSet::new(tokens))
            }
        };
        *verifier = next;
    }

    /// True when a WebSocket may send its token as the first frame.
    #[must_use]
    pub fn awaits_tokens(&self) -> bool {
        matches!(
            *self.verifier.read().unwrap_or_else(PoisonError::into_inner),
            Verifier::Tokens(_)
        )
    }

    /// The sender of a request, by its headers.
    ///
    /// # Errors
    /// When there is no valid credential, or it asks too often.
    pub fn request(&self, headers: &HeaderMap, peer: &Peer) -> Result<Principal, Problem> {
        let principal = match &*self.verifier.read().unwrap_or_else(PoisonError::into_inner) {
            Verifier::Local(identity) => {
                local::check(headers, peer)?;
                Principal::new(Arc::clone(identity))
            }
            Verifier::Tokens(tokens) => self.look_up(tokens, bearer(headers)?)?,
        };
        self.admit(principal)
    }

    /// The holder of a token that was sent in a frame.
    ///
    /// # Errors
    /// When the token is not valid.
    pub fn token(&self, text: &str) -> Result<Principal, Problem> {
        match &*self.verifier.read().unwrap_or_else(PoisonError::into_inner) {
            Verifier::Local(identity) => Ok(Principal::new(Arc::clone(identity))),
            Verifier::Tokens(tokens) => self.look_up(tokens, text),
        }
    }

    /// The holder of a ticket, which is used up by this.
    ///
    /// # Errors
    /// When there is no such ticket (any more).
    pub fn ticket(&self, text: &str) -> Result<Principal, Problem> {
        let identity = self
            .tickets
            .redeem(text, self.clock.now().mono)
            .filter(|identity| identity.ended().is_none())
            .ok_or_else(|| {
                Problem::new(
                    Kind::Unauthenticated,
                    "there is no such ticket: each is good for one request within 30 seconds",
                )
            })?;
        self.admit(Principal::new(identity))
    }

    /// A ticket with the rights of its bearer.
    ///
    /// # Errors
    /// When too many are waiting to be used, or there is no randomness.
    pub fn issue(&self, principal: &Principal) -> Result<IssuedTicket, Problem> {
        let random = (self.entropy)().map_err(|error| {
            tracing::error!(%error, "no randomness for a ticket");
            Problem::new(Kind::Unavailable, "no ticket can be made now")
                .after(Duration::from_secs(1))
        })?;
        let now = self.clock.now();
        let ticket = self
            .tickets
            .issue(Arc::clone(principal.identity()), random, now.mono)?;
        Ok(IssuedTicket {
            ticket,
            expires_at: now.wall.after(Tickets::LIFE),
        })
    }

    /// Room for one more stream.
    ///
    /// # Errors
    /// When the token or the gateway carries as many as it may.
    pub fn stream(&self, principal: &Principal) -> Result<StreamSlot, Problem> {
        self.streams
            .open(principal.identity(), self.quota.streams_per_token)
    }

    /// Room for one more stream, whose holder will send its token.
    ///
    /// # Errors
    /// When the gateway carries as many as it may.
    pub fn unknown_stream(&self) -> Result<StreamSlot, Problem> {
        self.streams.open(&self.unknown, usize::MAX)
    }

    /// A stream that somebody else holds from here on.
    ///
    /// # Errors
    /// When the token carries as many as it may.
    pub fn pass_on(&self, slot: &mut StreamSlot, principal: &Principal) -> Result<(), Problem> {
        slot.pass_on(principal.identity(), self.quota.streams_per_token)
    }

    fn look_up(&self, tokens: &TokenSet, text: &str) -> Result<Principal, Problem> {
        let identity = tokens
            .find(&Digest::of(text))
            .ok_or_else(|| Problem::new(Kind::Unauthenticated, "the token is not valid"))?;
        if identity
            .expires()
            .is_some_and(|end| end <= self.clock.now().wall)
        {
            return Err(Problem::new(Kind::Unauthenticated, "the token has ended"));
        }
        Ok(Principal::new(identity))
    }

    fn admit(&self, principal: Principal) -> Result<Principal, Problem> {
        match principal
            .identity()
            .admit(self.quota.requests_per_s, self.clock.now().mono)
        {
            Ok(()) => Ok(principal),
            Err(wait) => Err(Problem::new(
                Kind::RateLimited,
                format!("at most {} requests per second", self.quota.requests_per_s),
            )
            .after(wait)),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let refuse = |why| Problem::new(Kind::Unauthenticated, why);
    let value = headers
        .get(header::AUTHORIZATION)
        .ok_or_else(|| refuse("no `Authorization` header"))?
        .to_str()
        .map_err(|_| refuse("the `Authorization` header is not text"))?;
    match value.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(refuse("`Authorization` is not `Bearer <token>`")),
    }
}

/// True when a request brings a credential of its own.
#[must_use]
pub fn is_credentialed(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION)
}
