//! The life of the connection as facts.

use model::{Fact, Observation, Report, Text, observation::SourceFact};

use crate::LinkErrorKind;

pub(super) fn ending(kind: LinkErrorKind, reason: Text) -> SourceFact {
    match kind {
        LinkErrorKind::AuthRejected => SourceFact::AuthFailed { reason },
        LinkErrorKind::LimitReached => SourceFact::LimitReached { reason },
        LinkErrorKind::Replaced => SourceFact::Replaced { reason },
        LinkErrorKind::Unreachable | LinkErrorKind::Protocol | LinkErrorKind::Transient => {
            SourceFact::Disconnected { reason }
        }
    }
}

/// Whether the snapshot is complete.
pub(super) fn is_synced(reports: &[Report]) -> bool {
    let mut told = reports.iter().flat_map(|report| &report.observations);
    told.any(|told| told.fact == Fact::Source(SourceFact::Synced))
}

pub(super) fn report(fact: SourceFact) -> Report {
    let rule = match fact {
        SourceFact::Connecting => "link.connecting",
        SourceFact::Connected { .. } => "link.connected",
        SourceFact::Synced => "link.synced",
        SourceFact::Degraded { .. } => "link.degraded",
        SourceFact::Disconnected { .. } => "link.disconnected",
        SourceFact::AuthFailed { .. } => "link.auth_failed",
        SourceFact::LimitReached { .. } => "link.limit_reached",
        SourceFact::Replaced { .. } => "link.replaced",
    };
    let mut report = Report::new("link");
    report
        .observations
        .push(Observation::native(rule, Fact::Source(fact)));
    report
}
