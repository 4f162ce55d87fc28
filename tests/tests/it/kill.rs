//! SIGKILL under load, again and again: what anyone saw stays, and nothing is told twice.
//!
//! `KILL_ROUNDS=100 cargo nextest run -p tests nothing_seen_is_lost` kills it that often.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tests::{Event, Pbx, client::events_path, ws::Frame};

use crate::support::{check_envelope, check_log, of_kind, pair, synced};

/// How often it is killed when nobody says otherwise.
const ROUNDS: usize = 15;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_seen_is_lost_and_nothing_is_doubled() {
    let rounds = std::env::var("KILL_ROUNDS").map_or(ROUNDS, |told| told.parse().unwrap());
    let (pbx, mut gateway) = pair().await;
    let pbx = Arc::new(pbx);
    let client = gateway.client();
    let traffic = tokio::spawn(traffic(Arc::clone(&pbx)));
    let seen: Arc<Mutex<BTreeMap<String, Event>>> = Arc::default();
    let mut last: Option<String> = None;
    for round in 0..rounds {
        // A client that looks at a page, one that goes on where it was, and one that begins anew.
        let after = format!("after={}", last.as_deref().unwrap_or("earliest"));
        let page = client
            .get(&events_path(&format!("{after}&limit=1000")))
            .await;
        note(&seen, page.events());
        let mut stream = client.stream(&after).await;
        let mut fresh = client.stream("").await;
        for _ in 0..40 + 23 * (round % ROUNDS) {
            let event = stream.event().await;
            last = Some(event.id().to_owned());
            note(&seen, vec![event]);
        }
        gateway.kill();
        // What was already on its way was seen, too.
        for stream in [&mut stream, &mut fresh] {
            while let Frame::Event(event) = stream.next().await {
                note(&seen, vec![event]);
            }
        }
        gateway.start_again().await;
    }
    synced(&client, "hq").await;
    traffic.abort();

    // One more clean life, so that the end is quiet.
    gateway.terminate().await;
    gateway.start_again().await;
    let all = client.history("").await;
    let log: BTreeMap<&str, &Event> = all.iter().map(|event| (event.id(), event)).collect();
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 1000, "{}", seen.len());
    for (id, event) in seen.iter() {
        let kept = log
            .get(id.as_str())
            .unwrap_or_else(|| panic!("{id} was seen and is lost: {}", event.text()));
        assert!(
            *kept == event,
            "{id} has changed: {} was {}",
            kept.text(),
            event.text()
        );
    }
    check_log(&all);
    all.iter().for_each(check_envelope);
    // A life may end before the PBX was reached again: the next one's gap covers it.
    let (gaps, lives) = (
        of_kind(&all, "source.gap").len(),
        of_kind(&all, "source.synced").len(),
    );
    assert!(lives > rounds / 2, "{lives} lives reached the PBX");
    assert!(
        gaps >= lives - 1,
        "every restart is a window in which something may have been missed: {gaps} in {lives} lives"
    );
}

/// Calls without end, in groups, told step by step; after a break the last group is told once more, as a PBX may.
async fn traffic(pbx: Arc<Pbx>) {
    loop {
        let group: Vec<Vec<Value>> = (0..4)
            .map(|_| pbx.tenant().internal("101", "102").answered())
            .collect();
        let connection = pbx.accepted();
        for _ in 0..2 {
            for step in 0..group[0].len() {
                for frames in &group {
                    pbx.say(&frames[step]).await;
                }
            }
            if pbx.accepted() == connection {
                break;
            }
        }
    }
}

/// Remembers events of the log. The same id never bears another event.
fn note(seen: &Mutex<BTreeMap<String, Event>>, events: Vec<Event>) {
    let mut seen = seen.lock().unwrap();
    for event in events.into_iter().filter(|event| !event.is_about_stream()) {
        if let Some(known) = seen.get(event.id()) {
            assert!(
                *known == event,
                "one id, two events: {} and {}",
                known.text(),
                event.text()
            );
        } else {
            seen.insert(event.id().to_owned(), event);
        }
    }
}
