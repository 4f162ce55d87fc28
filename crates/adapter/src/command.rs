//! Commands to a PBX: what a source offers, what a translator is asked to do, and why it may refuse.

use std::{fmt, sync::Arc, time::Duration};

use model::{Call, Fact, Observation, Report, Text, observation::CommandOutcome};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// A kind of command that a source takes.
#[derive(Clone)]
pub struct CommandSpec {
    /// Its name, as clients write it in `type`: `hangup`.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub title: &'static str,
    /// What it is done to.
    pub target: Target,
    /// How long the PBX may take; after that the outcome is unknown. The hub keeps the time, not the translator.
    pub patience: Duration,
    schema: fn(&str, &str) -> Value,
    check: fn(&Value) -> Result<(), BadParams>,
}

/// What a command is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nothing that is there already: `dial`, `request`.
    None,
    /// A call that is open.
    Call,
}

/// A command on its way to the PBX. It is in the log already, and it is handed over once.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its id, for [`model::Fact::Command`].
    pub id: Text,
    /// Which of the offered kinds.
    pub kind: &'static str,
    /// The call, as it was when the command was accepted; present exactly when the kind wants one.
    pub target: Option<Arc<Call>>,
    /// The parameters, which fit the kind.
    pub params: Value,
}

/// Why a translator does not do what it is asked. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A word for programs: `no_such_leg`, `not_supported`.
    pub reason: Text,
    /// A sentence for people.
    pub detail: Text,
}

/// Why parameters do not fit a kind of command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadParams {
    /// Where, as a JSON pointer below the parameters; empty for the whole.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

/// The parameters of `dial`, which is spelt alike by every source that offers it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dial {
    /// The extension whose phone rings first, by number.
    pub from: String,
    /// The number that is called when it is picked up.
    pub to: String,
}

impl CommandSpec {
    /// A kind of command whose parameters are a `P`, which should deny unknown fields.
    #[must_use]
    pub fn new<P: DeserializeOwned + JsonSchema>(
        name: &'static str,
        title: &'static str,
        target: Target,
        patience: Duration,
    ) -> Self {
        Self {
            name,
            title,
            target,
            patience,
            schema: schema::<P>,
            check: |params| read::<P>(params).map(|_| ()),
        }
    }

    /// The JSON Schema of the parameters, for one adapter.
    #[must_use]
    pub fn schema(&self, adapter: &str) -> Value {
        let mut schema = (self.schema)(adapter, self.name);
        schema["title"] = json!(format!("{} of {adapter}", self.name));
        schema["description"] = json!(format!(
            "`params` of the command `{}`: {}",
            self.name, self.title
        ));
        schema
    }

    /// Whether parameters fit.
    ///
    /// # Errors
    /// When they do not, with the place.
    pub fn check(&self, params: &Value) -> Result<(), BadParams> {
        (self.check)(params)
    }
}

impl Order {
    /// The parameters as the type that the kind was made with.
    ///
    /// # Errors
    /// When they do not fit. They were checked, so only a kind made with another type can do that.
    pub fn params<P: DeserializeOwned>(&self) -> Result<P, Refusal> {
        read(&self.params).map_err(|bad| Refusal::new("bad_params", &bad.detail))
    }
}

impl Refusal {
    /// A refusal with a word and a sentence.
    #[must_use]
    pub fn new(reason: &str, detail: &str) -> Self {
        Self {
            reason: reason.into(),
            detail: detail.into(),
        }
    }

    /// The source does not do such things.
    #[must_use]
    pub fn not_supported() -> Self {
        Self::new("not_supported", "the source takes no such command")
    }

    /// The refusal as what became of a command.
    #[must_use]
    pub fn report(self, command: &Text) -> Report {
        let fact = Fact::Command {
            id: Text::clone(command),
            outcome: CommandOutcome::Failed {
                reason: self.reason,
                detail: Some(self.detail),
            },
        };
        let mut report = Report::new("command");
        report
            .observations
            .push(Observation::inferred("command.refused", fact));
        report
    }

    /// There is no connection to the PBX.
    #[must_use]
    pub fn not_connected() -> Self {
        Self::new("not_connected", "the source is not connected to its PBX")
    }
}

impl fmt::Debug for CommandSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandSpec")
            .field("name", &self.name)
            .field("target", &self.target)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

fn schema<P: JsonSchema>(adapter: &str, name: &str) -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<P>().to_value();
    schema["$id"] = json!(format!("urn:switchhook:schema:v1:command:{adapter}:{name}"));
    schema
}

/// Absent parameters are an empty object.
fn read<P: DeserializeOwned>(params: &Value) -> Result<P, BadParams> {
    let empty = Value::Object(Map::new());
    let params = if params.is_null() { &empty } else { params };
    serde_path_to_error::deserialize(params).map_err(|error| BadParams {
        pointer: pointer(error.path()),
        detail: error.into_inner().to_string(),
    })
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let segment = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    let segments = path.iter().filter_map(segment);
    segments
        .flat_map(|segment| ["/".to_owned(), segment])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dial() -> CommandSpec {
        let patience = Duration::from_secs(30);
        CommandSpec::new::<Dial>("dial", "Calls somebody.", Target::None, patience)
    }

    #[test]
    fn parameters_are_checked_and_the_place_is_told() {
        assert_eq!(dial().check(&json!({"from": "101", "to": "102"})), Ok(()));
        let wrong = |params| dial().check(&params).unwrap_err();
        let bad = wrong(json!({"from": "101", "to": 102}));
        assert_eq!(bad.pointer, "/to");
        assert!(bad.detail.contains("expected a string"), "{}", bad.detail);
        assert!(wrong(Value::Null).detail.contains("missing field `from`"));
        let unknown = wrong(json!({"from": "101", "to": "102", "a/b": 1}));
        assert!(
            unknown.detail.contains("unknown field `a/b`"),
            "{}",
            unknown.detail
        );
    }

    #[test]
    fn the_schema_says_the_same_as_the_check() {
        let schema = dial().schema("toy");
        assert_eq!(schema["$id"], "urn:switchhook:schema:v1:command:toy:dial");
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["required"], json!(["from", "to"]));
    }
}
