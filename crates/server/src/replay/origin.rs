//! Whose frames a file holds: what its first line says of the source, or a `source.toml` beside it, or the least that
//! makes a source.

use std::{collections::BTreeMap, fmt::Write as _, fs, io, path::Path, sync::Arc};

use adapter::{
    Adapter,
    recording::{self, Encode, Header},
};
use hub::state::SourceSettings;
use model::SourceId;

use super::ReplayError;
use crate::{
    adapters::{self, Entry},
    config::{Config, Outside, Variables},
    gateway,
};

/// The source of a recording.
pub(super) struct Origin {
    pub(super) source: SourceId,
    pub(super) adapter: Arc<dyn Adapter>,
    pub(super) settings: BTreeMap<SourceId, SourceSettings>,
    pub(super) encode: Encode,
}

impl Origin {
    /// `told` is the adapter that the user names: it counts more than what the file says.
    pub(super) fn of(
        path: &Path,
        first: &str,
        told: Option<&'static Entry>,
    ) -> Result<Self, ReplayError> {
        let header = Header::of(first).map_err(|what| ReplayError::Line {
            path: path.to_owned(),
            line: 1,
            what,
        })?;
        let unknown = || ReplayError::Adapter {
            path: path.to_owned(),
        };
        let said = header
            .as_ref()
            .and_then(|header| adapters::find(&header.adapter));
        let entry = told.or(said).ok_or_else(unknown)?;
        // Frames of a recording are bytes; only a case written by hand may have them in a notation.
        let encode = match &header {
            Some(_) => recording::plain(),
            None => (entry.notation)(),
        };
        let text = config(path, header.as_ref(), entry);
        let config = read(path, &text).map_err(|mistakes| ReplayError::Source {
            path: path.to_owned(),
            mistakes,
        })?;
        let (source, adapter, settings) = gateway::only_source(&config).ok_or_else(unknown)?;
        Ok(Self {
            source,
            adapter,
            settings,
            encode,
        })
    }
}

/// A config with this source and nothing else.
fn config(path: &Path, header: Option<&Header>, entry: &Entry) -> String {
    let beside = || {
        let own = path.with_file_name("source.toml");
        let common = path.parent()?.with_file_name("source.toml");
        [own, common]
            .iter()
            .find_map(|path| fs::read_to_string(path).ok())
    };
    let keys = match header {
        Some(header) if header.adapter == entry.name => header.config.clone(),
        Some(_) => entry.bare.to_owned(),
        None => beside().unwrap_or_else(|| entry.bare.to_owned()),
    };
    let name = header.map_or(entry.place, |header| header.source.as_str());
    let mut text = format!("[sources.{name}]\nadapter = {:?}\n{keys}\n", entry.name);
    let mut tenants: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (native, tenant) in header.iter().flat_map(|header| &header.tenants) {
        tenants.entry(tenant).or_default().push(native);
    }
    if !tenants.is_empty() {
        text.push_str("[tenants]\n");
    }
    for (tenant, natives) in tenants {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{tenant:?} = {{ {name} = {natives:?} }}");
    }
    text
}

fn read(path: &Path, text: &str) -> Result<Config, crate::config::Mistakes> {
    let variables = Variables::new();
    let outside = Outside {
        variables: &variables,
        read_file: &|_| Err(io::ErrorKind::NotFound.into()),
    };
    Config::read(path, text, outside, adapters::ALL)
}
