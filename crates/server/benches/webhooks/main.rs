//! What deliveries cost: a whole gateway, a feed that is never short of events, and receivers on this machine that answer
//! at once. The receivers are processes of their own, so what is measured is the gateway's.

#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

mod feed;
mod receiver;

use std::{
    env,
    error::Error,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use server::{
    config::{Config, Outside, Variables},
    gateway::{Gateway, Means},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Events of a run.
const EVENTS: u64 = 40_000;
/// Tells a process that it is a receiver, and of how many events.
const RECEIVER: &str = "SWITCHHOOK_BENCH_RECEIVER";
/// No run takes longer: one that does has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Outcome<()> {
    if let Ok(count) = env::var(RECEIVER) {
        return receiver::run(count.parse()?);
    }
    let runtime = Runtime::new()?;
    println!(
        "                            deliveries/s   CPU µs each   (folding and committing the same events alone)"
    );
    for (name, endpoints, order) in [
        ("1 endpoint, in order", 1, "partition"),
        ("1 endpoint, in no order", 1, "none"),
        ("4 endpoints, in order", 4, "partition"),
    ] {
        let figures = runtime.block_on(measured(endpoints, order))?;
        let made = (EVENTS * endpoints) as f64;
        println!(
            "{name:<25} {:>14.0} {:>13.1}   {:.1}",
            made / figures.wall.as_secs_f64(),
            micros(figures.cpu.saturating_sub(figures.feed)) / made,
            micros(figures.feed) / EVENTS as f64,
        );
    }
    Ok(())
}

struct Figures {
    wall: Duration,
    /// Of the whole gateway while it delivered.
    cpu: Duration,
    /// The same while nobody was delivered to.
    feed: Duration,
}

/// A receiver, and what it says.
struct Receiver {
    child: Child,
    said: BufReader<ChildStdout>,
    address: SocketAddr,
}

async fn measured(endpoints: u64, order: &str) -> Outcome<Figures> {
    let folder = tempfile::tempdir()?;
    let means = Means {
        build: |_| Some(Box::new(feed::Feed::new())),
        ..Means::default()
    };
    let gateway = Gateway::start_with(config(folder.path())?, means).await?;
    let (address, stop) = (gateway.address(), CancellationToken::new());
    let running = tokio::spawn(gateway.run(None, stop.clone()));
    // The first round only makes the extensions known.
    settled(address, feed::say(feed::EXTENSIONS)).await?;
    let before = cpu();
    settled(address, feed::say(EVENTS)).await?;
    let feed = cpu().saturating_sub(before);

    let mut receivers = Vec::new();
    for _ in 0..endpoints {
        let receiver = Receiver::start()?;
        let body = format!(
            "{{\"url\":\"http://{}/hook\",\"types\":[\"extension.registration_changed\"],\"order\":\"{order}\"}}",
            receiver.address
        );
        let made = ask(address, "POST", "/v1/webhooks", &body).await?;
        if !made.starts_with("HTTP/1.1 201 ") {
            return Err(made.into());
        }
        receivers.push(receiver);
    }
    let (before, begun) = (cpu(), Instant::now());
    feed::say(EVENTS);
    let all = tokio::task::spawn_blocking(move || {
        receivers
            .iter_mut()
            .try_for_each(|receiver| receiver.line().map(drop))
    });
    tokio::time::timeout(PATIENCE, all)
        .await??
        .map_err(|error| error.to_string())?;
    let (wall, cpu) = (begun.elapsed(), cpu().saturating_sub(before));
    stop.cancel();
    running.await??;
    Ok(Figures { wall, cpu, feed })
}

impl Receiver {
    fn start() -> Outcome<Self> {
        let mut child = Command::new(env::current_exe()?)
            .env(RECEIVER, EVENTS.to_string())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = child.stdout.take().ok_or("a receiver without a voice")?;
        let mut said = BufReader::new(said);
        let mut line = String::new();
        said.read_line(&mut line)?;
        let address = line.trim().parse()?;
        Ok(Self {
            child,
            said,
            address,
        })
    }

    /// It says something when it has got all.
    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        Ok(line)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until everything that was said is in the state.
async fn settled(address: SocketAddr, last: String) -> Outcome<()> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let path = format!("/v1/extensions/feed:{last}");
        if ask(address, "GET", &path, "")
            .await?
            .starts_with("HTTP/1.1 200 ")
        {
            return Ok(());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Err("the feed is not folded".into())
}

async fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Outcome<String> {
    let mut socket = TcpStream::connect(address).await?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

fn config(folder: &Path) -> Outcome<Config> {
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[log]\npath = {:?}\n[sources.feed]\nadapter = \"feed\"\nurl = \"ws://127.0.0.1:1\"\n\
         [webhooks]\nallow_http = true\nallow_networks = [\"127.0.0.0/8\"]\n",
        folder.join("events.db")
    );
    let variables = Variables::new();
    let outside = Outside {
        variables: &variables,
        read_file: &|path: &Path| std::fs::read_to_string(path),
    };
    Ok(Config::read(
        Path::new("bench.toml"),
        &text,
        outside,
        &[feed::ENTRY],
    )?)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// What this process has used of all processors.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}
