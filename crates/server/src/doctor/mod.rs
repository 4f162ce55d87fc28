//! Looks for the reason why a source does not work: name, TCP, TLS, clock, login, permissions, first events. Each step is
//! one finding that says what to mend; what a failed step makes pointless is not tried.
//!
//! The steps up to the login look at the network alone. From there on it is the adapter's own link and translator that
//! are watched, so that what is found is what the gateway would meet.

mod chain;
mod clock;
mod finding;
mod network;
mod visit;

use std::time::Duration;

use adapter::{Adapter, TlsOptions, socket::Place};
use model::Clock;

pub use self::finding::{Certificate, Finding, Status};
use crate::{cli::Exit, config::Source};

/// A source that is to be examined.
pub struct Patient<'a> {
    /// The source.
    pub source: &'a Source,
    /// What speaks to it.
    pub adapter: &'a dyn Adapter,
    /// How long to wait for first events, once logged in.
    pub watch: Duration,
    /// Tells the time.
    pub clock: &'a dyn Clock,
}

impl Patient<'_> {
    /// Examines it. `tell` hears the name of each step when it begins, and each finding.
    pub async fn examine(&self, tell: &mut dyn Tell) {
        tell.begins("dns");
        let places = match self.adapter.places() {
            Ok(places) => places,
            Err(error) => {
                let mend = "correct `url` in the config";
                tell.found(Finding::fail("dns", error.chain(), Exit::Config, mend));
                return;
            }
        };
        let mut reached = None;
        // An adapter that does not say where it connects can only be watched.
        if let Some(place) = places.first() {
            reached = self.network(&places, place, tell).await;
            if reached.is_none() {
                return;
            }
        }
        visit::visit(self, reached.as_ref(), tell).await;
    }

    /// Name, TCP, TLS and clock. The place that answers; none when nothing further makes sense.
    async fn network(&self, places: &[Place], first: &Place, tell: &mut dyn Tell) -> Option<Place> {
        let (named, addresses) = network::resolve(first).await;
        tell.found(named);
        if addresses.is_empty() {
            return None;
        }
        tell.begins("tcp");
        let mut reached = None;
        for place in places {
            let (finding, stream) = network::reach(place, &addresses).await;
            // A further place is only looked for where the first does not answer.
            let more = places.len() > 1 && stream.is_none();
            let last = places.last() == Some(place);
            tell.found(if more && !last {
                finding.softened()
            } else {
                finding
            });
            if let Some(stream) = stream {
                reached = Some((place.clone(), stream));
                break;
            }
        }
        let (place, stream) = reached?;
        if place.tls {
            tell.begins("tls");
            let finding = chain::look(&place, &self.tls(), stream, self.clock.now().wall).await;
            let failed = finding.status == Status::Fail;
            tell.found(finding);
            if failed {
                return None;
            }
        }
        tell.begins("clock");
        tell.found(clock::ask(&place, &self.tls(), self.clock).await);
        Some(place)
    }

    fn tls(&self) -> TlsOptions {
        TlsOptions {
            ca_file: self.source.ca_file.clone(),
            insecure: self.source.insecure_tls,
        }
    }
}

/// Hears how an examination goes on.
pub trait Tell: Send {
    /// A step begins, which may take a while.
    fn begins(&mut self, step: &'static str);

    /// A step is done. Some steps have several findings.
    fn found(&mut self, finding: Finding);
}
