//! `switchhook schema`: JSON Schemas of what is published.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::{Exit, Failure, print};
use crate::{adapters, config::Config};

/// Print the JSON Schema of what is published.
///
/// The schemas are draft 2020-12.
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// Of what.
    #[arg(default_value = "events")]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// An object with the schema of the envelope (`event`), and that of `data` for each entity.
    Events,
    /// The schema of switchhook.toml, for editors.
    Config,
}

impl Schema {
    pub(super) fn run(self) -> Result<(), Failure> {
        let schema = match self.of {
            Of::Events => events(),
            Of::Config => Config::schema(adapters::ALL),
        };
        let text = serde_json::to_string_pretty(&schema).map_err(|error| {
            Failure::new(Exit::Internal, format!("cannot write the schema: {error}"))
        })?;
        print(&format!("{text}\n"))
    }
}

fn events() -> Value {
    let schemas = model::schema::all().into_iter();
    let named = schemas.map(|(name, schema)| (name.to_owned(), schema));
    Value::Object(named.collect::<Map<_, _>>())
}
