//! Every route there is, held against what it says it takes.

use http::Method;
use server::{
    api::{
        self,
        routes::{Access, Route},
    },
    auth::Scope,
};

use super::{
    client::{Client, Reply},
    world::{Setup, World, by, token},
};

/// A path with a name for each segment in braces.
fn path(route: &Route) -> String {
    let named = route.path.split('/').map(|segment| match segment {
        "{file}" => "call.json",
        "{slug}" => "not-found",
        "{id}" | "{parent}" => "hq",
        segment if segment.starts_with('{') => "x",
        segment => segment,
    });
    named.collect::<Vec<_>>().join("/")
}

async fn ask(client: &Client, route: &Route) -> Reply {
    let method = route.method.as_str();
    client.send(method, &path(route), b"").await
}

#[tokio::test]
async fn what_is_open_is_open_and_nothing_else() {
    let world = World::start(Setup::tokens()).await;
    for route in api::table() {
        let stranger = ask(&world.client(), &route).await;
        match route.access {
            Access::Open => {
                assert_ne!(stranger.status, 401, "{route:?}");
                assert_ne!(stranger.status, 403, "{route:?}");
            }
            Access::Scopes(_) => {
                assert_eq!(
                    stranger.problem(),
                    (401, "unauthenticated".into()),
                    "{route:?}"
                );
                let guess = ask(&world.bearer("a guess"), &route).await;
                assert_eq!(
                    guess.problem(),
                    (401, "unauthenticated".into()),
                    "{route:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn every_scope_that_a_route_names_is_needed() {
    let all: Vec<Scope> = Scope::ALL.iter().map(|(_, scope)| *scope).collect();
    let everything_but = |missing: Scope| {
        let rest = all
            .iter()
            .filter(|scope| **scope != missing && **scope != Scope::Admin);
        token(missing.as_str(), &rest.copied().collect::<Vec<_>>())
    };
    let mut setup = Setup::tokens();
    setup.policy = by(all.iter().map(|scope| everything_but(*scope)).collect());
    let world = World::start(setup).await;
    for route in api::table() {
        let Access::Scopes(needed) = route.access else {
            continue;
        };
        // `admin` brings every other scope: without it the others remain.
        let only_admin = needed.contains(&Scope::Admin);
        for scope in all
            .iter()
            .filter(|scope| only_admin == (**scope == Scope::Admin))
        {
            let reply = ask(&world.bearer(scope.as_str()), &route).await;
            if needed.contains(scope) || needed.contains(&Scope::Admin) {
                assert_eq!(reply.problem(), (403, "missing-scope".into()), "{route:?}");
                let detail = reply.json()["detail"].as_str().unwrap().to_owned();
                let named = |scope: &Scope| detail.contains(scope.as_str());
                assert!(needed.iter().any(named), "{detail}");
            } else {
                assert_ne!(reply.status, 403, "{route:?} needs {scope:?} as well");
            }
        }
    }
}

#[tokio::test]
async fn a_foreign_page_is_refused_on_every_route_and_method() {
    let world = World::new().await;
    for route in api::table() {
        for method in [&route.method, &Method::OPTIONS, &Method::DELETE] {
            for (name, value) in [
                ("Origin", "https://evil.example.com"),
                ("Origin", "null"),
                ("Sec-Fetch-Site", "cross-site"),
            ] {
                let client = world.client().header(name, value);
                let client = client.header("Access-Control-Request-Method", "GET");
                let reply = client.send(method.as_str(), &path(&route), b"").await;
                assert_eq!(reply.status, 403, "{method} {route:?} {value}");
                assert_eq!(reply.header("access-control-allow-origin"), None);
            }
        }
    }
}

#[tokio::test]
async fn no_answer_may_be_framed_sniffed_or_passed_on() {
    let world = World::new().await;
    for route in api::table() {
        let reply = ask(&world.client(), &route).await;
        let policy = reply.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src '"), "{route:?}");
        assert!(policy.contains("frame-ancestors 'none'"), "{route:?}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(
            reply.header("cross-origin-resource-policy"),
            Some("same-origin")
        );
    }
}

#[test]
fn a_route_is_there_once() {
    let mut all: Vec<_> = api::table()
        .into_iter()
        .map(|route| (route.path, route.method.to_string()))
        .collect();
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
    assert!(count > 25);
}
