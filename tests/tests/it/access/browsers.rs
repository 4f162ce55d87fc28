//! Web pages: origins, tickets, and the gateway that lets in everybody on its own machine.

use serde_json::Value;
use tests::{Gateway, Setup};

#[tokio::test]
async fn a_browser_of_the_own_origin_is_told_by_close_code() {
    let setup = Setup::new()
        .token("state", &["state:read"], "")
        .server("allowed_origins = [\"https://wallboard.example.com\"]");
    let gateway = Gateway::start(&setup).await;
    let own = format!("http://{}", gateway.address());
    for origin in [own.as_str(), "https://wallboard.example.com"] {
        let browser = gateway.client().header("origin", origin);
        assert_eq!(
            browser.bearer("guess").stream("").await.ending().await.1,
            4401
        );
        assert_eq!(
            browser.bearer("state").stream("").await.ending().await.1,
            4403
        );
        assert_eq!(browser.stream("ticket=guess").await.ending().await.1, 4401);
    }
    let foreign = gateway
        .client()
        .header("origin", "https://evil.example.com");
    assert_eq!(foreign.bearer("state").refused("").await.status, 403);
    for method in ["GET", "POST", "OPTIONS"] {
        let answer = foreign
            .bearer("state")
            .send(method, "/v1/calls", None)
            .await;
        assert_eq!(answer.status, 403, "{method}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let preflight = gateway
        .client()
        .header("origin", "https://wallboard.example.com")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization")
        .send("OPTIONS", "/v1/events", None)
        .await;
    assert!(
        preflight.status == 200 || preflight.status == 204,
        "{}",
        preflight.status
    );
    assert_eq!(
        preflight.header("access-control-allow-origin"),
        Some("https://wallboard.example.com")
    );
    assert!(
        preflight
            .header("access-control-allow-headers")
            .unwrap()
            .to_lowercase()
            .contains("authorization")
    );
    let allowed = gateway
        .client()
        .header("origin", "https://wallboard.example.com")
        .bearer("state")
        .get("/v1/calls")
        .await;
    assert_eq!(allowed.status, 200);
    let exposed = allowed
        .header("access-control-expose-headers")
        .unwrap()
        .to_lowercase();
    for name in ["link", "switchhook-cursor", "retry-after", "location"] {
        assert!(exposed.contains(name), "{exposed}");
    }
}

#[tokio::test]
async fn a_ticket_opens_one_stream() {
    let gateway =
        Gateway::start(&Setup::new().token("reader", &["events:read"], "types = [\"source.*\"]"))
            .await;
    let client = gateway.client();
    let answer = client.bearer("reader").post("/v1/tickets").await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let ticket = answer.json();
    assert!(
        ticket["expires_at"].as_str().unwrap().ends_with('Z'),
        "{ticket}"
    );
    let query = format!("ticket={}", ticket["ticket"].as_str().unwrap());
    let mut stream = client.stream(&query).await;
    let opened = stream.expect("stream.opened").await;
    let types = opened.data()["scope"]["types"].as_array().unwrap();
    let narrow = |kind: &Value| kind.as_str().unwrap().starts_with("source.");
    assert!(
        !types.is_empty() && types.iter().all(narrow),
        "the rights of the token: {types:?}"
    );
    assert_eq!(client.refused(&query).await.status, 401, "used up");
    let second = client.bearer("reader").post("/v1/tickets").await.json();
    let query = format!("ticket={}", second["ticket"].as_str().unwrap());
    assert_eq!(client.sse(&query).await.status(), 200);
    assert_eq!(client.sse(&query).await.status(), 401);
}

#[tokio::test]
async fn nobody_from_elsewhere_is_let_in_without_tokens() {
    let gateway = Gateway::start(&Setup::new()).await;
    let client = gateway.client();
    assert_eq!(client.get("/v1/calls").await.status, 200);
    let strangers = [
        ("host", "pbx-events.example.com"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-host", "pbx-events.example.com"),
        ("forwarded", "for=192.0.2.1"),
        ("origin", "https://evil.example.com"),
    ];
    for (name, value) in strangers {
        let answer = client.header(name, value).get("/v1/calls").await;
        assert!(
            answer.status == 401 || answer.status == 403,
            "{name}: {}",
            answer.status
        );
    }
    let named = client.header("host", &format!("localhost:{}", gateway.address().port()));
    assert_eq!(named.get("/v1/calls").await.status, 200);
}
