//! What handlers take: a [`Principal`] before all else.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::Surface;
use crate::{
    auth::Principal,
    http::{Peer, forwarded::Client, query::Query},
    problem::{Kind, Problem},
};

impl FromRequestParts<Arc<Surface>> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        surface: &Arc<Surface>,
    ) -> Result<Self, Problem> {
        authenticate(parts, surface).await
    }
}

/// What the path names. A path that is not UTF-8 names nothing.
pub(crate) struct Named<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(named)) => Ok(Self(named)),
            Err(_) => Err(Problem::not_found()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self::parse(parts.uri.query()))
    }
}

/// The sender by its headers.
pub(super) async fn authenticate(parts: &Parts, surface: &Surface) -> Result<Principal, Problem> {
    let peer = parts
        .extensions
        .get::<Peer>()
        .ok_or_else(|| Problem::new(Kind::Internal, "the connection is unknown"))?;
    let client = client(parts)?;
    surface
        .authority
        .request(&parts.headers, peer, client)
        .await
}

/// Who sends a request.
pub(super) fn client(parts: &Parts) -> Result<&Client, Problem> {
    let client = parts.extensions.get::<Client>();
    client.ok_or_else(|| Problem::new(Kind::Internal, "the client is unknown"))
}
