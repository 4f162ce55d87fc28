//! What the config means for each part.

use std::{collections::BTreeMap, error::Error, fs, sync::Arc};

use hub::{fanout, log, state::SourceSettings, tail::TailLimits};
use model::{SourceId, Text};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

use super::{GatewayError, sources::Adapters};
use crate::{
    auth::{self, Quota},
    config::{Auth, Config, Limits, Mode, Sync, Tls},
    http::{self, envelope::Rules, origin::OriginPolicy},
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
                tenants: tenants(config, id),
            },
        );
    }
    settings
}

pub(super) fn fanout(limits: &Limits, first_connection: u64) -> fanout::Options {
    fanout::Options {
        // A browser beyond the limit is adopted too, to be told so.
        streams: count(limits.streams).saturating_add(1_024),
        stream_memory: limits.stream_memory.as_usize(),
        first_connection,
        ..fanout::Options::default()
    }
}

pub(super) fn quota(limits: &Limits) -> Quota {
    Quota {
        requests_per_s: limits.requests_per_s,
        streams_per_token: count(limits.streams_per_token),
        streams: count(limits.streams),
    }
}

pub(super) fn mode(auth: &Auth) -> auth::Mode {
    match auth.mode {
        Mode::None => auth::Mode::None,
        Mode::Tokens => {
            auth::Mode::Tokens(auth.tokens.values().map(auth::StaticToken::from).collect())
        }
    }
}

pub(super) fn rules(config: &Config) -> Rules {
    Rules {
        origins: OriginPolicy::from(&config.server),
        limits: http(&config.limits),
    }
}

pub(super) fn http(limits: &Limits) -> http::Limits {
    http::Limits {
        headers: limits.headers.as_usize(),
        body: limits.body.as_usize(),
        patience: limits.header_time,
        ..http::Limits::default()
    }
}

/// The certificate chain and key, read from their files.
pub(super) fn tls(tls: &Tls) -> Result<TlsAcceptor, Box<dyn Error + Send + std::marker::Sync>> {
    let chain = CertificateDer::pem_file_iter(&tls.cert)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(&tls.key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
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
