//! What changes when one config follows another while the gateway runs.

use std::collections::{BTreeMap, BTreeSet};

use model::SourceId;

use super::Config;

/// What changes. Sources, tokens, tenants, limits, origins, proxies, TLS and webhooks' settings change in a running gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Sources to start.
    pub sources_added: BTreeSet<SourceId>,
    /// Sources to stop.
    pub sources_removed: BTreeSet<SourceId>,
    /// Sources to stop and to start anew.
    pub sources_changed: BTreeSet<SourceId>,
    /// Names of tokens that are new.
    pub tokens_added: BTreeSet<String>,
    /// Names of tokens that are withdrawn.
    pub tokens_removed: BTreeSet<String>,
    /// Names of tokens with another digest or other rights.
    pub tokens_changed: BTreeSet<String>,
    /// Whether the identity provider is another.
    pub jwt: bool,
    /// Whether tenants are named otherwise.
    pub tenants: bool,
    /// Whether limits are others.
    pub limits: bool,
    /// Whether other pages may ask, other proxies are believed, or the gateway is reached elsewhere.
    pub door: bool,
    /// Whether the certificate's files are others.
    pub tls: bool,
    /// Whether webhooks' settings are others.
    pub webhooks: bool,
    /// Keys whose new value waits for the next start.
    pub restart: Vec<&'static str>,
}

/// What changes from one config to the next.
#[must_use]
pub fn diff(old: &Config, new: &Config) -> Changes {
    let (sources_added, sources_removed, sources_changed) = compare(&old.sources, &new.sources);
    let (tokens_added, tokens_removed, tokens_changed) =
        compare(&old.auth.tokens, &new.auth.tokens);
    let (was, is) = (&old.server, &new.server);
    let fixed = [
        ("server.listen", was.listen != is.listen),
        ("server.tls", was.tls.is_some() != is.tls.is_some()),
        ("log", old.log != new.log),
        ("telemetry", old.telemetry != new.telemetry),
    ];
    Changes {
        sources_added,
        sources_removed,
        sources_changed,
        tokens_added,
        tokens_removed,
        tokens_changed,
        jwt: old.auth.jwt != new.auth.jwt,
        tenants: old.tenants != new.tenants,
        limits: old.limits != new.limits,
        door: was.allowed_origins != is.allowed_origins
            || was.public_url != is.public_url
            || was.trusted_proxies != is.trusted_proxies,
        tls: was.tls != is.tls,
        webhooks: old.webhooks != new.webhooks,
        restart: fixed
            .iter()
            .filter(|(_, changed)| *changed)
            .map(|(key, _)| *key)
            .collect(),
    }
}

impl Changes {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The keys that were added, removed, and changed.
fn compare<K: Ord + Clone, V: PartialEq>(
    old: &BTreeMap<K, V>,
    new: &BTreeMap<K, V>,
) -> (BTreeSet<K>, BTreeSet<K>, BTreeSet<K>) {
    let missing = |here: &BTreeMap<K, V>, there: &BTreeMap<K, V>| {
        let only = here.keys().filter(|key| !there.contains_key(key));
        only.cloned().collect()
    };
    let changed = new
        .iter()
        .filter(|(key, value)| old.get(key).is_some_and(|was| was != *value));
    let changed = changed.map(|(key, _)| key.clone()).collect();
    (missing(new, old), missing(old, new), changed)
}
