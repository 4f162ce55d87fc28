//! How an endpoint is doing as a whole, and when that is said.

use std::time::Duration;

use hub::Stopped;
use model::{EventType, Text, source::WebhookState};

use super::Worker;

/// How many attempts have to fail, one after another, before the endpoint counts as failing.
pub(super) const FAILING: u32 = 3;
/// How long an endpoint may fail.
const GIVE_UP: Duration = Duration::from_hours(24);

impl Worker {
    /// Says what has to be said about the endpoint as a whole.
    pub(super) async fn look_after(&mut self) -> Result<(), Stopped> {
        let now = self.now();
        let state = self.shared.endpoint.borrow().state;
        if !matches!(state, WebhookState::Enabled | WebhookState::Failing) {
            return Ok(());
        }
        let (failures, since) = self.failures;
        if self.tried && since.is_some_and(|since| since.after(GIVE_UP) <= now) {
            return self
                .enter(WebhookState::Disabled, "no delivery succeeded for 24 hours")
                .await;
        }
        let (waiting, most) = (self.queue.saved(), self.parts.room.waiting);
        if !self.full && waiting >= most {
            self.full = true;
            let reason = format!("{waiting} events wait, the most there may be: reading stops");
            return self.enter(WebhookState::Failing, &reason).await;
        }
        // It is not said again for each event that comes and goes.
        self.full &= waiting > most - most / 10;
        match state {
            WebhookState::Enabled if failures >= FAILING => {
                self.enter(WebhookState::Failing, "deliveries fail").await
            }
            WebhookState::Failing if failures == 0 && !self.full => {
                self.enter(WebhookState::Enabled, "").await
            }
            _ => Ok(()),
        }
    }

    /// Enters a state, and says so; one that is failing already and fails for another reason says that.
    pub(super) async fn enter(&mut self, state: WebhookState, reason: &str) -> Result<(), Stopped> {
        let (now, since) = (self.now(), self.failures.1);
        let reason = (!reason.is_empty()).then_some(reason);
        self.shared
            .update(&self.parts, |endpoint| {
                endpoint.failing_since = since;
                let again = endpoint.state == state && state == WebhookState::Failing;
                let entered = endpoint.enter(state, reason, now);
                let said = entered.or_else(|| {
                    again.then(|| {
                        let reason = reason.map(Text::from);
                        endpoint.event(EventType::WebhookFailing, reason, None, now)
                    })
                });
                said.into_iter().collect()
            })
            .await
    }
}
