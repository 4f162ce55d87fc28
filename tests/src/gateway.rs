//! One `switchhook serve`, with levers: start, kill, terminate, start again on the same folder.

use std::{
    fs,
    io::{BufRead, BufReader, Write as _},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use tempfile::TempDir;

use crate::{
    Client, Setup, binary,
    log::{Kept, betrayal},
    wait,
};

/// A running gateway with a folder of its own.
#[derive(Debug)]
pub struct Gateway {
    folder: TempDir,
    address: SocketAddr,
    process: Process,
    wrapper: Vec<String>,
}

/// A program that is killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    /// Lines of stderr that tell what they must not.
    betrayals: Arc<Mutex<Vec<String>>>,
    collectors: Vec<thread::JoinHandle<()>>,
}

impl Gateway {
    /// Starts a gateway and waits until it answers.
    pub async fn start(setup: &Setup) -> Self {
        Self::start_under(setup, &[]).await
    }

    /// Starts a gateway through another program, such as one that limits what it may do.
    pub async fn start_under(setup: &Setup, wrapper: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // Somebody else may take the port between its choice and its use: then another one is chosen.
        for _ in 0..5 {
            let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
            fs::write(
                folder.path().join("switchhook.toml"),
                setup.text(address.port()),
            )
            .expect("the config");
            let wrapper: Vec<String> = wrapper.iter().map(|&word| word.to_owned()).collect();
            let mut process = serve(folder.path(), &wrapper);
            if answers(&mut process, address).await {
                return Self {
                    folder,
                    address,
                    process,
                    wrapper,
                };
            }
            let said = process.stderr();
            assert!(
                said.to_lowercase().contains("in use"),
                "the gateway does not start: {said}"
            );
        }
        panic!("no free port in five attempts");
    }

    /// Starts again on the same folder and port, after [`Self::kill`] or [`Self::terminate`].
    pub async fn start_again(&mut self) {
        self.process = serve(self.folder.path(), &self.wrapper);
        let ready = answers(&mut self.process, self.address).await;
        assert!(
            ready,
            "the gateway does not start again: {}",
            self.process.stderr()
        );
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGTERM; the end of the process.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.process.signal("TERM");
        self.process.ended().await
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// A client without credentials.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A file in its folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a config that may be anything; the gateway notices by itself.
    pub fn write_config(&self, text: &str) {
        fs::write(self.path("switchhook.toml"), text).expect("the config");
    }

    /// Writes another config; the gateway notices by itself.
    pub fn reconfigure(&self, setup: &Setup) {
        let text = setup.text(self.address.port());
        fs::write(self.path("switchhook.toml"), text).expect("the config");
    }
}

impl Process {
    /// Starts `switchhook` with arguments in a folder.
    #[must_use]
    pub fn switchhook(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(binary::switchhook());
        command.args(arguments);
        Self::spawn(command, folder)
    }

    fn spawn(mut command: Command, folder: &Path) -> Self {
        command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (stdout, out) = collect(child.stdout.take().expect("a pipe"), |_| {});
        let betrayals: Arc<Mutex<Vec<String>>> = Arc::default();
        let (noted, mut kept) = (Arc::clone(&betrayals), Kept::create());
        let (stderr, err) = collect(child.stderr.take().expect("a pipe"), move |line| {
            kept.keep(line);
            if let Some(what) = betrayal(line) {
                let mut noted = noted.lock().expect("no panic in a reader");
                noted.push(format!("{what}: {line}"));
            }
        });
        Self {
            child,
            stdout,
            stderr,
            betrayals,
            collectors: vec![out, err],
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to stderr so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr
            .lock()
            .expect("no panic in the collector")
            .clone()
    }

    /// What it has written to stdout so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.stdout
            .lock()
            .expect("no panic in the collector")
            .clone()
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id();
        let sent = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{name} {pid}"))
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "no signal {name} to {pid}"
        );
    }

    /// SIGKILL; returns when the process is gone.
    pub fn kill(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let status = wait::until("the process ends", || {
            let ended = self.child.try_wait().expect("a child of ours");
            async move { ended }
        })
        .await;
        // Its last words are read to the end, too.
        for collector in self.collectors.drain(..) {
            collector.join().expect("no panic in the collector");
        }
        status
    }

    /// True until it has ended.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            // Without stderr there is nobody to tell.
            let _ = write!(
                std::io::stderr(),
                "--- switchhook said:\n{}---\n",
                self.stderr()
            );
            return;
        }
        let betrayals = self.betrayals.lock().expect("no panic in a reader");
        assert!(betrayals.is_empty(), "the log tells {betrayals:#?}");
    }
}

fn serve(folder: &Path, wrapper: &[String]) -> Process {
    let mut words = wrapper.iter().map(String::as_str).chain([
        binary::switchhook().to_str().expect("a readable path"),
        "serve",
        "-c",
        "switchhook.toml",
    ]);
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words);
    Process::spawn(command, folder)
}

/// False when the process ended before it answered.
async fn answers(process: &mut Process, address: SocketAddr) -> bool {
    let client = &Client::new(address);
    wait::until("the gateway answers /livez", || {
        let runs = process.runs();
        async move {
            let live = client
                .try_get("/livez")
                .await
                .is_ok_and(|answer| answer.status == 200);
            (live || !runs).then_some(live)
        }
    })
    .await
}

/// A port that was free a moment ago.
#[must_use]
pub fn free_port() -> u16 {
    let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    socket.local_addr().expect("its address").port()
}

/// Keeps the last 256 KiB of what a program writes.
fn collect(
    pipe: impl std::io::Read + Send + 'static,
    mut each: impl FnMut(&str) + Send + 'static,
) -> (Arc<Mutex<String>>, thread::JoinHandle<()>) {
    const KEEP: usize = 256 * 1024;
    let text = Arc::new(Mutex::new(String::new()));
    let shared = Arc::clone(&text);
    let reader = thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            each(&line);
            let mut text = shared.lock().expect("no panic in a reader");
            text.push_str(&line);
            text.push('\n');
            if text.len() > 2 * KEEP {
                let cut = text.ceil_char_boundary(text.len() - KEEP);
                text.drain(..cut);
            }
        }
    });
    (text, reader)
}
