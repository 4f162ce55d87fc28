//! The one place that turns what went wrong into an HTTP status, an RFC 9457 problem and a WebSocket close code.

mod kind;
pub mod page;

use std::{borrow::Cow, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use hub::{fanout::HistoryError, stream::ResetReason};
use model::Cursor;
use serde::Serialize;

pub use self::kind::{Facts, Kind};

/// What went wrong, told to a client.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    violations: Vec<Violation>,
    gone: Option<Box<Gone>>,
    offered: Option<Vec<&'static str>>,
    retry_after: Option<Duration>,
}

/// One thing wrong in a query or body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    #[serde(flatten)]
    place: Place,
    detail: String,
}

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A query parameter, by name.
    Parameter(String),
    /// A member of a body, as a JSON pointer.
    Pointer(String),
}

/// Why a position cannot be resumed, and what can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gone {
    /// Why not.
    pub reason: ResetReason,
    /// The position before the first event there is.
    pub oldest: Cursor,
    /// The position of the last event there is.
    pub newest: Cursor,
}

impl Problem {
    /// A problem with what is particular about this case.
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            violations: Vec::new(),
            gone: None,
            offered: None,
            retry_after: None,
        }
    }

    /// Wrong query parameters.
    #[must_use]
    pub fn parameters(violations: Vec<Violation>) -> Self {
        let detail = summary("the query", &violations);
        Self {
            violations,
            ..Self::new(Kind::InvalidParameter, detail)
        }
    }

    /// One wrong query parameter.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self::parameters(vec![Violation::parameter(name, detail)])
    }

    /// Wrong members of a body.
    #[must_use]
    pub fn body(violations: Vec<Violation>) -> Self {
        let detail = summary("the body", &violations);
        Self {
            violations,
            ..Self::new(Kind::InvalidBody, detail)
        }
    }

    /// A position that cannot be resumed.
    #[must_use]
    pub fn gone(gone: Gone) -> Self {
        Self {
            gone: Some(Box::new(gone)),
            ..Self::new(Kind::PositionGone, "reading cannot go on there")
        }
    }

    /// A command that the source does not offer, and those that it does.
    #[must_use]
    pub fn not_offered(wanted: &str, offered: Vec<&'static str>) -> Self {
        let wanted = bounded(wanted);
        Self {
            offered: Some(offered),
            ..Self::new(
                Kind::CommandNotOffered,
                format!("the source takes no command `{wanted}`; `commands` lists what it takes"),
            )
        }
    }

    /// The log does not answer.
    #[must_use]
    pub fn of_history(error: &HistoryError) -> Self {
        match error {
            HistoryError::Expired(position) => Self::new(
                Kind::PositionGone,
                format!("the log no longer reaches back to {position}"),
            ),
            HistoryError::Unavailable(cause) => {
                tracing::error!(%error, %cause, "the log cannot be read");
                Self::new(Kind::LogUnavailable, "the log cannot be read now")
                    .after(Duration::from_secs(5))
            }
        }
    }

    /// A credential without a scope that is needed.
    #[must_use]
    pub fn scope(scope: &str) -> Self {
        Self::new(
            Kind::MissingScope,
            format!("this needs the scope `{scope}`"),
        )
    }

    /// The gateway stops, and will be back.
    #[must_use]
    pub fn shutting_down() -> Self {
        Self::new(Kind::ShuttingDown, "the gateway stops").after(Duration::from_secs(2))
    }

    /// Nothing there, or nothing to see for this credential.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            Kind::NotFound,
            "there is nothing here, or nothing that this token may see",
        )
    }

    /// The same, with the time after which to try again.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..self
        }
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What is particular about this case.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The WebSocket close code.
    #[must_use]
    pub fn close_code(&self) -> u16 {
        self.kind.facts().close
    }

    /// The problem as JSON (RFC 9457).
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let facts = self.kind.facts();
        serde_json::json!(Wire {
            kind: format!("/problems/{}", facts.slug),
            title: facts.title,
            status: facts.status.as_u16(),
            detail: &self.detail,
            retryable: facts.retryable,
            errors: &self.violations,
            gone: self.gone.as_deref(),
            commands: self.offered.as_deref(),
        })
    }
}

impl Violation {
    /// A wrong query parameter.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self {
            place: Place::Parameter(bounded(name)),
            detail: detail.into(),
        }
    }

    /// A wrong member of a body, by JSON pointer.
    pub fn pointer(pointer: &str, detail: impl Into<String>) -> Self {
        Self {
            place: Place::Pointer(bounded(pointer)),
            detail: detail.into(),
        }
    }

    /// A member of a body that nobody knows.
    #[must_use]
    pub fn unknown_member(name: &str) -> Self {
        // RFC 6901: `~` and `/` are not themselves in a pointer.
        let escaped = name.replace('~', "~0").replace('/', "~1");
        let detail = format!("there is no member `{}` here", bounded(name));
        Self::pointer(&format!("/{escaped}"), detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let facts = self.kind.facts();
        let mut response = Response::new(Body::from(self.json().to_string()));
        *response.status_mut() = facts.status;
        // For whoever counts refusals.
        response.extensions_mut().insert(self.kind);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        match facts.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"switchhook\""),
                );
            }
            StatusCode::UPGRADE_REQUIRED => {
                headers.insert(
                    header::SEC_WEBSOCKET_VERSION,
                    HeaderValue::from_static("13"),
                );
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            }
            // What is left of the request is not worth reading.
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::URI_TOO_LONG
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    retryable: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Violation],
    #[serde(flatten)]
    gone: Option<&'a Gone>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commands: Option<&'a [&'static str]>,
}

fn summary(what: &str, violations: &[Violation]) -> String {
    match violations {
        [] => format!("{what} is not valid"),
        [one] => one.detail.clone(),
        [one, rest @ ..] => format!("{}; and {} more in `errors`", one.detail, rest.len()),
    }
}

/// Names are quoted back to their sender, within reason.
fn bounded(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_where_and_what() {
        let problem = Problem::parameters(vec![
            Violation::parameter("types", "`x` matches no event type"),
            Violation::parameter("colour", "there is no such parameter"),
        ]);
        assert_eq!(
            problem.json(),
            serde_json::json!({
                "type": "/problems/invalid-parameter",
                "title": "A parameter is not valid",
                "status": 400,
                "detail": "`x` matches no event type; and 1 more in `errors`",
                "retryable": false,
                "errors": [
                    {"parameter": "types", "detail": "`x` matches no event type"},
                    {"parameter": "colour", "detail": "there is no such parameter"},
                ],
            })
        );
    }

    #[test]
    fn a_wait_is_rounded_up_to_seconds() {
        let response = Problem::new(Kind::RateLimited, "slow down")
            .after(Duration::from_millis(1_200))
            .into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }
}
