//! The end of a token while a stream uses it: told in time, then kept.

use std::{collections::VecDeque, future::pending};

use hub::stream::Closing;
use model::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::Surface;
use crate::auth::{Ended, Identity};

/// The timers of one token.
pub(super) struct Expiry(VecDeque<(Instant, Stage)>);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The token ends soon, at this time.
    Expiring(Timestamp),
    /// The token has ended.
    Over,
}

impl Expiry {
    /// The timers of an identity; none when it does not end by itself.
    pub(super) fn of(surface: &Surface, identity: &Identity) -> Self {
        let wall = surface.clock.now().wall;
        let Some(at) = identity.expires(wall) else {
            return Self(VecDeque::new());
        };
        let left = std::time::Duration::from_millis(at.millis_since(wall));
        let now = Instant::now();
        let notice = left.saturating_sub(surface.pace.notice);
        Self(VecDeque::from([
            (now + notice, Stage::Expiring(at)),
            (now + left, Stage::Over),
        ]))
    }

    /// Completes when something is due; never when nothing will be. Safe to cancel.
    pub(super) async fn next(&mut self) -> Stage {
        let Some((when, stage)) = self.0.front().copied() else {
            return pending().await;
        };
        sleep_until(when).await;
        self.0.pop_front();
        stage
    }

    /// True when nothing will ever be due.
    pub(super) fn is_never(&self) -> bool {
        self.0.is_empty()
    }
}

/// How a stream closes whose token has ended by itself.
pub(super) fn over() -> Closing {
    Closing::new(4502, "the token has ended")
}

/// How a stream closes whose identity was ended by a reload.
pub(super) fn ended(identity: &Identity) -> Closing {
    match identity.ended() {
        Some(Ended::Changed) => Closing::new(4502, "the token has other rights now"),
        Some(Ended::Withdrawn) | None => Closing::new(4401, "the token was withdrawn"),
    }
}
