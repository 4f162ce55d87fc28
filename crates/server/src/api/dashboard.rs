//! The dashboard: a page of plain modules, embedded as they are, that is a client of the public contract like any other.
//!
//! It is the same for everybody and tells nothing by itself; what it shows it asks for with the rights of whoever looks.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, header};
use ring::digest;

use super::{
    extract::Named,
    routes::{Access, Routes},
};
use crate::{http::query::Query, problem::Problem};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/", Access::Open, page)
        .get("/dashboard/{file}", Access::Open, part)
}

/// Nothing from elsewhere, and no text becomes markup: browsers that know Trusted Types refuse to make any.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// The page itself.
const PAGE: &str = "index.html";

/// A file of the page.
struct File {
    name: &'static str,
    body: &'static [u8],
    /// Quoted; another for another content.
    tag: String,
}

/// Every file under `page/`, the way the browser asks for them.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../../page/", $name)) as &'static [u8])),*]
    };
}

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let known: &[(&'static str, &'static [u8])] = &files![
        "index.html",
        "icon.svg",
        "base.css",
        "views.css",
        "wall.css",
        "api.js",
        "calls.js",
        "connection.js",
        "entity.js",
        "events.js",
        "explain.js",
        "extensions.js",
        "format.js",
        "journal.js",
        "list.js",
        "main.js",
        "overview.js",
        "parts.js",
        "preferences.js",
        "queues.js",
        "rates.js",
        "render.js",
        "session.js",
        "shell.js",
        "signin.js",
        "sources.js",
        "store.js",
        "wall.js",
        "webhooks.js",
        "words.js",
    ];
    known
        .iter()
        .map(|(name, body)| File::new(name, body))
        .collect()
});

async fn page(query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    query.finish()?;
    file(PAGE, &headers)
}

async fn part(
    Named(name): Named<String>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    query.finish()?;
    file(&name, &headers)
}

/// A file, or the word that the browser has it already.
fn file(name: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let file = FILES.iter().find(|file| file.name == name);
    let file = file.ok_or_else(Problem::not_found)?;
    let told: [(HeaderName, &str); 4] = [
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, &file.tag),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    if file.is_known(headers) {
        return Ok((StatusCode::NOT_MODIFIED, told).into_response());
    }
    let kind = [(header::CONTENT_TYPE, file.kind())];
    Ok((told, kind, Bytes::from_static(file.body)).into_response())
}

impl File {
    fn new(name: &'static str, body: &'static [u8]) -> Self {
        let digest = digest::digest(&digest::SHA256, body);
        let digits: String = digest.as_ref()[..12]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            name,
            body,
            tag: format!("\"{digits}\""),
        }
    }

    /// True when the browser says that it has this content.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let known = headers.get_all(header::IF_NONE_MATCH).iter();
        known
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|tag| tag.trim().trim_start_matches("W/") == self.tag)
    }

    fn kind(&self) -> &'static str {
        match self.name.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/javascript; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let there: BTreeSet<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let embedded: BTreeSet<String> = FILES.iter().map(|file| file.name.to_owned()).collect();
        assert_eq!(embedded, there);
    }

    #[test]
    fn nothing_comes_from_elsewhere_and_no_text_becomes_markup() {
        for file in FILES.iter() {
            let text = std::str::from_utf8(file.body).unwrap();
            for word in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
            ] {
                assert!(!text.contains(word), "{}: {word}", file.name);
            }
            let elsewhere = ["http://", "https://"];
            let foreign = elsewhere
                .iter()
                .flat_map(|scheme| text.match_indices(scheme));
            for (at, _) in foreign {
                // The name of a namespace is no address.
                assert!(
                    text[at..].starts_with("http://www.w3.org/"),
                    "{}: {}",
                    file.name,
                    &text[at..at + 30]
                );
            }
        }
    }

    #[test]
    fn a_browser_that_has_a_file_is_not_sent_it_again() {
        let mut headers = HeaderMap::new();
        let first = file(PAGE, &headers).unwrap();
        let tag = first.headers()[header::ETAG].clone();
        assert_eq!(
            (first.status(), &first.headers()[header::CONTENT_TYPE]),
            (StatusCode::OK, &"text/html; charset=utf-8".parse().unwrap())
        );
        headers.insert(header::IF_NONE_MATCH, tag);
        assert_eq!(
            file(PAGE, &headers).unwrap().status(),
            StatusCode::NOT_MODIFIED
        );
        headers.insert(header::IF_NONE_MATCH, "\"other\"".parse().unwrap());
        assert_eq!(file(PAGE, &headers).unwrap().status(), StatusCode::OK);
    }
}
