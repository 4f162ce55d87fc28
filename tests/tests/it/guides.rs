//! The guides in `docs/`: what they tell a reader to type is typed, in order, and works.
//!
//! A fenced block is a step; its info string says how it is done (see [`steps`]). The port and the way the program is
//! started are the reader's own; everything else is typed as it stands.

mod console;
mod steps;

use std::{fs, net::SocketAddr, path::Path, process::Stdio};

use tempfile::TempDir;
use tests::{Client, binary, gateway::free_port, wait};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use self::{
    console::Console,
    steps::{Step, steps},
};

#[tokio::test]
async fn the_quick_start_leads_to_events() {
    follow("quick-start.md").await;
}

#[tokio::test]
async fn the_guide_to_resuming_is_true() {
    follow("resuming.md").await;
}

#[tokio::test]
async fn the_guide_to_security_is_true() {
    follow("security.md").await;
}

async fn follow(guide: &str) {
    let text = fs::read_to_string(binary::workspace().join("docs").join(guide)).unwrap();
    let steps = steps(&text);
    assert!(steps.len() > 2, "{guide} tells nothing to do");
    let reader = Reader::new();
    let mut kept = Vec::new();
    let mut console = None;
    for (line, step) in steps {
        let place = format!("docs/{guide}:{line}");
        match step {
            Step::Run(script) => reader.run(&place, &script).await,
            Step::Keep { script, ready } => kept.push(reader.keep(&place, &script, &ready).await),
            Step::Watch(script) => reader.watch(&place, &script).await,
            Step::Console { script, says } => {
                let console = match &mut console {
                    Some(open) => open,
                    None => console.insert(Console::open(reader.address)),
                };
                console.paste(&place, &script, &says).await;
            }
        }
    }
}

/// Somebody with a shell, in a folder of their own.
struct Reader {
    folder: TempDir,
    address: SocketAddr,
}

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let program = folder.path().join("bin/switchhook");
        fs::create_dir(folder.path().join("bin")).unwrap();
        let path = binary::switchhook().display();
        let wrapper = format!(
            "#!/bin/sh\nif [ \"$1\" = demo ]; then shift; set -- demo --listen {address} \"$@\"; fi\nexec {path} \"$@\"\n"
        );
        fs::write(&program, wrapper).unwrap();
        executable(&program);
        Self { folder, address }
    }

    fn shell(&self, script: &str) -> Command {
        let script = script
            .replace("cargo run --release -- ", "switchhook ")
            .replace("127.0.0.1:7575", &self.address.to_string());
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("bash");
        shell
            .args(["-euo", "pipefail", "-c", &script])
            .current_dir(self.folder.path())
            .env(
                "PATH",
                format!("{}/bin:{path}", self.folder.path().display()),
            )
            .env("HOME", self.folder.path())
            .env("SWITCHHOOK_URL", format!("http://{}", self.address))
            .env("SWITCHHOOK_SERVER__LISTEN", self.address.to_string())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        shell
    }

    /// Until it works: a reader who is too early asks again.
    async fn run(&self, place: &str, script: &str) {
        wait::until(format!("{place} works:\n{script}"), || async {
            let output = self.shell(script).output().await.unwrap();
            output.status.success().then_some(())
        })
        .await;
    }

    async fn keep(&self, place: &str, script: &str, ready: &str) -> Child {
        let mut shell = self.shell(&format!("exec {script}"));
        let child = shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let client = &Client::new(self.address);
        wait::until(format!("{place} answers at {ready}"), || async move {
            let answer = client.try_get(ready).await;
            answer
                .is_ok_and(|answer| answer.status == 200)
                .then_some(())
        })
        .await;
        child.unwrap()
    }

    /// Until it has shown something.
    async fn watch(&self, place: &str, script: &str) {
        let mut shell = self.shell(&format!("exec {script}"));
        let mut child = shell.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let shown = wait::within(place, async {
            loop {
                match lines.next_line().await.unwrap() {
                    Some(line) if line.contains("call.") => return true,
                    Some(_) => {}
                    None => return false,
                }
            }
        });
        assert!(
            shown.await,
            "{place}: it ended and showed no call:\n{script}"
        );
    }
}

fn executable(program: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
}
