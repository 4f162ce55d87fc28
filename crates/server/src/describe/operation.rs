//! What there is to say of one route.

use http::Method;
use serde_json::{Value, json};

/// One route, for people.
#[derive(Clone, Debug)]
pub struct Operation {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) tag: Tag,
    pub(super) summary: String,
    pub(super) text: String,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<Answer>,
    /// Statuses of problems beside those that every route has.
    pub(super) problems: Vec<u16>,
}

/// The part of the API that a route belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Events,
    State,
    Sources,
    Commands,
    Webhooks,
    Access,
    Gateway,
}

/// A parameter of the query or a header.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: &'static str,
    pub(super) text: &'static str,
    pub(super) schema: Value,
}

/// What a request may carry.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) required: bool,
    pub(super) schema: Value,
}

/// What may be answered when all is well.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: &'static str,
    /// Media types with their schemas.
    pub(super) content: Vec<(&'static str, Value)>,
    /// Headers worth knowing, with what they hold.
    pub(super) headers: Vec<(&'static str, &'static str)>,
}

impl Tag {
    pub(super) const ALL: [Self; 7] = [
        Self::Events,
        Self::State,
        Self::Sources,
        Self::Commands,
        Self::Webhooks,
        Self::Access,
        Self::Gateway,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Events => "Events",
            Self::State => "State",
            Self::Sources => "Sources",
            Self::Commands => "Commands",
            Self::Webhooks => "Webhooks",
            Self::Access => "Access",
            Self::Gateway => "Gateway",
        }
    }

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Events => {
                "One resource, three transports: WebSocket, Server-Sent Events, pages of history."
            }
            Self::State => {
                "What is true now. Each answer names the position it is true at, where a stream can go on."
            }
            Self::Sources => "The PBXs: what they can tell, what was heard of them.",
            Self::Commands => "What a PBX can be told to do.",
            Self::Webhooks => "Events sent to an endpoint of yours.",
            Self::Access => "Credentials for clients that cannot set headers.",
            Self::Gateway => "The gateway itself: health, and documents about it.",
        }
    }
}

impl Operation {
    pub(super) fn new(
        method: Method,
        path: impl Into<String>,
        id: impl Into<String>,
        tag: Tag,
    ) -> Self {
        Self {
            method,
            path: path.into(),
            id: id.into(),
            tag,
            summary: String::new(),
            text: String::new(),
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            problems: Vec::new(),
        }
    }

    pub(super) fn get(path: impl Into<String>, id: impl Into<String>, tag: Tag) -> Self {
        Self::new(Method::GET, path, id, tag)
    }

    pub(super) fn post(path: impl Into<String>, id: impl Into<String>, tag: Tag) -> Self {
        Self::new(Method::POST, path, id, tag)
    }

    /// In one line, and in as many as it takes.
    pub(super) fn says(mut self, summary: impl Into<String>, text: impl Into<String>) -> Self {
        self.summary = summary.into();
        self.text = text.into();
        self
    }

    pub(super) fn takes(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    pub(super) fn body(mut self, required: bool, schema: Value) -> Self {
        self.body = Some(Body { required, schema });
        self
    }

    pub(super) fn answers(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    pub(super) fn fails(mut self, statuses: &[u16]) -> Self {
        self.problems.extend(statuses);
        self
    }

    /// What it is about: the method and the path.
    #[must_use]
    pub fn route(&self) -> (&Method, &str) {
        (&self.method, &self.path)
    }

    /// The names in braces of its path.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let after = self.path.split('{').skip(1);
        after.filter_map(|part| part.split_once('}').map(|(name, _)| name))
    }
}

impl Parameter {
    pub(super) const fn query(name: &'static str, text: &'static str, schema: Value) -> Self {
        Self {
            name,
            place: "query",
            text,
            schema,
        }
    }

    pub(super) const fn header(name: &'static str, text: &'static str, schema: Value) -> Self {
        Self {
            name,
            place: "header",
            text,
            schema,
        }
    }

    /// A comma list in the query.
    pub(super) fn list(name: &'static str, text: &'static str) -> Self {
        let item = json!({"type": "string", "minLength": 1, "maxLength": 256});
        Self::query(
            name,
            text,
            json!({"type": "array", "items": item, "minItems": 1, "maxItems": 1000}),
        )
    }

    pub(super) fn flag(name: &'static str, text: &'static str) -> Self {
        Self::query(name, text, json!({"type": "boolean"}))
    }

    pub(super) fn text(name: &'static str, text: &'static str) -> Self {
        Self::query(name, text, json!({"type": "string"}))
    }
}

impl Answer {
    pub(super) const fn new(status: u16, text: &'static str) -> Self {
        Self {
            status,
            text,
            content: Vec::new(),
            headers: Vec::new(),
        }
    }

    pub(super) fn json(self, schema: Value) -> Self {
        self.media("application/json", schema)
    }

    pub(super) fn media(mut self, media: &'static str, schema: Value) -> Self {
        self.content.push((media, schema));
        self
    }

    pub(super) fn header(mut self, name: &'static str, text: &'static str) -> Self {
        self.headers.push((name, text));
        self
    }
}
