//! The API documents: OpenAPI 3.1 for requests, AsyncAPI 3.0 for streams.
//!
//! Neither is written by hand. Paths and scopes come from the routes table, schemas from the types, statuses and advice
//! from the catalogue of problems; what is left for people to say is in [`operations()`]. Tests hold all of them against
//! each other and against the committed documents under `openapi/`.

mod asyncapi;
mod catalog;
mod markup;
mod openapi;
mod operation;
mod operations;
mod page;
mod shapes;

pub use self::{
    asyncapi::asyncapi,
    catalog::catalog,
    openapi::openapi,
    operations::operations,
    page::{STYLE, page},
};
