//! The routes table: every path, what may be done there, and what it takes. There is no other way to add a route.

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    routing::{self, MethodFilter},
};
use http::Method;

use super::Surface;
use crate::auth::Scope;

/// Routes, each with its entry in the table.
#[derive(Default)]
pub(super) struct Routes {
    router: Router<Arc<Surface>>,
    table: Vec<Route>,
}

/// An entry of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What is done.
    pub method: Method,
    /// Where: segments in braces stand for names.
    pub path: String,
    /// What it takes.
    pub access: Access,
}

/// What a request must bring to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: what is told here is no secret.
    Open,
    /// A credential with all of these scopes. Where none is named any valid credential will do.
    Scopes(&'static [Scope]),
}

impl Routes {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// What answers `GET` and `HEAD`.
    pub(super) fn get<H, T>(self, path: impl Into<String>, access: Access, handler: H) -> Self
    where
        H: Handler<T, Arc<Surface>>,
        T: 'static,
    {
        self.on(Method::GET, path, access, handler)
    }

    /// What answers `POST`.
    pub(super) fn post<H, T>(self, path: impl Into<String>, access: Access, handler: H) -> Self
    where
        H: Handler<T, Arc<Surface>>,
        T: 'static,
    {
        self.on(Method::POST, path, access, handler)
    }

    /// What answers a method, which is one of those that axum routes.
    pub(super) fn on<H, T>(
        mut self,
        method: Method,
        path: impl Into<String>,
        access: Access,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Arc<Surface>>,
        T: 'static,
    {
        let path = path.into();
        if let Ok(filter) = MethodFilter::try_from(method.clone()) {
            self.router = self.router.route(&path, routing::on(filter, handler));
        }
        self.table.push(Route {
            method,
            path,
            access,
        });
        self
    }

    pub(super) fn merge(mut self, other: Self) -> Self {
        self.table.extend(other.table);
        Self {
            router: self.router.merge(other.router),
            table: self.table,
        }
    }

    pub(super) fn into_parts(self) -> (Router<Arc<Surface>>, Vec<Route>) {
        (self.router, self.table)
    }
}
