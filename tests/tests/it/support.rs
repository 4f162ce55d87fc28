//! What most tests begin with, and what every event must be.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, value::RawValue};
use tests::{Client, Event, Gateway, Pbx, Setup};

/// A PBX and a gateway that is in step with it.
pub(crate) async fn pair() -> (Pbx, Gateway) {
    let pbx = Pbx::start().await;
    let gateway = Gateway::start(&Setup::with(&pbx)).await;
    synced(&gateway.client(), "hq").await;
    (pbx, gateway)
}

/// Waits until a source has been in step once; gives the id of that event.
pub(crate) async fn synced(client: &Client, source: &str) -> String {
    let query = format!("types=source.synced&sources={source}&after=earliest");
    client.stream(&query).await.event().await.id().to_owned()
}

/// Recognises the last event of a call.
pub(crate) fn record_of(session: &str) -> impl Fn(&Event) -> bool + use<> {
    let session = session.to_owned();
    move |event| event.kind() == "cdr.created" && event.word("partitionkey").ends_with(&session)
}

/// Plays answered calls of 101 to 102, and waits until the last of them is in the log.
pub(crate) async fn calls(pbx: &Pbx, client: &Client, count: usize) {
    let mut stream = client.stream("types=cdr.created").await;
    for _ in 0..count {
        let call = pbx.tenant().internal("101", "102");
        pbx.say_all(&call.answered()).await;
        stream.events_until(record_of(&call.session())).await;
    }
}

/// Checks the envelope of an event, attribute by attribute.
pub(crate) fn check_envelope(event: &Event) {
    const KNOWN: [&str; 16] = [
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "recordedtime",
        "datacontenttype",
        "dataschema",
        "tenant",
        "partitionkey",
        "correlationid",
        "subjectversion",
        "expirytime",
        "traceparent",
        "data",
    ];
    let shown = event.text();
    for name in event.value().as_object().unwrap().keys() {
        assert!(KNOWN.contains(&name.as_str()), "{name}: {shown}");
    }
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["datacontenttype"], "application/json");
    check_cursor(event.id());
    let legal =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    assert!(
        event.kind().split('.').count() == 2 && event.kind().split('.').all(legal),
        "{shown}"
    );
    let (collection, entity) = event
        .subject()
        .split_once('/')
        .unwrap_or_else(|| panic!("no subject: {shown}"));
    assert!(legal(collection) && !entity.is_empty(), "{shown}");
    let schema = event
        .word("dataschema")
        .strip_prefix("urn:switchhook:schema:v1:");
    let family = event.kind().split('.').next().unwrap();
    let expected = if event.kind().starts_with("queue.caller_") {
        "caller"
    } else {
        family
    };
    assert_eq!(schema, Some(expected), "{shown}");
    assert!(event.version() >= 1, "{shown}");

    let recorded = time(event, "recordedtime");
    time(event, "time");
    match event.kind() {
        "call.ringing" | "leg.ringing" => {
            let expiry = time(event, "expirytime");
            let live = recorded + SignedDuration::from_secs(60);
            assert!(expiry == live || expiry == recorded, "{shown}");
        }
        _ => assert!(event["expirytime"].is_null(), "{shown}"),
    }
    match event.word("source") {
        "/gateway" => {}
        source => assert!(source.starts_with("/sources/"), "{shown}"),
    }
    check_partition(event);
    check_order(event);
    check_no_null(event.value(), shown);
}

/// Checks that versions of every subject count 1, 2, 3, … over a whole log, and that ids grow.
pub(crate) fn check_log(events: &[Event]) {
    let mut versions: HashMap<&str, u64> = HashMap::new();
    for event in events {
        let version = versions.entry(event.subject()).or_default();
        *version += 1;
        assert_eq!(
            event.version(),
            *version,
            "{} of {}",
            event.kind(),
            event.subject()
        );
        if let Some(entity) = entity_version(event) {
            assert_eq!(entity, *version, "{}", event.text());
        }
    }
    for pair in events.windows(2) {
        assert!(
            pair[0].id() < pair[1].id(),
            "{} before {}",
            pair[0].id(),
            pair[1].id()
        );
    }
    for event in events
        .iter()
        .filter(|event| event.subject().starts_with("calls/"))
    {
        assert_eq!(
            event.version() == 1,
            event.kind() == "call.started",
            "{}",
            event.text()
        );
    }
    for kind in ["call.started", "call.answered", "call.ended", "call.missed"] {
        let mut subjects: Vec<&str> = of_kind(events, kind)
            .iter()
            .map(|event| event.subject())
            .collect();
        let all = subjects.len();
        subjects.sort_unstable();
        subjects.dedup();
        assert_eq!(subjects.len(), all, "a call with two {kind}");
    }
}

/// The events of a type.
pub(crate) fn of_kind<'a>(events: &'a [Event], kind: &str) -> Vec<&'a Event> {
    events.iter().filter(|event| event.kind() == kind).collect()
}

/// The only event of a type.
pub(crate) fn only<'a>(events: &'a [Event], kind: &str) -> &'a Event {
    let found = of_kind(events, kind);
    assert_eq!(
        found.len(),
        1,
        "{kind} in {:?}",
        tests::event::kinds(events)
    );
    found[0]
}

/// A time attribute: RFC 3339, in UTC.
pub(crate) fn time(event: &Event, name: &str) -> Timestamp {
    let text = event.word(name);
    assert!(text.ends_with('Z'), "{name} {text:?}: {}", event.text());
    text.parse()
        .unwrap_or_else(|error| panic!("{name} {text:?}: {error}"))
}

/// `<epoch>-<offset>`.
pub(crate) fn check_cursor(text: &str) {
    let (epoch, offset) = text
        .split_once('-')
        .unwrap_or_else(|| panic!("no cursor: {text:?}"));
    assert!(
        epoch.len() == 8
            && epoch
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
        "{text}"
    );
    assert!(
        offset.len() == 16
            && offset
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
        "{text}"
    );
}

/// The version that the entity of an event carries, where it carries one.
fn entity_version(event: &Event) -> Option<u64> {
    let (collection, rest) = event.subject().split_once('/')?;
    let name = match collection {
        "queues" if rest.contains("/callers/") => "caller",
        // A participant has no version of its own; the conference beside it has.
        "conferences" if rest.contains("/participants/") => return None,
        other => other.strip_suffix('s')?,
    };
    event.data()[name]["version"].as_u64()
}

fn check_partition(event: &Event) {
    let (partition, correlation) = (event.word("partitionkey"), event.word("correlationid"));
    let entity = event.subject().split_once('/').unwrap().1;
    let of_call = ["call.", "leg.", "cdr.", "recording.", "queue.caller_"];
    if of_call
        .iter()
        .any(|prefix| event.kind().starts_with(prefix))
    {
        assert!(!correlation.is_empty(), "{}", event.text());
        if let Some(call) = event.data()["call"]["id"].as_str() {
            assert_eq!(partition, call);
            assert_eq!(event.data()["call"]["interaction_id"], correlation);
        }
    } else {
        assert_eq!(partition, entity, "{}", event.text());
        assert_eq!(correlation, "", "{}", event.text());
    }
}

/// `data` is the last member, `origin` the last of it, `payload` the last of that.
fn check_order(event: &Event) {
    let mut object = event.text();
    for name in ["data", "origin", "payload"] {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(object).unwrap();
        let Some(member) = members.get(name).map(|member| member.get()) else {
            assert_eq!(name, "payload", "{}", event.text());
            return;
        };
        assert!(
            object.ends_with(&format!("\"{name}\":{member}}}")),
            "{name} is not last: {}",
            event.text()
        );
        object = member;
    }
}

fn check_no_null(value: &Value, shown: &str) {
    match value {
        Value::Null => panic!("a null: {shown}"),
        Value::Array(items) => items.iter().for_each(|item| check_no_null(item, shown)),
        Value::Object(members) => {
            for (_, member) in members.iter().filter(|(name, _)| *name != "payload") {
                check_no_null(member, shown);
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
