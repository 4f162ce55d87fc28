//! The identity provider: its keys as last seen, and the tokens that were verified with them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::{Clock, Now};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{info, warn};

use super::{
    Flaw, LEEWAY,
    claims::{Claims, Expected},
    fetch::Fetcher,
    jws::Signed,
    keys::{Key, KeySet},
};
use crate::{
    auth::{Ended, Identity, identity::Credential},
    config::{self, Digest},
    problem::{Kind, Problem},
};

/// Verifies the tokens of one issuer.
pub(in crate::auth) struct Provider {
    settings: config::Jwt,
    expected: Expected,
    fetcher: Fetcher,
    clock: Arc<dyn Clock>,
    keys: Mutex<Option<Known>>,
    /// One fetch at a time; when the last one began.
    fetching: tokio::sync::Mutex<Option<Duration>>,
    sessions: Mutex<HashMap<Digest, Session>>,
    /// Ends the task that keeps the keys fresh.
    _follow: DropGuard,
}

/// The keys, as of a moment of monotonic time.
#[derive(Clone)]
struct Known {
    keys: Arc<KeySet>,
    at: Duration,
}

/// A token that was verified.
struct Session {
    identity: Arc<Identity>,
    key: Key,
}

/// How often the keys are looked at without anybody asking.
const EVERY: Duration = Duration::from_secs(300);
/// The same while the issuer does not answer.
const AGAIN: Duration = Duration::from_secs(15);
/// The least time between two fetches, whoever asks for a key that is not known.
const PAUSE: Duration = Duration::from_secs(10);
/// How long keys are believed of an issuer that does not answer.
const STALE: Duration = Duration::from_secs(24 * 3_600);
/// The most tokens that are remembered; further ones are verified each time.
const SESSIONS: usize = 10_000;

impl Provider {
    /// Begins to fetch the keys, and keeps them fresh while the provider is in use.
    pub(in crate::auth) fn start(settings: config::Jwt, clock: Arc<dyn Clock>) -> Arc<Self> {
        let stop = CancellationToken::new();
        let provider = Arc::new(Self {
            expected: Expected {
                issuer: settings.issuer.clone(),
                audience: settings.audience.clone(),
            },
            fetcher: Fetcher::new(&settings),
            settings,
            clock,
            keys: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
            sessions: Mutex::default(),
            _follow: stop.clone().drop_guard(),
        });
        let followed = Arc::downgrade(&provider);
        tokio::spawn(async move {
            loop {
                let pause = match followed.upgrade() {
                    Some(provider) => provider.look().await,
                    None => return,
                };
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        });
        provider
    }

    /// True when this is the provider that the config names.
    pub(in crate::auth) fn is(&self, settings: &config::Jwt) -> bool {
        self.settings == *settings
    }

    /// The bearer of a token.
    ///
    /// # Errors
    /// Naming what is wrong with it, or that the issuer cannot be asked for its keys.
    pub(in crate::auth) async fn verify(&self, token: &str) -> Result<Arc<Identity>, Problem> {
        let digest = Digest::of(token);
        let now = self.clock.now();
        if let Some(session) = lock(&self.sessions).get(&digest)
            && session.identity.ended().is_none()
            && !session.identity.is_over(now.wall)
        {
            return Ok(Arc::clone(&session.identity));
        }
        let refused = |flaw: Flaw| Problem::new(Kind::Unauthenticated, flaw.to_string());
        let signed = Signed::parse(token).map_err(refused)?;
        // Held against what is expected before the signature, so that nobody else's tokens make us ask for keys.
        let claims = Claims::read(&signed.payload, &self.expected, now.wall).map_err(refused)?;
        let key = self.key(&signed, now).await?.map_err(refused)?;
        // Never the name of a static token: what belongs to that is not the subject's, whatever it is called.
        let name = match &claims.subject {
            Some(subject) => format!("jwt:{subject}"),
            None => format!("jwt:{digest}"),
        };
        let identity = Identity::new(
            name.as_str().into(),
            claims.scopes,
            claims.narrowing,
            Some(claims.expires),
        );
        let identity = identity.of(Credential::Jwt).with_leeway(LEEWAY);
        Ok(self.remember(digest, key, Arc::new(identity), now))
    }

    /// Nobody's tokens are valid any more.
    pub(in crate::auth) fn withdraw(&self) {
        for (_, session) in lock(&self.sessions).drain() {
            session.identity.end(Ended::Withdrawn);
        }
    }

    /// The key that a token is signed with. A key that is not known is asked for, as often as is polite.
    async fn key(&self, signed: &Signed<'_>, now: Now) -> Result<Result<Key, Flaw>, Problem> {
        let mut known = self.known(now);
        if known.as_ref().is_none_or(|keys| keys.of(signed).is_empty()) {
            self.refresh(known.as_ref()).await;
            known = self.known(self.clock.now());
        }
        let Some(keys) = known else {
            let detail = "the keys of the issuer cannot be fetched now";
            return Err(Problem::new(Kind::Unavailable, detail).after(PAUSE));
        };
        let candidates = keys.of(signed);
        if candidates.is_empty() {
            return Ok(Err(Flaw::Key));
        }
        let key = candidates.into_iter().find(|key| key.verifies(signed));
        Ok(key.cloned().ok_or(Flaw::Signature))
    }

    /// The keys, unless they are too old to be believed.
    fn known(&self, now: Now) -> Option<Arc<KeySet>> {
        let known = lock(&self.keys);
        let known = known.as_ref()?;
        (now.mono.saturating_sub(known.at) < STALE).then(|| Arc::clone(&known.keys))
    }

    /// Fetches the keys, unless somebody else just did: whoever waited for that looks again first.
    async fn refresh(&self, seen: Option<&Arc<KeySet>>) {
        let mut last = self.fetching.lock().await;
        let now = self.clock.now();
        let changed = match (seen, self.known(now)) {
            (Some(seen), Some(known)) => !Arc::ptr_eq(seen, &known),
            (None, known) => known.is_some(),
            (Some(_), None) => false,
        };
        if changed || last.is_some_and(|last| now.mono.saturating_sub(last) < PAUSE) {
            return;
        }
        *last = Some(now.mono);
        self.fetch().await;
    }

    /// Looks at the keys once; how long to wait for the next time.
    async fn look(&self) -> Duration {
        let mut last = self.fetching.lock().await;
        *last = Some(self.clock.now().mono);
        if self.fetch().await { EVERY } else { AGAIN }
    }

    /// True when the issuer has answered.
    async fn fetch(&self) -> bool {
        let url = self.settings.jwks_url.as_str();
        let fetched = match self.fetcher.get().await {
            Ok(body) => KeySet::parse(&body).map_err(Into::into),
            Err(error) => Err(error),
        };
        match fetched {
            Ok(keys) => {
                if keys.is_empty() {
                    warn!(url, "the issuer publishes no key of RS256, ES256 or EdDSA");
                }
                self.take_over(keys);
                true
            }
            Err(error) => {
                warn!(
                    url,
                    error = &*error as &dyn std::error::Error,
                    "the keys of the issuer cannot be fetched; known ones are used for a day"
                );
                false
            }
        }
    }

    /// From here on these keys. What was signed with a key that is gone is not valid any more.
    fn take_over(&self, keys: KeySet) {
        let now = self.clock.now();
        let mut known = lock(&self.keys);
        let same = known.as_ref().filter(|known| *known.keys == keys);
        let keys = match same {
            Some(known) => Arc::clone(&known.keys),
            None => {
                info!(issuer = self.settings.issuer, "the issuer's keys are known");
                Arc::new(keys)
            }
        };
        *known = Some(Known {
            keys: Arc::clone(&keys),
            at: now.mono,
        });
        drop(known);
        lock(&self.sessions).retain(|_, session| {
            let stays = keys.contains(&session.key);
            if !stays {
                session.identity.end(Ended::Withdrawn);
            }
            stays && !session.identity.is_over(now.wall)
        });
    }

    /// The one identity of a token, so that all its requests count as one bearer's.
    fn remember(
        &self,
        digest: Digest,
        key: Key,
        identity: Arc<Identity>,
        now: Now,
    ) -> Arc<Identity> {
        let mut sessions = lock(&self.sessions);
        if let Some(known) = sessions.get(&digest)
            && known.identity.ended().is_none()
        {
            return Arc::clone(&known.identity);
        }
        if sessions.len() >= SESSIONS {
            // What nobody holds any more is only a short cut.
            sessions.retain(|_, session| {
                Arc::strong_count(&session.identity) > 1 && !session.identity.is_over(now.wall)
            });
        }
        if sessions.len() < SESSIONS {
            let identity = Arc::clone(&identity);
            sessions.insert(digest, Session { identity, key });
        }
        identity
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
