//! Many who come and go beside a busy PBX: each hears every call of its extension once and in order, however often it
//! leaves.
//!
//! `SOAK_MINUTES=60 cargo test --release --workspace --all-features --test it soak -- --nocapture` keeps a pace of 2,000
//! events a second with 1,000 subscribers while retention deletes what lies behind them, prints every minute what the
//! gateway holds, and fails when its memory grows. Without it retention has nothing to do: nobody may depend on its speed.

use std::{
    collections::VecDeque,
    env, fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use tests::{
    Client, Gateway, Pbx, Setup,
    portsip::{Call, Outcome},
    ws::Stream,
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, interval},
};

use crate::support::synced;

/// Calls go to extensions from 101 on, in turn.
const EXTENSIONS: usize = 20;
/// Calls that are open at a time.
const OPEN: usize = 400;
/// Between two rounds of calls when a pace is kept, and how many end and begin in a round: each is 13 events in all.
const ROUND: (Duration, usize) = (Duration::from_millis(25), 4);
/// Rounds.
const A_MINUTE: u32 = 2_400;
/// Half a minute at that pace: retention has work to do, and nobody is away for so long.
const LOG: &str = "retention = { hours = 72, bytes = \"64MiB\" }";
/// Within the last three quarters of the time, beside what is kept of each closed call, up to a million of them.
const GROWTH: f64 = 1.1;
/// MiB.
const CLOSED: f64 = 200.0 / 1_048_576.0;

#[tokio::test]
async fn who_comes_and_goes_misses_nothing() {
    let minutes: Option<u32> = env::var("SOAK_MINUTES")
        .ok()
        .map(|told| told.parse().unwrap());
    let pbx = Pbx::start().await;
    let mut gateway = Gateway::start(&Setup::with(&pbx).log(LOG)).await;
    let client = gateway.client();
    synced(&client, "hq").await;
    let head = position(&client).await;
    let told = Arc::new(Told::default());
    let subscribers = if minutes.is_some() { 1_000 } else { 60 };
    let mut readers = JoinSet::new();
    for number in 0..subscribers {
        let extension = number % EXTENSIONS;
        let query = format!(
            "types=call.ended&extensions={}&payload=false",
            101 + extension
        );
        let stream = client.stream(&query).await;
        let reader = Reader {
            client: client.clone(),
            told: Arc::clone(&told),
            query,
            extension,
            seed: number as u64,
        };
        readers.spawn(reader.read(stream));
    }

    let mut feed = Feed {
        pbx,
        told,
        open: VecDeque::new(),
        begun: 0,
    };
    let begun = Instant::now();
    let mut resident = Vec::new();
    for minute in 1..=minutes.unwrap_or(0) {
        let mut ticks = interval(ROUND.0);
        for _ in 0..A_MINUTE {
            ticks.tick().await;
            feed.round().await;
        }
        let mib = holds(gateway.process().id());
        println!("minute {minute}: {} calls begun, {mib:.1} MiB", feed.begun);
        resident.push((feed.begun, mib));
    }
    while feed.begun < 4 * OPEN {
        feed.round().await;
    }
    feed.finish().await;
    let mut visits = 0;
    while let Some(read) = readers.join_next().await {
        visits += read.unwrap();
    }
    let events = position(&client).await - head;
    println!(
        "{events} events ({:.0} a second) of {} calls; {subscribers} subscribers came {visits} times",
        events as f64 / begun.elapsed().as_secs_f64(),
        feed.begun,
    );
    assert!(visits > 2 * subscribers, "nobody came and went");
    assert_eq!(client.json("/v1/sources/hq").await["state"], "synced");
    // Memory that is taken once is no growth: the first quarter is not looked at.
    let settled = &resident[resident.len() / 4..];
    if let (Some((calls, first)), Some((more, last))) = (settled.first(), settled.last()) {
        let kept = (more - calls) as f64 * CLOSED;
        assert!(
            *last <= first * GROWTH + kept,
            "{first:.1} MiB became {last:.1}"
        );
    }
}

/// Calls that begin, are answered and end, so many open at a time.
struct Feed {
    pbx: Pbx,
    told: Arc<Told>,
    open: VecDeque<(usize, Call)>,
    begun: usize,
}

impl Feed {
    async fn round(&mut self) {
        for _ in 0..ROUND.1 {
            let extension = self.begun % EXTENSIONS;
            let caller = format!("02{:09}", self.begun);
            let callee = (101 + extension).to_string();
            let call = self.pbx.tenant().inbound(&caller, &callee);
            let steps = ["add", "ringing", "answer"].map(|step| call.target(step));
            self.pbx.say(&call.start()).await;
            self.pbx.say_all(&steps).await;
            self.open.push_back((extension, call));
            self.begun += 1;
        }
        while self.open.len() > OPEN
            && let Some((extension, call)) = self.open.pop_front()
        {
            self.told.tell(extension, &call);
            self.end(&call).await;
        }
    }

    /// All that is open ends, and it is known before that this is all.
    async fn finish(&mut self) {
        for (extension, call) in &self.open {
            self.told.tell(*extension, call);
        }
        self.told.all.send_modify(|all| all.over = true);
        for (_, call) in &self.open {
            self.end(call).await;
        }
    }

    async fn end(&self, call: &Call) {
        let record = call.record(Outcome::Answered);
        self.pbx.say_all(&[call.target("end"), record]).await;
    }
}

/// The calls that have ended, by extension, in order.
#[derive(Default)]
struct Told {
    sessions: [Mutex<Vec<String>>; EXTENSIONS],
    all: watch::Sender<Sum>,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    calls: usize,
    over: bool,
}

impl Told {
    /// Called before the PBX says it: nobody may hear what was not told.
    fn tell(&self, extension: usize, call: &Call) {
        let mut sessions = self.sessions[extension].lock().unwrap();
        sessions.push(call.session());
        self.all.send_modify(|all| all.calls += 1);
    }

    /// The session of a call by its place.
    fn session(&self, extension: usize, place: usize) -> Option<String> {
        let sessions = self.sessions[extension].lock().unwrap();
        sessions.get(place).cloned()
    }
}

/// One who listens to the calls of an extension, now and then.
struct Reader {
    client: Client,
    told: Arc<Told>,
    query: String,
    extension: usize,
    seed: u64,
}

impl Reader {
    /// Hears every call, until all is told; how often it came for that.
    async fn read(mut self, mut stream: Stream) -> usize {
        let (mut heard, mut visits) = (0, 1);
        loop {
            let mut cursor = String::new();
            for _ in 0..1 + self.chance(30) {
                // What is over holds all that there will be.
                let over = self.told.all.borrow().over;
                if over && self.told.session(self.extension, heard).is_none() {
                    return visits;
                }
                let event = stream.event().await;
                let expected = self.told.session(self.extension, heard).unwrap();
                assert!(
                    event.word("partitionkey").ends_with(&expected),
                    "call {heard} is {expected}: {}",
                    event.text()
                );
                heard += 1;
                event.id().clone_into(&mut cursor);
            }
            // Without a word.
            drop(stream);
            stream = self.come_back(&cursor).await;
            visits += 1;
        }
    }

    /// After some more calls have ended.
    async fn come_back(&mut self, cursor: &str) -> Stream {
        let pause = self.chance(100);
        let mut all = self.told.all.subscribe();
        let back = all.borrow().calls + pause;
        all.wait_for(|all| all.over || all.calls >= back)
            .await
            .unwrap();
        let query = format!("{}&after={cursor}", self.query);
        self.client.stream(&query).await
    }

    fn chance(&mut self, below: usize) -> usize {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.seed >> 33).unwrap() % below
    }
}

/// MiB that a process holds.
fn holds(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap();
    kib.parse::<f64>().unwrap() / 1024.0
}

/// Of the newest event.
async fn position(client: &Client) -> u64 {
    let page = client.get("/v1/calls?limit=1").await;
    let (_, offset) = page
        .header("switchhook-cursor")
        .unwrap()
        .split_once('-')
        .unwrap();
    u64::from_str_radix(offset, 16).unwrap()
}
