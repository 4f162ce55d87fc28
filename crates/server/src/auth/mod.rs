//! Who asks: every request gets a [`Principal`] before any handler sees data.

mod attempts;
mod bucket;
mod identity;
mod jwt;
mod local;
pub mod scope;
pub mod tickets;
pub mod tokens;

use std::{
    io,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use arc_swap::ArcSwap;
use http::{HeaderMap, header};
use model::{Clock, Timestamp};

use self::{attempts::Attempts, jwt::Provider, tickets::Tickets, tokens::TokenSet};
pub use self::{
    attempts::Counts,
    identity::{Credential, Ended, Identity, Principal, StreamSlot, Streams},
    scope::{Scope, Scopes},
    tokens::StaticToken,
};
use crate::{
    config::{self, Digest},
    http::{Peer, forwarded::Client, seats::Seats},
    problem::{Kind, Problem},
};

/// Fresh random bytes.
pub type Entropy = Arc<dyn Fn() -> io::Result<[u8; 32]> + Send + Sync>;

/// How requests are authenticated.
#[derive(Clone, Debug)]
pub enum Policy {
    /// Not at all, but only this machine may ask.
    None,
    /// By tokens.
    Tokens {
        /// Those of the config.
        tokens: Vec<StaticToken>,
        /// Whose others are accepted.
        jwt: Option<Box<config::Jwt>>,
    },
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
    /// Streams that owe their token, in all; a tenth of them from one address.
    pub owing: usize,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            requests_per_s: 200,
            streams_per_token: 100,
            streams: 20_000,
            owing: 1_000,
        }
    }
}

/// When it is worth asking again for room.
const SOON: Duration = Duration::from_secs(5);

/// Verifies credentials.
pub struct Authority {
    verifier: RwLock<Verifier>,
    tickets: Tickets,
    attempts: Attempts,
    streams: Streams,
    /// Holds the streams that owe their token.
    unknown: Arc<Identity>,
    owing: Seats,
    quota: ArcSwap<Quota>,
    clock: Arc<dyn Clock>,
    entropy: Entropy,
}

/// The ways to verify.
enum Verifier {
    Local(Arc<Identity>),
    Tokens(TokenSet, Option<Arc<Provider>>),
}

/// A ticket as it is given out.
#[derive(Clone, Debug, serde::Serialize)]
pub struct IssuedTicket {
    ticket: String,
    expires_at: Timestamp,
}

impl Authority {
    /// A verifier of what the policy accepts.
    #[must_use]
    pub fn new(policy: Policy, quota: Quota, clock: Arc<dyn Clock>, entropy: Entropy) -> Self {
        let verifier = match policy {
            Policy::None => Verifier::Local(Arc::new(Identity::local())),
            Policy::Tokens { tokens, jwt } => Verifier::Tokens(
                TokenSet::new(tokens),
                jwt.map(|jwt| Provider::start(*jwt, Arc::clone(&clock))),
            ),
        };
        Self {
            verifier: RwLock::new(verifier),
            tickets: Tickets::default(),
            attempts: Attempts::default(),
            streams: Streams::default(),
            unknown: Arc::new(Identity::unknown()),
            owing: Seats::default(),
            quota: ArcSwap::from_pointee(quota),
            clock,
            entropy,
        }
    }

    /// Takes over other tokens. Identities whose token is gone or changed end; see [`Identity::ended`].
    pub fn reload(&self, policy: Policy) {
        let mut verifier = self
            .verifier
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match (&mut *verifier, policy) {
            (Verifier::Local(_), Policy::None) => {}
            (Verifier::Local(identity), Policy::Tokens { tokens, jwt }) => {
                identity.end(Ended::Withdrawn);
                let provider = jwt.map(|jwt| self.provider(*jwt));
                *verifier = Verifier::Tokens(TokenSet::new(tokens), provider);
            }
            (Verifier::Tokens(known, provider), Policy::None) => {
                known.replace(Vec::new());
                withdraw(provider.take());
                *verifier = Verifier::Local(Arc::new(Identity::local()));
            }
            (Verifier::Tokens(known, provider), Policy::Tokens { tokens, jwt }) => {
                known.replace(tokens);
                let stays = match (&*provider, &jwt) {
                    (Some(provider), Some(jwt)) => provider.is(jwt),
                    (None, None) => true,
                    _ => false,
                };
                if !stays {
                    let next = jwt.map(|jwt| self.provider(*jwt));
                    withdraw(std::mem::replace(provider, next));
                }
            }
        }
    }

    /// Takes over other quotas. Streams that are open stay.
    pub fn allow(&self, quota: Quota) {
        self.quota.store(Arc::new(quota));
    }

    /// True when a WebSocket may send its token as the first frame.
    #[must_use]
    pub fn awaits_tokens(&self) -> bool {
        matches!(*self.verifier(), Verifier::Tokens(..))
    }

    /// How many attempts have failed.
    #[must_use]
    pub fn attempts(&self) -> Counts {
        self.attempts.counts()
    }

    /// The sender of a request, by its headers.
    ///
    /// # Errors
    /// When there is no valid credential, or it asks too often.
    pub async fn request(
        &self,
        headers: &HeaderMap,
        peer: &Peer,
        client: &Client,
    ) -> Result<Principal, Problem> {
        let local = match &*self.verifier() {
            Verifier::Local(identity) => Some(Arc::clone(identity)),
            Verifier::Tokens(..) => None,
        };
        let principal = match local {
            Some(identity) => {
                local::check(headers, peer)?;
                Principal::new(identity)
            }
            None => self.look_up(bearer(headers)?, client.address).await?,
        };
        self.admit(&principal)?;
        Ok(principal)
    }

    /// The holder of a token that was sent in a frame.
    ///
    /// # Errors
    /// When the token is not valid.
    pub async fn token(&self, text: &str, from: IpAddr) -> Result<Principal, Problem> {
        if let Verifier::Local(identity) = &*self.verifier() {
            return Ok(Principal::new(Arc::clone(identity)));
        }
        self.look_up(text, from).await
    }

    /// The holder of a ticket, which is used up by this.
    ///
    /// # Errors
    /// When there is no such ticket (any more).
    pub fn ticket(&self, text: &str, from: IpAddr) -> Result<Principal, Problem> {
        let now = self.clock.now();
        self.attempts.admit(from, &Digest::of(text), now.mono)?;
        let identity = self.tickets.redeem(text, now.mono);
        let valid = identity
            .filter(|identity| identity.ended().is_none() && !identity.is_over(now.wall))
            .ok_or_else(|| {
                self.attempts.failed(from, now.mono);
                Problem::new(
                    Kind::Unauthenticated,
                    "there is no such ticket: each is good for one request within 30 seconds",
                )
            })?;
        let principal = Principal::new(valid);
        self.admit(&principal)?;
        Ok(principal)
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
        let quota = self.quota.load();
        self.streams
            .open(principal.identity(), quota.streams_per_token, quota.streams)
    }

    /// Room for one more stream from an address, whose holder will send its token.
    ///
    /// # Errors
    /// When as many as may owe theirs, there or in all, or the gateway carries as many as it may.
    pub fn unknown_stream(&self, from: IpAddr) -> Result<StreamSlot, Problem> {
        let quota = self.quota.load();
        let here = (quota.owing / 10).max(1);
        let seat = self.owing.take(from, here).ok_or_else(|| {
            let detail = format!("{here} streams from this address owe their token");
            Problem::new(Kind::StreamsExhausted, detail).after(SOON)
        })?;
        let slot = self.streams.open_owing(&self.unknown, &quota)?;
        Ok(slot.owing(seat))
    }

    /// A stream that somebody else holds from here on.
    ///
    /// # Errors
    /// When the token carries as many as it may.
    pub fn pass_on(&self, slot: &mut StreamSlot, principal: &Principal) -> Result<(), Problem> {
        slot.pass_on(principal.identity(), self.quota.load().streams_per_token)
    }

    /// Counts something that a bearer asks for.
    ///
    /// # Errors
    /// When it asks too often.
    pub fn admit(&self, principal: &Principal) -> Result<(), Problem> {
        let rate = self.quota.load().requests_per_s;
        let admitted = principal.identity().admit(rate, self.clock.now().mono);
        admitted.map_err(|wait| {
            let detail = format!("at most {rate} requests per second");
            Problem::new(Kind::RateLimited, detail).after(wait)
        })
    }

    async fn look_up(&self, text: &str, from: IpAddr) -> Result<Principal, Problem> {
        let digest = Digest::of(text);
        let now = self.clock.now();
        self.attempts.admit(from, &digest, now.mono)?;
        let found = self.find(text, &digest, now.wall).await;
        match &found {
            Ok(_) => self.attempts.succeeded(from, digest, now.mono),
            Err(problem) if problem.kind() == Kind::Unauthenticated => {
                self.attempts.failed(from, now.mono);
            }
            // The token may be good: it could not be looked at.
            Err(_) => {}
        }
        found.map(Principal::new)
    }

    async fn find(
        &self,
        text: &str,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Arc<Identity>, Problem> {
        let refused = |why| Problem::new(Kind::Unauthenticated, why);
        let (known, provider) = match &*self.verifier() {
            Verifier::Local(_) => (None, None),
            Verifier::Tokens(tokens, provider) => (tokens.find(digest), provider.clone()),
        };
        match (known, provider) {
            (Some(identity), _) if identity.is_over(now) => Err(refused("the token has ended")),
            (Some(identity), _) => Ok(identity),
            (None, Some(provider)) if text.contains('.') => provider.verify(text).await,
            (None, _) => Err(refused("the token is not valid")),
        }
    }

    fn provider(&self, jwt: config::Jwt) -> Arc<Provider> {
        Provider::start(jwt, Arc::clone(&self.clock))
    }

    fn verifier(&self) -> RwLockReadGuard<'_, Verifier> {
        self.verifier.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn withdraw(provider: Option<Arc<Provider>>) {
    if let Some(provider) = provider {
        provider.withdraw();
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
