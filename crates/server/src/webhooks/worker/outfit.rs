//! What an endpoint's deliveries are made with, out of what is kept of it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use hub::{
    Stopped,
    filter::{Filter, Variant},
};
use model::{Timestamp, source::WebhookState};

use super::Worker;
use crate::webhooks::{Parts, endpoint::Endpoint, secret::Signer};

/// What deliveries are made with.
pub(super) struct Outfit {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) filter: Filter,
    pub(super) variant: Variant,
    pub(super) ordered: bool,
    pub(super) retry_for: Option<Duration>,
    signers: Vec<(Signer, Option<Timestamp>)>,
}

/// Why nothing can be delivered: an endpoint that rests for one of these goes on when it is mended.
const KEY: &str = "its secrets cannot be decrypted: `webhooks.key` is another or missing";
const URL: &str = "its URL cannot be read";
const REFUSED: &str = "its URL is not allowed any more by `[webhooks]`";

impl Outfit {
    /// The error says why nothing can be delivered.
    pub(super) fn of(endpoint: &Endpoint, parts: &Parts) -> Result<Self, &'static str> {
        let uri: Uri = endpoint.url.parse().map_err(|_| URL)?;
        let guard = parts.client.guard();
        if guard.check_url(&uri).is_err() {
            return Err(REFUSED);
        }
        let open = |sealed| parts.vault().open(&endpoint.id, sealed).map_err(|_| KEY);
        let mut signers = Vec::new();
        for kept in &endpoint.secrets {
            signers.push((Signer::parse(&open(&kept.secret)?).ok_or(KEY)?, kept.until));
        }
        let custom: BTreeMap<String, String> =
            serde_json::from_str(&open(&endpoint.headers)?).map_err(|_| KEY)?;
        let mut headers = HeaderMap::new();
        headers.insert(
            header::USER_AGENT,
            HeaderValue::from_static(concat!("switchhook/", env!("CARGO_PKG_VERSION"))),
        );
        for (name, value) in &custom {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::from_str(value))
            {
                headers.insert(name, value);
            }
        }
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/cloudevents+json"),
        );
        let (spec, narrowing) = (endpoint.spec(), endpoint.owner.narrowing());
        Ok(Self {
            uri,
            headers,
            filter: Filter::compile(&spec, &narrowing),
            variant: Variant::of(&spec, &narrowing),
            ordered: endpoint.ordered,
            retry_for: endpoint.retry_for_s.map(Duration::from_secs),
            signers,
        })
    }

    /// Headers for one message at one time.
    pub(super) fn sign(&self, id: &str, now: Timestamp, body: &[u8]) -> HeaderMap {
        let mut headers = self.headers.clone();
        let current = self
            .signers
            .iter()
            .filter(|(_, until)| until.is_none_or(|until| until > now));
        let signatures: Vec<String> = current
            .map(|(signer, _)| signer.sign(id, now, body))
            .collect();
        for (name, value) in [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", now.secs().to_string()),
            ("webhook-signature", signatures.join(" ")),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        headers
    }
}

impl Worker {
    /// Takes over what the endpoint is now. One that cannot be delivered to rests.
    pub(super) async fn dress(&mut self) -> Result<(), Stopped> {
        let endpoint = Arc::clone(&self.seen.borrow_and_update());
        match Outfit::of(&endpoint, &self.parts) {
            Ok(outfit) => {
                if self
                    .outfit
                    .as_ref()
                    .is_some_and(|before| before.uri != outfit.uri)
                {
                    self.shared.lines.close();
                }
                self.outfit = Some(Arc::new(outfit));
                let mended = endpoint.state == WebhookState::Paused
                    && matches!(endpoint.reason.as_deref(), Some(KEY | URL | REFUSED));
                if mended {
                    self.enter(WebhookState::Enabled, "").await?;
                }
                Ok(())
            }
            Err(why) => {
                self.outfit = None;
                if endpoint.is_on() {
                    tracing::error!(webhook = %endpoint.id, why, "a webhook rests");
                    self.enter(WebhookState::Paused, why).await?;
                }
                // Nothing changes until somebody changes it.
                self.seen.mark_unchanged();
                Ok(())
            }
        }
    }
}
