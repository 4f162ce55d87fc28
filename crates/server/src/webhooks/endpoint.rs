//! An endpoint: what its creator asked for, what they may see, and how it is doing.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use hub::draft::Draft;
use hub::filter::{FilterSpec, Narrowing, TypeSet};
use model::{
    Data, EventType, Gap, Text, Timestamp,
    source::{Webhook, WebhookState},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{WITHDRAWN, secret::Sealed};
use crate::auth::{Credential, Principal};

/// An endpoint as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its id.
    pub id: Text,
    /// Where deliveries go.
    pub url: String,
    /// The members of a filter, as they were given.
    pub filter: Map<String, Value>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Sent with each delivery; a JSON object of texts.
    pub headers: Sealed,
    /// Whether events of one partition wait for each other.
    pub ordered: bool,
    /// How long an event is tried, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_for_s: Option<u64>,
    /// Who made it.
    pub owner: Owner,
    /// The newest first.
    pub secrets: Vec<Kept>,
    /// How it is doing.
    pub state: WebhookState,
    /// Why it is not delivered to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// In this state since then.
    pub since: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// +1 for each event about it.
    pub version: u64,
    /// Since when every attempt has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
}

/// Who made an endpoint, and what they may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Their name.
    pub name: Text,
    /// They use a token of the config, and the endpoint rests when that is gone.
    pub token: bool,
    /// Their tenants; none limits nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants: Option<Vec<Text>>,
    /// Their sources; none limits nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<Vec<Text>>,
    /// Their types of events; none limits nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<EventType>>,
    /// They may see private parties.
    pub pii: bool,
}

/// A secret as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The secret.
    pub secret: Sealed,
    /// It signs until then; none for the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// How long an old secret signs along.
pub const OVERLAP: Duration = Duration::from_hours(24);

impl Endpoint {
    /// The filter as it was asked for. It was checked when it was given.
    #[must_use]
    pub fn spec(&self) -> FilterSpec {
        let mut spec = FilterSpec::default();
        for (name, value) in &self.filter {
            // What an older version took and this one does not is as if it had not been asked for.
            let _ = spec.set_json(name, value);
        }
        spec
    }

    /// The host of its URL.
    #[must_use]
    pub fn host(&self) -> String {
        let uri: Option<http::Uri> = self.url.parse().ok();
        uri.and_then(|uri| Some(uri.host()?.to_owned()))
            .unwrap_or_default()
    }

    /// Whether deliveries are made.
    #[must_use]
    pub fn is_on(&self) -> bool {
        matches!(self.state, WebhookState::Enabled | WebhookState::Failing)
    }

    /// Enters a state. The event that says so, where there is one.
    pub fn enter(
        &mut self,
        state: WebhookState,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Option<Draft> {
        let before = std::mem::replace(&mut self.state, state);
        self.reason = reason.map(Text::from);
        if before != state {
            self.since = now;
        }
        let kind = match (before, state) {
            (WebhookState::Enabled, WebhookState::Failing) => EventType::WebhookFailing,
            (WebhookState::Failing, WebhookState::Enabled) => EventType::WebhookRecovered,
            (_, WebhookState::Disabled) if before != state => EventType::WebhookDisabled,
            _ => return None,
        };
        Some(self.event(kind, self.reason.clone(), None, now))
    }

    /// Rests when the token of its creator is gone, goes on when it is back. The events that say so, when something
    /// changes. `tokens` are those there are; none where nobody needs one.
    pub fn heed(&mut self, tokens: Option<&BTreeSet<Text>>, now: Timestamp) -> Option<Vec<Draft>> {
        let gone =
            self.owner.token && tokens.is_some_and(|tokens| !tokens.contains(&self.owner.name));
        let rests = self.state == WebhookState::Paused && self.reason.as_deref() == Some(WITHDRAWN);
        let (state, reason) = match (gone, rests) {
            (true, false) if self.state != WebhookState::Disabled => {
                (WebhookState::Paused, Some(WITHDRAWN))
            }
            (false, true) => (WebhookState::Enabled, None),
            _ => return None,
        };
        Some(self.enter(state, reason, now).into_iter().collect())
    }

    /// An event about it, with the next version.
    pub fn event(
        &mut self,
        kind: EventType,
        reason: Option<Text>,
        gap: Option<Gap>,
        now: Timestamp,
    ) -> Draft {
        self.version += 1;
        let webhook = Webhook {
            id: Text::clone(&self.id),
            url_host: self.host().into(),
            state: self.state,
            since: self.since,
        };
        let data = Data {
            webhook: Some(webhook.into()),
            reason,
            gap: gap.map(Box::new),
            ..Data::default()
        };
        Draft::of_gateway(kind, self.subject().into(), self.version, now, data)
    }

    /// The subject of events about it.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("webhooks/{}", self.id)
    }
}

impl Owner {
    /// Whoever asks now.
    #[must_use]
    pub fn of(principal: &Principal) -> Self {
        let narrowing = principal.narrowing();
        Self {
            name: principal.name().into(),
            token: principal.identity().credential() == Credential::Static,
            tenants: narrowing.tenants.clone(),
            sources: narrowing.sources.clone(),
            types: narrowing.types.map(|types| types.iter().collect()),
            pii: narrowing.pii,
        }
    }

    /// What the endpoint may see.
    #[must_use]
    pub fn narrowing(&self) -> Narrowing {
        let types = self.types.as_ref().map(|types| {
            let each = types.iter().map(|kind| TypeSet::matching(kind.as_str()));
            each.fold(TypeSet::NONE, TypeSet::union)
        });
        Narrowing {
            tenants: self.tenants.clone(),
            sources: self.sources.clone(),
            types,
            ..Narrowing::none()
        }
        .with_pii(self.pii)
    }
}

/// Headers that an endpoint may not set, since they are the gateway's.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(
        name.as_str(),
        "host"
            | "connection"
            | "transfer-encoding"
            | "keep-alive"
            | "upgrade"
            | "te"
            | "trailer"
            | "expect"
    ) || name.starts_with("content-")
        || name.starts_with("webhook-")
        || name.starts_with("proxy-")
}

/// Headers as they are sealed: a JSON object.
#[must_use]
pub fn headers_text(headers: &BTreeMap<String, String>) -> String {
    serde_json::to_string(headers).unwrap_or_else(|_| "{}".to_owned())
}

/// When an endpoint's old secrets are over, they are forgotten with the next change.
pub(crate) fn current(secrets: &mut Vec<Kept>, now: Timestamp) {
    secrets.retain(|kept| kept.until.is_none_or(|until| until > now));
}
