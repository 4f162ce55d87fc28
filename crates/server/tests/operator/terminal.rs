//! What is only for terminals, in one: tmux plays the terminal, and shows what a person would see.

use std::{
    path::PathBuf,
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use server::adapters;

use crate::stage::{Stage, config, pbx, until};

/// A terminal in which a command runs. It ends with this.
struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    fn run(stage: &Stage, command: &str) -> Self {
        static TERMINALS: AtomicU32 = AtomicU32::new(0);
        let n = TERMINALS.fetch_add(1, Relaxed);
        let socket = stage.path(&format!("tmux-{n}"));
        let terminal = Self { socket };
        let started = terminal.tmux(&[
            "new-session",
            "-d",
            "-x",
            "160",
            "-y",
            "40",
            "-c",
            stage.path("").to_str().unwrap(),
            command,
        ]);
        assert!(
            started.status.success(),
            "tmux does not start (run ./tests/run): {started:?}"
        );
        // The last picture stays when the command has ended.
        terminal.tmux(&["set-option", "remain-on-exit", "on"]);
        terminal
    }

    /// What is shown, with the escape sequences of colours.
    fn picture(&self) -> String {
        // With what has scrolled off: a pane that ends moves up by a line.
        let captured = self.tmux(&["capture-pane", "-p", "-e", "-S", "-100"]);
        String::from_utf8_lossy(&captured.stdout).into_owned()
    }

    fn tmux(&self, args: &[&str]) -> Output {
        let tmux = Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .arg("-f")
            .arg("/dev/null")
            .args(args)
            .env("TERM", "xterm-256color")
            .output();
        tmux.unwrap_or_else(|error| panic!("tmux is needed (run ./tests/run): {error}"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_switchhook");

#[tokio::test(flavor = "multi_thread")]
async fn events_are_coloured_on_a_terminal_and_nowhere_else() {
    let stage = Stage::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let listen = free.to_string();
    let _demo = stage
        .command(&["demo", "--listen", &listen])
        .spawn()
        .unwrap();
    let url = format!("http://{listen}");
    until("the demo listens", || {
        std::net::TcpStream::connect(free).is_ok()
    })
    .await;
    let tail = format!("{PROGRAM} tail --url {url} --after earliest");
    let terminal = Terminal::run(&stage, &tail);
    until("coloured events", || {
        let picture = terminal.picture();
        picture.contains("call.") && picture.contains("\x1b[2m")
    })
    .await;
    drop(terminal);
    let plain = Terminal::run(&stage, &format!("NO_COLOR=1 {tail}"));
    until("events", || plain.picture().contains("call.")).await;
    assert!(!plain.picture().contains('\x1b'), "{}", plain.picture());
    drop(plain);

    let path = stage.path("tail.txt");
    let mut piped = stage.command(&["tail", "--url", &url, "--after", "earliest"]);
    let child = piped
        .stdout(std::fs::File::create(&path).unwrap())
        .spawn()
        .unwrap();
    until("events in a file", || {
        std::fs::read_to_string(&path).is_ok_and(|text| text.contains("call."))
    })
    .await;
    assert!(!stage.read("tail.txt").contains('\x1b'));
    drop(child);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_shows_how_it_goes_on() {
    let stage = Stage::new();
    let pbx = pbx(&adapters::ALL[0]).await;
    stage.write("switchhook.toml", &config(&pbx));
    let terminal = Terminal::run(&stage, &format!("{PROGRAM} record hq -o hq.jsonl"));
    until("progress", || {
        let picture = terminal.picture();
        picture.contains("recording hq · 00:00:") && picture.contains("KiB · connected (v22)")
    })
    .await;
    terminal.tmux(&["send-keys", "C-c"]);
    until("the end", || terminal.picture().contains(" frames in ")).await;
    assert!(
        !terminal.picture().contains("recording hq"),
        "the line is wiped: {}",
        terminal.picture()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_uses_colours_on_a_terminal() {
    let stage = Stage::new();
    let pbx = pbx(&adapters::ALL[1]).await;
    stage.write("switchhook.toml", &config(&pbx));
    let terminal = Terminal::run(&stage, &format!("{PROGRAM} doctor"));
    until("findings", || {
        let picture = terminal.picture();
        picture.contains("\x1b[32mok") && picture.contains("events")
    })
    .await;
}
