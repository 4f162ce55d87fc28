//! Fan-out against the floor: one write(2) of a finished frame for each delivery, on the same sockets in the same run.
//!
//! `cargo bench -p hub --bench fanout`. What counts are the ratios; one thread reads for all subscribers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program to be run by hand"
)]

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hub::{
    draft::Draft,
    fanout::{
        Control, History, HistoryError, HistoryPage, Opening, Options, Socket, Start, Subscription,
        start,
    },
    filter::{Filter, FilterSpec, Narrowing, Variant},
    seal::Sealer,
    stream::{Announcement, ConnectionId},
    tail::{Tail, TailLimits},
};
use mio::{Events, Interest, Poll, Token};
use model::{Clock, Data, Epoch, EventType, Now, Payload, Position, SourceId, Timestamp};

/// How events come: so many at once, so long apart; nothing between them means as fast as they are read.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    at_once: usize,
    apart: Duration,
    rounds: u64,
}

/// What a delivery cost.
struct Cost {
    per_second: f64,
    cpu_us: f64,
}

fn main() {
    let loads = [
        Load {
            name: "200 msg/s",
            at_once: 1,
            apart: Duration::from_millis(5),
            rounds: 400,
        },
        Load {
            name: "1000 msg/s",
            at_once: 1,
            apart: Duration::from_millis(1),
            rounds: 1_500,
        },
        Load {
            name: "saturated, one at a time",
            at_once: 1,
            apart: Duration::ZERO,
            rounds: 1_500,
        },
        Load {
            name: "saturated, 32 in flight",
            at_once: 32,
            apart: Duration::ZERO,
            rounds: 400,
        },
    ];
    println!(
        "{:>5}  {:<26}{:>14}{:>12}{:>14}{:>12}{:>10}",
        "subs", "load", "ours/s", "ours us", "floor/s", "floor us", "us ratio"
    );
    for subscribers in [100, 1_000] {
        for load in loads {
            if subscribers == 1_000 && load.apart == Duration::from_millis(1) {
                continue;
            }
            let floor = floor(subscribers, load);
            let ours = ours(subscribers, load);
            println!(
                "{subscribers:>5}  {:<26}{:>14.0}{:>12.2}{:>14.0}{:>12.2}{:>9.2}x",
                load.name,
                ours.per_second,
                ours.cpu_us,
                floor.per_second,
                floor.cpu_us,
                ours.cpu_us / floor.cpu_us
            );
        }
    }
    println!("idle: {:.1} KiB a connection", idle(2_000));
}

fn ours(subscribers: usize, load: Load) -> Cost {
    let (tail, fanout) = running();
    let readers = Readers::new(subscribers, |server| {
        let opening = Opening::Stream(Box::new(everything()));
        fanout
            .adopt(
                fanout.next_id(),
                Socket::Plain(server),
                Bytes::new(),
                opening,
            )
            .unwrap();
    });
    let opened = readers.settle();
    let mut sealer = Sealer::new(tail.epoch(), Position(1));
    let blocks: Vec<_> = (0..load.rounds)
        .map(|_| sealer.seal(&vec![event(); load.at_once]))
        .collect();
    let expected =
        |round: u64| opened + (round + 1) * frames(load.at_once).len() as u64 * subscribers as u64;
    measure(subscribers, load, "fanout-0", |round| {
        tail.publish(&blocks[usize::try_from(round).unwrap()]);
        readers.wait_for(expected(round), load);
    })
}

fn floor(subscribers: usize, load: Load) -> Cost {
    let mut sockets = Vec::new();
    let readers = Readers::new(subscribers, |server| {
        server.set_nonblocking(true).unwrap();
        sockets.push(server);
    });
    let frame = frames(1);
    let total = (frame.len() * load.at_once * subscribers) as u64;
    let (go, rounds) = std::sync::mpsc::channel::<()>();
    let writer = thread::Builder::new().name("floor".into()).spawn(move || {
        for () in rounds {
            for _ in 0..load.at_once {
                for socket in &mut sockets {
                    write_all(socket, &frame);
                }
            }
        }
    });
    let cost = measure(subscribers, load, "floor", |round| {
        go.send(()).unwrap();
        readers.wait_for((round + 1) * total, load);
    });
    drop(go);
    writer.unwrap().join().unwrap();
    cost
}

fn write_all(socket: &mut TcpStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match socket.write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

fn measure(subscribers: usize, load: Load, thread: &str, mut round: impl FnMut(u64)) -> Cost {
    let (began, cpu) = (Instant::now(), cpu_of(thread));
    for n in 0..load.rounds {
        let due = began + load.apart * u32::try_from(n).unwrap();
        thread::sleep(due.saturating_duration_since(Instant::now()));
        round(n);
    }
    let (took, cpu) = (began.elapsed(), cpu_of(thread) - cpu);
    let deliveries = (load.rounds * (load.at_once * subscribers) as u64) as f64;
    Cost {
        per_second: deliveries / took.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / deliveries,
    }
}

/// KiB of memory that grow with each connection.
fn idle(connections: usize) -> f64 {
    let (_tail, fanout) = running();
    let mut grown = 0;
    let readers = Readers::new(connections, |server| {
        if grown == 0 {
            grown = resident();
        }
        let opening = Opening::Stream(Box::new(everything()));
        fanout
            .adopt(
                fanout.next_id(),
                Socket::Plain(server),
                Bytes::new(),
                opening,
            )
            .unwrap();
    });
    readers.settle();
    resident().saturating_sub(grown) as f64 / connections as f64
}

/// One thread that reads whatever comes on all sockets.
struct Readers(Arc<AtomicU64>);

impl Readers {
    fn new(n: usize, mut adopt: impl FnMut(TcpStream)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut poll = Poll::new().unwrap();
        let mut clients = Vec::new();
        for at in 0..n {
            let client = TcpStream::connect(address).unwrap();
            let (server, _) = listener.accept().unwrap();
            server.set_nodelay(true).unwrap();
            client.set_nonblocking(true).unwrap();
            let mut client = mio::net::TcpStream::from_std(client);
            poll.registry()
                .register(&mut client, Token(at), Interest::READABLE)
                .unwrap();
            clients.push(client);
            adopt(server);
        }
        let read = Arc::new(AtomicU64::new(0));
        let total = Arc::clone(&read);
        thread::spawn(move || {
            let mut buffer = vec![0; 256 * 1024];
            let mut events = Events::with_capacity(1_024);
            let mut open: Vec<bool> = vec![true; clients.len()];
            while open.contains(&true) {
                poll.poll(&mut events, None).unwrap();
                for event in &events {
                    let at = event.token().0;
                    while open[at] {
                        match clients[at].read(&mut buffer) {
                            Ok(0) => open[at] = false,
                            Ok(n) => {
                                total.fetch_add(n as u64, Ordering::Release);
                            }
                            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                            Err(_) => open[at] = false,
                        }
                    }
                }
            }
        });
        Self(read)
    }

    /// Waits until nothing comes any more; what came.
    fn settle(&self) -> u64 {
        let mut before = u64::MAX;
        loop {
            let now = self.0.load(Ordering::Acquire);
            if now == before {
                return now;
            }
            before = now;
            thread::sleep(Duration::from_millis(300));
        }
    }

    /// When events come as fast as they are read, waits for so many bytes.
    fn wait_for(&self, bytes: u64, load: Load) {
        while load.apart.is_zero() && self.0.load(Ordering::Acquire) < bytes {
            thread::sleep(Duration::from_micros(20));
        }
    }
}

fn running() -> (Tail, hub::fanout::Fanout) {
    let tail = Tail::new(
        Epoch::from_random([7; 8]),
        Position(0),
        TailLimits::default(),
    );
    let (history, control): (Arc<dyn History>, Arc<dyn Control>) =
        (Arc::new(Nothing), Arc::new(Nothing));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock(Instant::now()));
    let fanout = start(&Options::default(), &tail, &history, &control, &clock).unwrap();
    (tail, fanout)
}

fn everything() -> Subscription {
    let (filter, scope) = (FilterSpec::default(), Narrowing::none());
    Subscription {
        filter: Arc::new(Filter::compile(&filter, &scope)),
        variant: Variant::FULL,
        from: Start::Live,
        snapshot: None,
        announcement: Announcement {
            filter,
            scope,
            scopes: Vec::new(),
            warnings: Vec::new(),
        },
        reset: None,
    }
}

/// An event of about 600 bytes.
fn event() -> Draft {
    let mut data = Data::default();
    data.origin.payload = Some(Payload::from_value(&"x".repeat(190).into()));
    Draft {
        kind: EventType::CallUpdated,
        source: SourceId::new("hq").ok(),
        subject: "calls/hq:885337248273272832".into(),
        time: Timestamp::from_secs(1_700_000_000),
        recorded: Timestamp::from_secs(1_700_000_000),
        tenant: Some("acme".into()),
        partitionkey: "hq:885337248273272832".into(),
        correlationid: None,
        version: 1,
        expires: None,
        data,
        extensions: Default::default(),
        queues: Default::default(),
        private: false,
        mixed: false,
        closes: None,
    }
}

/// The bytes of so many events on the wire.
fn frames(n: usize) -> Vec<u8> {
    let blocks = Sealer::new(Epoch::from_random([7; 8]), Position(1)).seal(&[event()]);
    let json = blocks[0].json(&blocks[0].entries[0]);
    let len = u16::try_from(json.len()).unwrap();
    [&[0x81, 126][..], &len.to_be_bytes(), json]
        .concat()
        .repeat(n)
}

/// Time a thread was on a processor.
fn cpu_of(name: &str) -> Duration {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux");
    let nanos = tasks.flatten().filter_map(|task| {
        let comm = fs::read_to_string(task.path().join("comm")).ok()?;
        let stat = fs::read_to_string(task.path().join("schedstat")).ok()?;
        (comm.trim() == name).then_some(stat.split(' ').next()?.parse::<u64>().ok()?)
    });
    Duration::from_nanos(nanos.sum())
}

/// KiB of this process in memory.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

struct Nothing;

struct SystemClock(Instant);

impl History for Nothing {
    fn page(&self, after: Position, _: &Filter, _: usize) -> Result<HistoryPage, HistoryError> {
        Err(HistoryError::Expired(after))
    }
}

impl Control for Nothing {
    fn text(&self, _: ConnectionId, _: String) {}
    fn closed(&self, _: ConnectionId) {}
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let mono = self.0.elapsed();
        Now {
            mono,
            wall: Timestamp::from_secs(1_700_000_000).after(mono),
        }
    }
}
