//! The body of a command: read whole before anything is done about it.

use adapter::{CommandSpec, Target};
use model::EntityId;
use serde_json::{Map, Value};

use super::wrong;
use crate::{
    api::backend::ConfiguredSource,
    problem::{Problem, Violation},
};

/// What a client wants to be done.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) kind: String,
    pub(super) target: Option<EntityId>,
    pub(super) params: Value,
    pub(super) if_version: Option<u64>,
}

impl Wish {
    /// Reads a body.
    pub(super) fn read(mut body: Map<String, Value>) -> Result<Self, Problem> {
        let mut violations = Vec::new();
        let kind = match body.remove("type") {
            Some(Value::String(kind)) => kind,
            _ => {
                violations.push(wrong("/type", "`type` says what to do: a text"));
                String::new()
            }
        };
        let target = match body.remove("target") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) => Some(EntityId::from_text(&id)),
            Some(_) => {
                violations.push(wrong("/target", "`target` is the id of a call: a text"));
                None
            }
        };
        let params = match body.remove("params") {
            None | Some(Value::Null) => Value::Object(Map::new()),
            Some(params @ Value::Object(_)) => params,
            Some(_) => {
                violations.push(wrong("/params", "`params` is an object"));
                Value::Null
            }
        };
        let if_version = match body.remove("if_version") {
            None | Some(Value::Null) => None,
            Some(version) => {
                let number = version.as_u64().filter(|version| *version > 0);
                if number.is_none() {
                    violations.push(wrong("/if_version", "`if_version` is a number from 1"));
                }
                number
            }
        };
        violations.extend(body.keys().map(|name| Violation::unknown_member(name)));
        if violations.is_empty() {
            Ok(Self {
                kind,
                target,
                params,
                if_version,
            })
        } else {
            Err(Problem::body(violations))
        }
    }

    /// The kind of command this is, when the source offers it and the wish has all that it takes.
    pub(super) fn fit<'a>(&self, source: &'a ConfiguredSource) -> Result<&'a CommandSpec, Problem> {
        let known = source.commands.iter().find(|spec| spec.name == self.kind);
        let Some(spec) = known else {
            let offered = source.commands.iter().map(|spec| spec.name).collect();
            return Err(Problem::not_offered(&self.kind, offered));
        };
        let mut violations = Vec::new();
        match (spec.target, &self.target) {
            (Target::Call, None) => {
                let detail = format!("`{}` needs the id of a call as `target`", spec.name);
                violations.push(wrong("/target", detail));
            }
            (Target::None, Some(_)) => {
                violations.push(wrong("/target", format!("`{}` has no target", spec.name)));
            }
            (Target::Call, Some(_)) | (Target::None, None) => {}
        }
        if self.if_version.is_some() && spec.target == Target::None {
            let detail = format!("`{}` has no target with a version", spec.name);
            violations.push(wrong("/if_version", detail));
        }
        if let Err(bad) = spec.check(&self.params) {
            violations.push(wrong(&format!("/params{}", bad.pointer), bad.detail));
        }
        if violations.is_empty() {
            Ok(spec)
        } else {
            Err(Problem::body(violations))
        }
    }
}
