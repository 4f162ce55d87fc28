//! Where an event comes from, and the making of drafts.

use std::sync::Arc;

use model::{
    Basis, Data, EntityId, EventType, Heard, Now, Observation, Origin, OriginKind, Report,
    SourceId, Text, Timestamp,
};
use smallvec::SmallVec;

use super::{Archive, SourceSettings};
use crate::{block::Key, draft::Draft};

/// One call of the state: the present, and where its results go.
pub(super) struct Turn<'a> {
    pub(super) now: Now,
    pub(super) mark: Mark,
    pub(super) archive: &'a mut dyn Archive,
    pub(super) out: &'a mut Vec<Draft>,
}

/// What an event owes to the message that caused it.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) source: SourceId,
    /// By the PBX's clock, when it told.
    pub(super) time: Option<Timestamp>,
    pub(super) recorded: Timestamp,
    /// Canonical.
    pub(super) tenant: Option<Text>,
    pub(super) origin: Arc<Origin>,
    pub(super) mixed: bool,
}

/// What an event is about.
pub(super) struct About<'a> {
    pub(super) kind: EventType,
    pub(super) time: Timestamp,
    pub(super) subject: Text,
    pub(super) partition: Text,
    pub(super) correlation: Option<Text>,
    pub(super) tenant: Option<Text>,
    pub(super) version: u64,
    pub(super) involved: &'a Involved,
}

/// The extensions and queues an entity ever involved, hashed for filters, and whether a party asked not to be shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Involved {
    pub(super) extensions: SmallVec<[Key; 4]>,
    pub(super) queues: SmallVec<[Key; 2]>,
    pub(super) private: bool,
}

impl Mark {
    /// The mark of one observation of a report.
    pub(super) fn of(
        heard: &Heard,
        frame: Option<&Text>,
        report: &Report,
        observation: &Observation,
        settings: &SourceSettings,
        snapshot: Option<OriginKind>,
    ) -> Self {
        let kind = match (observation.basis, snapshot) {
            (Basis::Inferred, _) => OriginKind::Inferred,
            (Basis::Native, Some(kind)) => kind,
            (Basis::Native, None) => OriginKind::Native,
        };
        let origin = Origin {
            kind,
            event: Some(Text::clone(&report.event)),
            mapping: Some(Text::clone(&settings.mapping)),
            precision: report.precision,
            rule: (!observation.rule.is_empty()).then(|| observation.rule.into()),
            frame: frame.cloned(),
            truncated: false,
            payload: settings
                .include_native
                .then(|| report.payload.clone())
                .flatten(),
            payload_base64: settings
                .include_native
                .then(|| report.payload_base64.clone())
                .flatten(),
        };
        Self {
            source: heard.source.clone(),
            time: observation.time,
            recorded: heard.now.wall,
            tenant: observation
                .tenant
                .as_ref()
                .map(|tenant| settings.tenant(tenant)),
            origin: Arc::new(origin),
            mixed: report.mixed_tenants,
        }
    }

    /// The mark of what the gateway concludes or says itself.
    pub(super) fn own(source: &SourceId, now: Now, kind: OriginKind, rule: &'static str) -> Self {
        let rule = (!rule.is_empty()).then(|| rule.into());
        Self {
            source: source.clone(),
            time: None,
            recorded: now.wall,
            tenant: None,
            origin: Arc::new(Origin {
                kind,
                rule,
                ..Origin::default()
            }),
            mixed: false,
        }
    }

    /// The same message, heard at another moment: a message that had to wait is published when the wait is over.
    pub(super) fn recorded_at(mut self, recorded: Timestamp) -> Self {
        self.recorded = recorded;
        self
    }

    /// When it happened, as far as is known.
    pub(super) fn when(&self) -> Timestamp {
        self.time.unwrap_or(self.recorded)
    }

    /// Met in a list of what exists rather than told as news.
    pub(super) fn is_snapshot(&self) -> bool {
        matches!(
            self.origin.kind,
            OriginKind::Snapshot | OriginKind::Reconciled
        )
    }
}

impl Turn<'_> {
    /// Adds an event, and hands it back for what is rare.
    pub(super) fn say(&mut self, about: About<'_>, mut data: Data) -> &mut Draft {
        data.origin = (*self.mark.origin).clone();
        let expires = about
            .kind
            .is_perishable()
            .then(|| self.mark.recorded.after(PERISHABLE));
        self.out.push(Draft {
            kind: about.kind,
            source: Some(self.mark.source.clone()),
            subject: about.subject,
            time: about.time,
            recorded: self.mark.recorded,
            tenant: about.tenant,
            partitionkey: about.partition,
            correlationid: about.correlation,
            version: about.version,
            expires,
            data,
            extensions: about.involved.extensions.clone(),
            queues: about.involved.queues.clone(),
            private: about.involved.private,
            mixed: self.mark.mixed,
            closes: None,
        });
        let last = self.out.len() - 1;
        &mut self.out[last]
    }

    /// Runs `f` under another mark.
    pub(super) fn under<R>(&mut self, mark: Mark, f: impl FnOnce(&mut Self) -> R) -> R {
        let before = std::mem::replace(&mut self.mark, mark);
        let result = f(self);
        self.mark = before;
        result
    }
}

impl Involved {
    pub(super) fn extension(&mut self, key: Key) {
        if !self.extensions.contains(&key) && self.extensions.len() < Self::MAX {
            self.extensions.push(key);
        }
    }

    pub(super) fn queue(&mut self, key: Key) {
        if !self.queues.contains(&key) && self.queues.len() < Self::MAX {
            self.queues.push(key);
        }
    }

    /// Takes over all of another.
    pub(super) fn join(&mut self, other: &Self) {
        for key in &other.extensions {
            self.extension(*key);
        }
        for key in &other.queues {
            self.queue(*key);
        }
        self.private |= other.private;
    }

    /// The most keys of a kind: a call that visited more is found by the first ones only.
    const MAX: usize = 256;
}

/// How long a ringing is worth telling.
const PERISHABLE: std::time::Duration = std::time::Duration::from_secs(60);

/// `<collection>/<id>`.
pub(super) fn subject(collection: &str, id: &EntityId) -> Text {
    format!("{collection}/{id}").into()
}
