//! Identities: what one credential may do, and what it is using.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hub::filter::Narrowing;
use model::{Text, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{
    Quota, SOON, Scope, Scopes,
    bucket::{Bucket, Rate},
};
use crate::{
    http::seats::Seat,
    problem::{Kind, Problem},
};

/// One credential: its rights, shared by all requests and streams that use it, and what they use.
#[derive(Debug)]
pub struct Identity {
    name: Text,
    credential: Credential,
    scopes: Scopes,
    narrowing: Narrowing,
    expires: Option<Timestamp>,
    /// How long after that it is still let in.
    leeway: Duration,
    /// None where no token is counted: the local user of a gateway without authentication.
    quota: Option<Mutex<Bucket>>,
    streams: AtomicUsize,
    ended: OnceLock<Ended>,
    ends: CancellationToken,
}

/// What an identity is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Nothing: a gateway without authentication.
    Local,
    /// A token in the config.
    Static,
    /// A token of the identity provider.
    Jwt,
}

/// Why an identity is no longer valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its token is gone.
    Withdrawn,
    /// Its token has other rights now: coming back gets them.
    Changed,
}

/// Who asks. Every handler that gives data takes one.
#[derive(Clone, Debug)]
pub struct Principal(Arc<Identity>);

/// The streams that are open.
#[derive(Debug, Default)]
pub struct Streams {
    open: Arc<AtomicUsize>,
}

/// Room taken by one open stream, given back when dropped.
#[derive(Debug)]
pub struct StreamSlot {
    all: Arc<AtomicUsize>,
    identity: Arc<Identity>,
    /// The place of one that owes its token among those of its address.
    owing: Option<Seat>,
}

impl Identity {
    /// An identity with rights.
    #[must_use]
    pub fn new(
        name: Text,
        scopes: Scopes,
        narrowing: Narrowing,
        expires: Option<Timestamp>,
    ) -> Self {
        Self {
            name,
            credential: Credential::Static,
            scopes,
            narrowing: narrowing.with_pii(scopes.has(Scope::PiiRead)),
            expires,
            leeway: Duration::ZERO,
            quota: Some(Mutex::default()),
            streams: AtomicUsize::new(0),
            ended: OnceLock::new(),
            ends: CancellationToken::new(),
        }
    }

    /// Whoever has opened a WebSocket and owes its token.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            quota: None,
            ..Self::new("unknown".into(), Scopes::default(), Narrowing::none(), None)
        }
    }

    /// Whoever uses the machine that a gateway without authentication runs on.
    #[must_use]
    pub fn local() -> Self {
        Self {
            quota: None,
            credential: Credential::Local,
            ..Self::new("local".into(), Scopes::local(), Narrowing::none(), None)
        }
    }

    /// The same, known by another kind of credential.
    #[must_use]
    pub const fn of(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    /// The same, let in for a while after its end: clocks differ.
    #[must_use]
    pub const fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// What it is known by.
    #[must_use]
    pub const fn credential(&self) -> Credential {
        self.credential
    }

    /// When what is opened now ends: with the credential, or, where that has ended but is still let in, when it is not
    /// any more.
    #[must_use]
    pub fn expires(&self, now: Timestamp) -> Option<Timestamp> {
        let end = self.expires?;
        Some(if now < end {
            end
        } else {
            end.after(self.leeway)
        })
    }

    /// True when the credential has ended by itself.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires
            .is_some_and(|end| end.after(self.leeway) <= now)
    }

    /// Why it is no longer valid, if so.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.ended.get().copied()
    }

    /// Completes when it is no longer valid.
    #[must_use]
    pub fn ends(&self) -> &CancellationToken {
        &self.ends
    }

    pub(super) fn end(&self, why: Ended) {
        // The first reason stands.
        let _ = self.ended.set(why);
        self.ends.cancel();
    }

    fn take_stream(&self, most: usize) -> Result<(), Problem> {
        let most = if self.quota.is_some() {
            most
        } else {
            usize::MAX
        };
        if take(&self.streams, most) {
            Ok(())
        } else {
            let detail = format!("this token has {most} streams open");
            Err(Problem::new(Kind::TooManyStreams, detail).after(SOON))
        }
    }

    /// Counts one request. The error is how long to wait.
    pub(super) fn admit(&self, per_second: u32, now: Duration) -> Result<(), Duration> {
        let Some(quota) = &self.quota else {
            return Ok(());
        };
        let rate = f64::from(per_second.max(1));
        let rate = Rate {
            at_once: rate,
            per_second: rate,
        };
        let mut bucket = quota.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(rate, now)
    }
}

impl Principal {
    pub(super) fn new(identity: Arc<Identity>) -> Self {
        Self(identity)
    }

    /// Its name, for logs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is known by.
    #[must_use]
    pub fn credential(&self) -> Credential {
        self.0.credential()
    }

    /// What it may see.
    #[must_use]
    pub fn narrowing(&self) -> &Narrowing {
        &self.0.narrowing
    }

    /// The shared identity.
    #[must_use]
    pub fn identity(&self) -> &Arc<Identity> {
        &self.0
    }

    /// True when it may do this.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.0.scopes.has(scope)
    }

    /// Everything it may do.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        let all = Scope::ALL.into_iter().map(|(_, scope)| scope);
        all.filter(|scope| self.may(*scope))
    }

    /// Insists on a scope.
    ///
    /// # Errors
    /// Naming the scope that is missing.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.may(scope) {
            Ok(())
        } else {
            Err(Problem::scope(scope.as_str()))
        }
    }
}

impl Streams {
    pub(super) fn open(
        &self,
        identity: &Arc<Identity>,
        per_token: usize,
        most: usize,
    ) -> Result<StreamSlot, Problem> {
        identity.take_stream(per_token)?;
        self.take(identity, most)
    }

    /// One whose holder is not known yet.
    pub(super) fn open_owing(
        &self,
        unknown: &Arc<Identity>,
        quota: &Quota,
    ) -> Result<StreamSlot, Problem> {
        if !take(&unknown.streams, quota.owing) {
            let detail = format!("{} streams owe their token", quota.owing);
            return Err(Problem::new(Kind::StreamsExhausted, detail).after(SOON));
        }
        self.take(unknown, quota.streams)
    }

    /// In all, after the holder's own were counted.
    fn take(&self, identity: &Arc<Identity>, most: usize) -> Result<StreamSlot, Problem> {
        if !take(&self.open, most) {
            identity.streams.fetch_sub(1, Ordering::Relaxed);
            let detail = format!("{most} streams are open");
            return Err(Problem::new(Kind::StreamsExhausted, detail).after(SOON));
        }
        Ok(StreamSlot {
            all: Arc::clone(&self.open),
            identity: Arc::clone(identity),
            owing: None,
        })
    }
}

impl StreamSlot {
    pub(super) fn owing(self, seat: Seat) -> Self {
        let mut slot = self;
        slot.owing = Some(seat);
        slot
    }

    /// The same stream under another credential.
    pub(super) fn pass_on(
        &mut self,
        identity: &Arc<Identity>,
        per_token: usize,
    ) -> Result<(), Problem> {
        identity.take_stream(per_token)?;
        let before = std::mem::replace(&mut self.identity, Arc::clone(identity));
        before.streams.fetch_sub(1, Ordering::Relaxed);
        self.owing = None;
        Ok(())
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
        self.identity.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

fn take(count: &AtomicUsize, most: usize) -> bool {
    count
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
            (n < most).then_some(n + 1)
        })
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Arc<Identity> {
        Arc::new(Identity::new(
            "crm".into(),
            [Scope::EventsRead].into_iter().collect(),
            Narrowing::none(),
            None,
        ))
    }

    #[test]
    fn a_second_holds_so_many_requests_and_no_more() {
        let identity = identity();
        let start = Duration::from_secs(100);
        for _ in 0..200 {
            assert_eq!(identity.admit(200, start), Ok(()));
        }
        let wait = identity.admit(200, start).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(6));
        assert_eq!(
            identity.admit(200, start + Duration::from_millis(6)),
            Ok(())
        );
        assert!(
            identity
                .admit(200, start + Duration::from_millis(6))
                .is_err()
        );
    }

    #[test]
    fn room_for_streams_is_given_back() {
        let (streams, identity) = (Streams::default(), identity());
        let first = streams.open(&identity, 2, 3).unwrap();
        let _second = streams.open(&identity, 2, 3).unwrap();
        let refused = streams.open(&identity, 2, 3).unwrap_err();
        assert_eq!(refused.kind(), Kind::TooManyStreams);
        drop(first);
        assert!(streams.open(&identity, 2, 3).is_ok());
    }

    #[test]
    fn a_stream_passed_on_takes_room_of_its_new_holder() {
        let (streams, first, second) = (Streams::default(), identity(), identity());
        let mut slot = streams.open(&first, 1, 2).unwrap();
        let _other = streams.open(&second, 1, 2).unwrap();
        assert!(slot.pass_on(&second, 1).is_err());
        slot.pass_on(&second, 2).unwrap();
        assert_eq!(first.streams.load(Ordering::Relaxed), 0);
        drop(slot);
        assert_eq!(second.streams.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn all_streams_together_are_limited_too() {
        let streams = Streams::default();
        let _first = streams.open(&identity(), 2, 1).unwrap();
        let other = identity();
        for _ in 0..3 {
            let refused = streams.open(&other, 1, 1).unwrap_err();
            assert_eq!(refused.kind(), Kind::StreamsExhausted);
        }
    }
}
