//! What every request passes on its way in, and every answer on its way out: sizes, origins, CORS, caching.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::{
    Extension,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header, uri::Authority,
};

use super::{
    Limits, Peer,
    forwarded::TrustedProxies,
    origin::{OriginPolicy, Sender},
};
use crate::problem::{Kind, Problem};

/// What is checked.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Sizes.
    pub limits: Limits,
    /// Who may ask from within a browser.
    pub origins: OriginPolicy,
    /// Who is believed about where a request comes from.
    pub proxies: TrustedProxies,
}

/// The rules in force. Clones share them.
pub type SharedRules = Arc<ArcSwap<Rules>>;

/// The header that tells the position an answer is true at.
pub const CURSOR: HeaderName = HeaderName::from_static("switchhook-cursor");

/// The layer around all routes. Puts the [`Sender`] and the [`Client`](super::forwarded::Client) into the request's
/// extensions.
pub async fn wrap(
    State(rules): State<SharedRules>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let rules = rules.load_full();
    let client = rules.proxies.client(request.headers(), &peer);
    let sender = rules.origins.judge(request.headers(), &client);
    let origin = match sender {
        Sender::Allowed => request.headers().get(header::ORIGIN).cloned(),
        Sender::Unnamed | Sender::Foreign => None,
    };
    request.extensions_mut().insert(sender.clone());
    request.extensions_mut().insert(client);
    // A message with both lengths is one that two servers may read differently (RFC 9112, 6.1), and hyper has dropped
    // one of them: nothing that follows it on the connection is trusted.
    let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let mut response = if let Some(problem) = refusal(&rules, &sender, &request) {
        problem.into_response()
    } else if origin.is_some() && is_preflight(&request) {
        preflight()
    } else {
        next.run(request).await
    };
    finish(response.headers_mut(), origin);
    if chunked && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

fn refusal(rules: &Rules, sender: &Sender, request: &Request) -> Option<Problem> {
    let Limits { url, headers, .. } = rules.limits;
    if request
        .uri()
        .path_and_query()
        .is_some_and(|target| target.as_str().len() > url)
    {
        return Some(Problem::new(
            Kind::UrlTooLong,
            format!("at most {url} bytes"),
        ));
    }
    let size: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len())
        .sum();
    if size > headers {
        return Some(Problem::new(
            Kind::HeadersTooLarge,
            format!("at most {headers} bytes"),
        ));
    }
    if let Some(why) = misdirected(request) {
        return Some(Problem::new(Kind::InvalidRequest, why));
    }
    (*sender == Sender::Foreign).then(|| {
        Problem::new(
            Kind::ForeignOrigin,
            "the `Origin` of this request is not allowed",
        )
    })
}

/// What is wrong with the host that a request is for (RFC 9112, 3.2).
fn misdirected(request: &Request) -> Option<&'static str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() {
        return Some("there is more than one `Host`");
    }
    let Some(host) = host else {
        return (request.version() == Version::HTTP_11).then_some("there is no `Host`");
    };
    let named = host.to_str().ok().and_then(|host| host.parse().ok());
    let Some(named): Option<Authority> = named else {
        return Some("`Host` is not a host with or without a port");
    };
    let target = request.uri().authority();
    target
        .is_some_and(|target| *target != named)
        .then_some("the URL is of another host than `Host`")
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response {
    let allowed = [
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            "GET, HEAD, POST, PATCH, DELETE",
        ),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, Idempotency-Key, Last-Event-ID",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, allowed).into_response()
}

fn finish(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    headers.insert(
        header::VARY,
        HeaderValue::from_static("Accept, Authorization, Origin"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // Pages that are meant to be looked at say what they need.
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("Link, Switchhook-Cursor, Retry-After, Location"),
        );
    }
}
