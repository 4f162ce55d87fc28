//! The catalogue of problems: what each is called, and what somebody who meets it should do.

use http::StatusCode;

/// A kind of problem. Its slug is stable: programs may switch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request is not valid HTTP, or not a valid handshake.
    InvalidRequest,
    /// A query parameter is unknown or wrong.
    InvalidParameter,
    /// The body, or a client frame, is not what is expected.
    InvalidBody,
    /// No credential, or one that is not valid (any more).
    Unauthenticated,
    /// The credential lacks a scope.
    MissingScope,
    /// A page of another origin asks.
    ForeignOrigin,
    /// Without authentication only this machine may ask.
    NotLocal,
    /// There is nothing, or nothing that this credential may see.
    NotFound,
    /// The resource knows no such method.
    MethodNotAllowed,
    /// The body took too long.
    RequestTimeout,
    /// The source does not take such commands.
    CommandNotOffered,
    /// The call is over.
    CallEnded,
    /// The position cannot be resumed.
    PositionGone,
    /// Nothing can be delivered to the webhook.
    WebhookOff,
    /// There are as many webhooks as there may be.
    TooManyWebhooks,
    /// The subject is at another version.
    VersionMismatch,
    /// The body is too large.
    BodyTooLarge,
    /// The URL is too long.
    UrlTooLong,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// The key was used for another request.
    IdempotencyKeyReused,
    /// Another version of WebSocket is asked for.
    UpgradeRequired,
    /// Too many requests for this credential.
    RateLimited,
    /// Too many failed attempts from this address.
    TooManyAttempts,
    /// Too many streams for this credential.
    TooManyStreams,
    /// Too many connections from this address.
    TooManyConnections,
    /// The headers are too large.
    HeadersTooLarge,
    /// A defect of the gateway.
    Internal,
    /// Too many streams in all.
    StreamsExhausted,
    /// The log cannot be read now.
    LogUnavailable,
    /// The state is older than `min_cursor`.
    StateBehind,
    /// The source is not connected to its PBX.
    SourceNotConnected,
    /// Too many commands have no outcome yet.
    CommandsExhausted,
    /// The gateway stops.
    ShuttingDown,
    /// Some other thing the request needs is not available now.
    Unavailable,
}

/// What is fixed about a kind of problem.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The last segment of `type`.
    pub slug: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// For people, in few words.
    pub title: &'static str,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The WebSocket close code.
    pub close: u16,
    /// What to do.
    pub advice: &'static str,
}

impl Kind {
    /// Every kind, in order of status.
    pub const ALL: &'static [Self] = &[
        Self::InvalidRequest,
        Self::InvalidParameter,
        Self::InvalidBody,
        Self::Unauthenticated,
        Self::MissingScope,
        Self::ForeignOrigin,
        Self::NotLocal,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::CommandNotOffered,
        Self::CallEnded,
        Self::WebhookOff,
        Self::TooManyWebhooks,
        Self::PositionGone,
        Self::VersionMismatch,
        Self::BodyTooLarge,
        Self::UrlTooLong,
        Self::UnsupportedMediaType,
        Self::IdempotencyKeyReused,
        Self::UpgradeRequired,
        Self::RateLimited,
        Self::TooManyAttempts,
        Self::TooManyStreams,
        Self::TooManyConnections,
        Self::HeadersTooLarge,
        Self::Internal,
        Self::StreamsExhausted,
        Self::LogUnavailable,
        Self::StateBehind,
        Self::SourceNotConnected,
        Self::CommandsExhausted,
        Self::ShuttingDown,
        Self::Unavailable,
    ];

    /// The kind with this slug.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.facts().slug == slug)
    }

    /// What is fixed about it.
    #[must_use]
    pub const fn facts(self) -> Facts {
        match self {
            Self::InvalidRequest => lasting(
                "invalid-request",
                StatusCode::BAD_REQUEST,
                4400,
                "The request is not valid",
                "Compare the request with the API description; `detail` names the part that is wrong.",
            ),
            Self::InvalidParameter => lasting(
                "invalid-parameter",
                StatusCode::BAD_REQUEST,
                4400,
                "A parameter is not valid",
                "Correct or remove the parameters listed in `errors`. Unknown parameters are errors, so that a typing mistake never widens a filter. A position is the `id` of an event, or the `cursor` in the data of a `stream.*` event; the ids of `stream.*` events are none.",
            ),
            Self::InvalidBody => lasting(
                "invalid-body",
                StatusCode::BAD_REQUEST,
                4400,
                "The body is not valid",
                "Send one JSON object with only the documented members; `errors` points at those that are wrong.",
            ),
            Self::Unauthenticated => lasting(
                "unauthenticated",
                StatusCode::UNAUTHORIZED,
                4401,
                "A valid token is needed",
                "Send `Authorization: Bearer <token>`. A browser that cannot set headers fetches a ticket from `POST /v1/tickets` and sends it as `?ticket=`, once and within 30 seconds, or sends the token as the first frame of a WebSocket. Tokens are never accepted in a URL.",
            ),
            Self::MissingScope => lasting(
                "missing-scope",
                StatusCode::FORBIDDEN,
                4403,
                "The token lacks a scope",
                "Ask the operator for a token with the scope that `detail` names.",
            ),
            Self::ForeignOrigin => lasting(
                "foreign-origin",
                StatusCode::FORBIDDEN,
                4403,
                "Pages of this origin may not ask",
                "Add the origin to `server.allowed_origins`, or set `server.public_url` when the gateway is behind a proxy.",
            ),
            Self::NotLocal => lasting(
                "not-local",
                StatusCode::FORBIDDEN,
                4403,
                "Without authentication only this machine may ask",
                "Ask through `localhost` or a loopback address and without a proxy, or set `auth.mode = \"tokens\"`.",
            ),
            Self::NotFound => lasting(
                "not-found",
                StatusCode::NOT_FOUND,
                4403,
                "There is no such thing",
                "Check the path. What a token may not see does not exist for it.",
            ),
            Self::MethodNotAllowed => lasting(
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                4400,
                "The resource knows no such method",
                "Use one of the methods in the `Allow` header.",
            ),
            Self::RequestTimeout => passing(
                "request-timeout",
                StatusCode::REQUEST_TIMEOUT,
                4500,
                "The request took too long to arrive",
                "Send the whole request at once.",
            ),
            Self::PositionGone => lasting(
                "position-gone",
                StatusCode::GONE,
                4400,
                "The position cannot be resumed",
                "Events after it may be lost to you: read the state anew and go on from `oldest` or `newest`. `reason` tells whether retention took them (expired), a crash of the machine lost them (lost), or the position is of another log (epoch, ahead).",
            ),
            Self::BodyTooLarge => lasting(
                "body-too-large",
                StatusCode::PAYLOAD_TOO_LARGE,
                4400,
                "The body is too large",
                "Send at most the size that `detail` names.",
            ),
            Self::UrlTooLong => lasting(
                "url-too-long",
                StatusCode::URI_TOO_LONG,
                4400,
                "The URL is too long",
                "Shorten the lists in the query, or open a WebSocket and send them in a `subscribe` frame.",
            ),
            Self::UnsupportedMediaType => lasting(
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                4400,
                "The body must be JSON",
                "Send `Content-Type: application/json`.",
            ),
            Self::CommandNotOffered => lasting(
                "command-not-offered",
                StatusCode::CONFLICT,
                4400,
                "The source takes no such command",
                "`commands` lists what the source takes; `GET /v1/sources/{id}/commands` says more about each.",
            ),
            Self::CallEnded => lasting(
                "call-ended",
                StatusCode::CONFLICT,
                4400,
                "The call has ended",
                "Nothing can be done to a call that is over.",
            ),
            Self::WebhookOff => lasting(
                "webhook-off",
                StatusCode::CONFLICT,
                4400,
                "Nothing can be delivered to this webhook",
                "`detail` says why: correct its URL, or make it anew when its secret is lost.",
            ),
            Self::TooManyWebhooks => lasting(
                "too-many-webhooks",
                StatusCode::CONFLICT,
                4400,
                "There are too many webhooks",
                "Remove those that are not used, or ask the operator to raise `limits.webhooks`.",
            ),
            Self::VersionMismatch => lasting(
                "version-mismatch",
                StatusCode::PRECONDITION_FAILED,
                4400,
                "The call has moved on",
                "Look at the call as it is now, decide again, and send the `version` that you decided on as `if_version`.",
            ),
            Self::IdempotencyKeyReused => lasting(
                "idempotency-key-reused",
                StatusCode::UNPROCESSABLE_ENTITY,
                4400,
                "The key was used for another request",
                "Make a new `Idempotency-Key` for each command, and send it again only with the very same request.",
            ),
            Self::SourceNotConnected => passing(
                "source-not-connected",
                StatusCode::SERVICE_UNAVAILABLE,
                4503,
                "The source is not connected",
                "Nothing was sent. Try again when the source is connected: `GET /v1/sources/{id}` and `source.connected` say so.",
            ),
            Self::CommandsExhausted => passing(
                "commands-exhausted",
                StatusCode::SERVICE_UNAVAILABLE,
                4503,
                "Too many commands have no outcome yet",
                "Wait for `command.succeeded` or `command.failed` of those that were given before.",
            ),
            Self::UpgradeRequired => lasting(
                "upgrade-required",
                StatusCode::UPGRADE_REQUIRED,
                4400,
                "Only version 13 of WebSocket is spoken",
                "Send `Sec-WebSocket-Version: 13` (RFC 6455).",
            ),
            Self::RateLimited => passing(
                "rate-limited",
                StatusCode::TOO_MANY_REQUESTS,
                4504,
                "Too many requests",
                "Wait as long as `Retry-After` says. A stream tells of changes as they happen, without polling.",
            ),
            Self::TooManyAttempts => passing(
                "too-many-attempts",
                StatusCode::TOO_MANY_REQUESTS,
                4500,
                "Too many attempts have failed",
                "Stop asking with a token that is not valid: after a while, as `Retry-After` says, credentials from this address are looked at again. Behind a proxy everybody has its address, unless the operator lists it in `server.trusted_proxies`.",
            ),
            Self::TooManyStreams => passing(
                "too-many-streams",
                StatusCode::TOO_MANY_REQUESTS,
                4504,
                "Too many streams for this token",
                "Close streams that are not used; one stream can carry several filters' worth of types.",
            ),
            Self::TooManyConnections => passing(
                "too-many-connections",
                StatusCode::TOO_MANY_REQUESTS,
                4504,
                "Too many connections from this address",
                "Use connections again; one stream can carry several filters' worth of types. Behind a proxy, the operator names it in \
                 `server.trusted_proxies`, or raises `limits.connections_per_address`.",
            ),
            Self::HeadersTooLarge => lasting(
                "headers-too-large",
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                4400,
                "The headers are too large",
                "Send fewer or smaller headers.",
            ),
            Self::Internal => passing(
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                4503,
                "The gateway failed",
                "This is a defect: report it with the time of the request; the log of the gateway says more.",
            ),
            Self::StreamsExhausted => passing(
                "streams-exhausted",
                StatusCode::SERVICE_UNAVAILABLE,
                4504,
                "Too many streams in all",
                "Try again as `Retry-After` says, or ask the operator to raise `limits.streams`.",
            ),
            Self::LogUnavailable => passing(
                "log-unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                4503,
                "The log cannot be read now",
                "Come back with the same position; nothing is lost. The operator finds the cause in the gateway's log.",
            ),
            Self::StateBehind => passing(
                "state-behind",
                StatusCode::SERVICE_UNAVAILABLE,
                4503,
                "The state is older than `min_cursor`",
                "Ask again.",
            ),
            Self::ShuttingDown => passing(
                "shutting-down",
                StatusCode::SERVICE_UNAVAILABLE,
                4501,
                "The gateway stops",
                "Come back with your position.",
            ),
            Self::Unavailable => passing(
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                4503,
                "Not available now",
                "Try again as `Retry-After` says.",
            ),
        }
    }
}

const fn lasting(
    slug: &'static str,
    status: StatusCode,
    close: u16,
    title: &'static str,
    advice: &'static str,
) -> Facts {
    Facts {
        slug,
        status,
        title,
        retryable: false,
        close,
        advice,
    }
}

const fn passing(
    slug: &'static str,
    status: StatusCode,
    close: u16,
    title: &'static str,
    advice: &'static str,
) -> Facts {
    Facts {
        slug,
        status,
        title,
        retryable: true,
        close,
        advice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_distinct_and_lead_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_slug(kind.facts().slug), Some(*kind));
        }
    }

    #[test]
    fn codes_that_invite_back_are_those_of_problems_that_pass() {
        for kind in Kind::ALL {
            let facts = kind.facts();
            assert_eq!(facts.close >= 4500, facts.retryable, "{}", facts.slug);
        }
    }
}
