//! `switchhook schema`: what is published, for programs.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::{Exit, Failure, print};
use crate::{adapters, config::Config, describe};

/// Print the schemas of what is published, or the API documents.
///
/// JSON Schemas are draft 2020-12.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchhook schema events | jq .call
  switchhook schema config > switchhook.schema.json      for editors that check TOML
  switchhook schema openapi > openapi.json")]
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
    /// OpenAPI 3.1: all requests.
    Openapi,
    /// AsyncAPI 3.0: the streams.
    Asyncapi,
}

impl Schema {
    pub(super) fn run(self) -> Result<(), Failure> {
        let schema = match self.of {
            Of::Events => events(),
            Of::Config => Config::schema(adapters::ALL),
            Of::Openapi => describe::openapi(),
            Of::Asyncapi => describe::asyncapi(),
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
