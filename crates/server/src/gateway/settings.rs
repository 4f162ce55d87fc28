//! What the config means for each part.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
};

use adapter::{Adapter, Capabilities, Support};
use hub::{fanout, log, state::SourceSettings, tail::TailLimits};
use model::{Collection, EventType, SourceId, Text};
use telemetry::Tracer;

use super::{GatewayError, sources::Adapters};
use crate::{
    adapters,
    auth::{self, Quota},
    config::{Auth, Config, Limits, Mode, Sync},
    http::{self, envelope::Rules, forwarded::TrustedProxies, origin::OriginPolicy},
    otlp::{self, Exporter},
    trust::{self, TrustError},
    webhooks::{
        self,
        client::{Client, PATIENCE},
        guard::Guard,
        secret::Vault,
    },
};

pub(super) fn hub(
    config: &Config,
    adapters: &Adapters,
    random: [u8; 8],
) -> Result<hub::Options, GatewayError> {
    let path = &config.log.path;
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder).map_err(|source| GatewayError::Folder {
            path: folder.to_owned(),
            source,
        })?;
    }
    let mut log = log::Options::new(path);
    log.sync = match config.log.sync {
        Sync::Normal => log::SyncMode::Normal,
        Sync::Full => log::SyncMode::Full,
    };
    log.retention = log::Retention {
        age: config.log.retention.age,
        bytes: config.log.retention.bytes.bytes(),
    };
    log.frames = config.log.frames.bytes();
    Ok(hub::Options {
        log,
        tail: TailLimits::default(),
        sources: sources(config, adapters),
        random,
    })
}

pub(super) fn sources(config: &Config, adapters: &Adapters) -> BTreeMap<SourceId, SourceSettings> {
    let mut settings = BTreeMap::new();
    for (id, source) in &config.sources {
        let Some(adapter) = adapters.get(id) else {
            continue;
        };
        let descriptor = adapter.descriptor();
        settings.insert(
            id.clone(),
            SourceSettings {
                adapter: descriptor.adapter.into(),
                mapping: descriptor.mapping.into(),
                call_grace: descriptor.call_grace,
                max_call_age: source.max_call_age,
                max_open_calls: count(config.limits.open_calls_per_source),
                include_native: source.include_native,
                tells: tells(&descriptor.capabilities),
                tenant: descriptor.tenant.clone(),
                tenants: tenants(config, id),
            },
        );
    }
    settings
}

/// What the state is told about each source.
pub(crate) type Settings = BTreeMap<SourceId, SourceSettings>;

/// The only source of a config: its adapter, and what the state is told about it.
pub(crate) fn only_source(config: &Config) -> Option<(SourceId, Arc<dyn Adapter>, Settings)> {
    let (id, source) = config.sources.first_key_value()?;
    let adapter: Arc<dyn Adapter> = adapters::build(source)?.into();
    let known = Adapters::from([(id.clone(), Arc::clone(&adapter))]);
    Some((id.clone(), adapter, sources(config, &known)))
}

pub(super) fn fanout(limits: &Limits, first_connection: u64) -> fanout::Options {
    let (streams, stream_memory) = carried(limits);
    fanout::Options {
        streams,
        stream_memory,
        first_connection,
        ..fanout::Options::default()
    }
}

/// How many streams the fan-out carries, and the bytes that may wait for their readers.
pub(super) fn carried(limits: &Limits) -> (usize, usize) {
    // A browser beyond the limit is adopted too, to be told so.
    let streams = count(limits.streams).saturating_add(1_024);
    (streams, limits.stream_memory.as_usize())
}

pub(super) fn quota(limits: &Limits) -> Quota {
    Quota {
        requests_per_s: limits.requests_per_s,
        streams_per_token: count(limits.streams_per_token),
        streams: count(limits.streams),
        owing: count(limits.streams_without_token),
    }
}

pub(super) fn policy(auth: &Auth) -> auth::Policy {
    match auth.mode {
        Mode::None => auth::Policy::None,
        Mode::Tokens => {
            let tokens = auth.tokens.values().map(auth::StaticToken::from).collect();
            let jwt = auth.jwt.clone().map(Box::new);
            auth::Policy::Tokens { tokens, jwt }
        }
    }
}

pub(super) fn webhooks(config: &Config) -> webhooks::Settings {
    let tokens = config.auth.tokens.keys();
    webhooks::Settings {
        guard: guard(config),
        vault: Vault::new(config.webhooks.key.as_ref()),
        tls: trust::connector(config.webhooks.ca_file.as_deref())
            .inspect_err(|error| {
                tracing::error!(
                    error = error as &dyn std::error::Error,
                    "the certificates of [webhooks] ca_file stay as they were"
                );
            })
            .ok(),
        most: count(config.limits.webhooks),
        tokens: match config.auth.mode {
            Mode::None => None,
            Mode::Tokens => Some(tokens.map(|name| name.as_str().into()).collect()),
        },
    }
}

/// What follows frames, and what sends the traces, where that is configured.
pub(super) fn tracing(
    config: &Config,
    seed: u64,
) -> Result<(Tracer, Option<Exporter>), GatewayError> {
    let telemetry = &config.telemetry;
    let Some(uri) = telemetry
        .otlp
        .as_ref()
        .and_then(|url| otlp::traces(url.uri()))
    else {
        return Ok((Tracer::off(), None));
    };
    let share = f64::from(telemetry.sample_percent) / 100.0;
    let (tracer, spans) = Tracer::new(seed, share, otlp::ROOM);
    // The collector is the operator's choice, wherever it is.
    let everywhere = ["0.0.0.0/0", "::/0"].map(str::parse);
    let guard = Guard {
        allow_networks: everywhere.into_iter().filter_map(Result::ok).collect(),
        allow_http: true,
    };
    let exporter = Exporter {
        tracer: tracer.clone(),
        spans,
        client: Client::new(
            guard,
            trust::connector(None).map_err(GatewayError::Trust)?,
            PATIENCE,
        ),
        uri,
    };
    Ok((tracer, Some(exporter)))
}

/// What sends deliveries.
pub(super) fn webhook_client(config: &Config) -> Result<Client, TrustError> {
    let tls = trust::connector(config.webhooks.ca_file.as_deref())?;
    Ok(Client::new(guard(config), tls, PATIENCE))
}

fn guard(config: &Config) -> Guard {
    Guard {
        allow_networks: config.webhooks.allow_networks.clone(),
        allow_http: config.webhooks.allow_http,
    }
}

pub(super) fn rules(config: &Config) -> Rules {
    Rules {
        origins: OriginPolicy::from(&config.server),
        limits: http(&config.limits),
        proxies: TrustedProxies(config.server.trusted_proxies.clone()),
    }
}

fn http(limits: &Limits) -> http::Limits {
    http::Limits {
        headers: limits.headers.as_usize(),
        body: limits.body.as_usize(),
        patience: limits.header_time,
        connections_per_address: count(limits.connections_per_address),
        ..http::Limits::default()
    }
}

/// The collections of whatever the PBX itself can tell.
fn tells(capabilities: &Capabilities) -> BTreeSet<Collection> {
    let told = EventType::ALL
        .iter()
        .filter(|kind| capabilities.of(**kind) != Support::Never);
    told.map(|kind| kind.collection())
        .filter(|collection| *collection != Collection::Sources)
        .collect()
}

/// Native tenant ids of one source, each with its configured name.
fn tenants(config: &Config, source: &SourceId) -> BTreeMap<Text, Text> {
    let pairs = config.tenants.of(source).into_iter().flatten();
    pairs
        .map(|(native, name)| (native.as_str().into(), Text::clone(name)))
        .collect()
}

fn count(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
