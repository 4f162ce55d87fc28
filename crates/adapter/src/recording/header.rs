//! What a recording says of itself, on its first line.

use std::collections::BTreeMap;

use model::SourceId;
use serde::{Deserialize, Serialize};

/// The format that is written. What reads it refuses another.
pub const FORMAT: u32 = 1;

/// The first line of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub recording: u32,
    /// The adapter, as in the config: `portsip`.
    pub adapter: String,
    /// The source's configured name.
    pub source: SourceId,
    /// The keys of the source as TOML, without secrets: what a case has in `source.toml`.
    pub config: String,
    /// Names of tenants, by the PBX's id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<String, String>,
}

impl Header {
    /// The header on a line; none when the line is none.
    ///
    /// # Errors
    /// When it is one that cannot be read, or of another format.
    pub fn of(line: &str) -> Result<Option<Self>, String> {
        if !line.contains("\"recording\"") {
            return Ok(None);
        }
        let header: Self = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if header.recording != FORMAT {
            let found = header.recording;
            return Err(format!(
                "a recording of format {found}: this program reads format {FORMAT}"
            ));
        }
        Ok(Some(header))
    }
}
