//! Filters: what a subscriber wishes, what its token allows, and the two compiled into one test over block indexes.

mod block;
mod compiled;
#[cfg(test)]
pub(crate) mod fixture;
mod index;
mod mask;
mod types;
mod variant;

use model::Text;
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

pub use self::{
    compiled::{Filter, Narrowing},
    index::FilterIndex,
    mask::mask_entity,
    types::{Profile, TypeSet},
    variant::{Rendered, Variant},
};

/// What a subscriber wishes to see, as it said it. A list that is absent lets everything pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FilterSpec {
    /// Globs over types; together with `profile` their union. Each matches at least one type of the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<Text>>,
    /// A named selection of types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Source ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sources: Option<Vec<Text>>,
    /// Tenants by their canonical name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants: Option<Vec<Text>>,
    /// Extensions by number, canonical id or native id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Vec<Text>>,
    /// Queues by number, canonical id or native id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queues: Option<Vec<Text>>,
    /// Subjects, whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subjects: Option<Vec<Text>>,
    /// With `data.origin.payload`.
    pub payload: bool,
}

/// Why a parameter is no filter.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{parameter}` {problem}")]
pub struct FilterError {
    /// The query parameter, or member of the command.
    pub parameter: &'static str,
    /// What is wrong with its value.
    pub problem: FilterProblem,
}

/// What is wrong with the value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FilterProblem {
    /// A glob or type without a match.
    #[error("matches no event type: {0}")]
    NoSuchType(String),
    /// Not the name of a profile.
    #[error("is not one of crm, wallboard, all: {0}")]
    NoSuchProfile(String),
    /// An empty list, or a list with an empty item.
    #[error("has an empty item")]
    Empty,
    /// More items than [`FilterSpec::MAX_ITEMS`].
    #[error("has more than {} items", FilterSpec::MAX_ITEMS)]
    TooMany,
    /// An item longer than [`FilterSpec::MAX_ITEM`].
    #[error("has an item longer than {} bytes", FilterSpec::MAX_ITEM)]
    TooLong,
    /// Neither `true` nor `false`.
    #[error("is neither true nor false")]
    NotBoolean,
    /// Neither a text nor a list of texts.
    #[error("is neither a text nor a list of texts")]
    NotText,
    /// Said before in the same request.
    #[error("is given twice")]
    Twice,
}

impl Default for FilterSpec {
    fn default() -> Self {
        Self {
            types: None,
            profile: None,
            sources: None,
            tenants: None,
            extensions: None,
            queues: None,
            subjects: None,
            payload: true,
        }
    }
}

impl FilterSpec {
    /// The most items of a list.
    pub const MAX_ITEMS: usize = 1_000;
    /// The most bytes of an item.
    pub const MAX_ITEM: usize = 256;

    /// Takes one query parameter; `false` when it is not one of a filter's.
    ///
    /// # Errors
    /// When the value is not what the parameter takes.
    pub fn set(&mut self, parameter: &str, value: &str) -> Result<bool, FilterError> {
        let Some(parameter) = Parameter::parse(parameter) else {
            return Ok(false);
        };
        self.take(parameter, value.split(','))
            .map_err(|problem| parameter.error(problem))?;
        Ok(true)
    }

    /// Takes one member of a JSON object, where a list may also be an array; `false` when it is not one of a filter's.
    ///
    /// # Errors
    /// When the value is not what the parameter takes.
    pub fn set_json(&mut self, member: &str, value: &Value) -> Result<bool, FilterError> {
        let Some(parameter) = Parameter::parse(member) else {
            return Ok(false);
        };
        let taken = match value {
            Value::String(text) => self.take(parameter, text.split(',')),
            Value::Bool(flag) if parameter == Parameter::Payload => {
                self.payload = *flag;
                Ok(())
            }
            Value::Array(items) => items
                .iter()
                .map(|item| item.as_str().ok_or(FilterProblem::NotText))
                .collect::<Result<Vec<_>, _>>()
                .and_then(|items| self.take(parameter, items.into_iter())),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                Err(FilterProblem::NotText)
            }
        };
        taken.map_err(|problem| parameter.error(problem))?;
        Ok(true)
    }

    /// The types it names: those of which everything passes, and those of which reconstructed ringings do not.
    pub(super) fn type_sets(&self) -> (TypeSet, TypeSet) {
        let (mut whole, mut fresh) = (TypeSet::NONE, TypeSet::NONE);
        for glob in self.types.iter().flatten() {
            whole = whole.union(TypeSet::matching(glob));
        }
        match self.profile {
            Some(profile) if profile.skips_reconstructed() => fresh = profile.types(),
            Some(profile) => whole = whole.union(profile.types()),
            None if self.types.is_none() => whole = TypeSet::all(),
            None => {}
        }
        (whole, fresh.without(whole))
    }

    fn take<'a>(
        &mut self,
        parameter: Parameter,
        mut items: impl Iterator<Item = &'a str>,
    ) -> Result<(), FilterProblem> {
        let list = match parameter {
            Parameter::Types => &mut self.types,
            Parameter::Sources => &mut self.sources,
            Parameter::Tenants => &mut self.tenants,
            Parameter::Extensions => &mut self.extensions,
            Parameter::Queues => &mut self.queues,
            Parameter::Subjects => &mut self.subjects,
            Parameter::Profile => {
                let name = single(items).unwrap_or_default();
                let unknown = || FilterProblem::NoSuchProfile(name.chars().take(64).collect());
                let profile = Profile::parse(name).ok_or_else(unknown)?;
                return match self.profile.replace(profile) {
                    None => Ok(()),
                    Some(_) => Err(FilterProblem::Twice),
                };
            }
            Parameter::Payload => {
                self.payload = match single(items) {
                    Some("true") => true,
                    Some("false") => false,
                    _ => return Err(FilterProblem::NotBoolean),
                };
                return Ok(());
            }
        };
        if list.is_some() {
            return Err(FilterProblem::Twice);
        }
        let mut texts: Vec<Text> = Vec::new();
        items.try_for_each(|item| {
            let item = item.trim();
            if item.is_empty() {
                return Err(FilterProblem::Empty);
            }
            if item.len() > Self::MAX_ITEM {
                return Err(FilterProblem::TooLong);
            }
            if texts.len() == Self::MAX_ITEMS {
                return Err(FilterProblem::TooMany);
            }
            if parameter == Parameter::Types && TypeSet::matching(item).is_empty() {
                return Err(FilterProblem::NoSuchType(item.chars().take(64).collect()));
            }
            texts.push(item.into());
            Ok(())
        })?;
        if texts.is_empty() {
            return Err(FilterProblem::Empty);
        }
        *list = Some(texts);
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Parameter {
    Types,
    Profile,
    Sources,
    Tenants,
    Extensions,
    Queues,
    Subjects,
    Payload,
}

impl Parameter {
    const ALL: [Self; 8] = [
        Self::Types,
        Self::Profile,
        Self::Sources,
        Self::Tenants,
        Self::Extensions,
        Self::Queues,
        Self::Subjects,
        Self::Payload,
    ];

    fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|parameter| parameter.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Types => "types",
            Self::Profile => "profile",
            Self::Sources => "sources",
            Self::Tenants => "tenants",
            Self::Extensions => "extensions",
            Self::Queues => "queues",
            Self::Subjects => "subjects",
            Self::Payload => "payload",
        }
    }

    const fn error(self, problem: FilterProblem) -> FilterError {
        FilterError {
            parameter: self.name(),
            problem,
        }
    }
}

fn single<'a>(mut items: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = items.next();
    if items.next().is_some() { None } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(parameter: &str, value: &str) -> FilterProblem {
        let error = FilterSpec::default().set(parameter, value).unwrap_err();
        assert_eq!(error.parameter, parameter);
        error.problem
    }

    #[test]
    fn parameters_are_read_as_comma_lists() {
        let mut spec = FilterSpec::default();
        assert_eq!(spec.set("types", "call.*, leg.ended"), Ok(true));
        assert_eq!(spec.set("extensions", "101,hq:883"), Ok(true));
        assert_eq!(spec.set("payload", "false"), Ok(true));
        assert_eq!(spec.set("after", "latest"), Ok(false));
        assert_eq!(spec.types, Some(vec!["call.*".into(), "leg.ended".into()]));
        assert!(!spec.payload);
    }

    #[test]
    fn members_may_also_be_arrays_and_booleans() {
        let mut spec = FilterSpec::default();
        let lists = serde_json::json!(["8001", "8002"]);
        assert_eq!(spec.set_json("queues", &lists), Ok(true));
        assert_eq!(spec.set_json("payload", &Value::Bool(false)), Ok(true));
        assert_eq!(spec.set_json("profile", &"crm".into()), Ok(true));
        assert_eq!(spec.queues, Some(vec!["8001".into(), "8002".into()]));
        assert_eq!(
            spec.set_json("sources", &7.into()).unwrap_err().problem,
            FilterProblem::NotText
        );
    }

    #[test]
    fn mistakes_name_the_parameter() {
        assert_eq!(
            problem("types", "call.*,cal.*"),
            FilterProblem::NoSuchType("cal.*".into())
        );
        assert_eq!(
            problem("profile", "pbx"),
            FilterProblem::NoSuchProfile("pbx".into())
        );
        assert_eq!(problem("sources", ""), FilterProblem::Empty);
        assert_eq!(problem("payload", "0"), FilterProblem::NotBoolean);
        assert_eq!(
            problem("subjects", &"x".repeat(257)),
            FilterProblem::TooLong
        );
        assert_eq!(
            problem("queues", &"1,".repeat(1_001)),
            FilterProblem::TooMany
        );
    }

    #[test]
    fn a_parameter_given_twice_is_a_mistake() {
        let mut spec = FilterSpec::default();
        for (parameter, value) in [("profile", "crm"), ("types", "call.*")] {
            assert_eq!(spec.set(parameter, value), Ok(true));
            assert_eq!(
                spec.set(parameter, value).unwrap_err().problem,
                FilterProblem::Twice
            );
        }
    }

    #[test]
    fn what_is_named_beside_a_profile_is_wanted_whole() {
        let mut spec = FilterSpec::default();
        spec.set("profile", "crm").unwrap();
        spec.set("types", "call.ringing").unwrap();
        let (whole, fresh) = spec.type_sets();
        assert!(
            whole.has(model::EventType::CallRinging) && !fresh.has(model::EventType::CallRinging)
        );
        assert!(fresh.has(model::EventType::LegRinging));
    }
}
