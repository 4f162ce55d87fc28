//! A folder, the program in it, and PBXs to point it at.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use server::adapters::{Entry, Simulated, Simulation};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder of its own.
pub(crate) struct Stage {
    folder: TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program, with no variables of ours.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchhook"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output();
        let output = tokio::time::timeout(PATIENCE, output).await;
        Ran::of(
            output
                .unwrap_or_else(|_| panic!("{args:?} does not end"))
                .unwrap(),
        )
    }
}

/// What came of a program.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It ended well.
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.err, self.out);
        self
    }
}

/// Ends a program as ^C does, and waits for it.
pub(crate) async fn interrupt(child: Child) -> Ran {
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output());
    Ran::of(output.await.unwrap().unwrap())
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A busy simulated PBX.
pub(crate) async fn pbx(entry: &Entry) -> Simulated {
    let wish = Simulation {
        rate: Some(20.0),
        seed: Some(7),
        ..Simulation::default()
    };
    (entry.simulate)(wish).await.unwrap()
}

/// A config with one source, `hq`, in a tenant called `acme`.
pub(crate) fn config(pbx: &Simulated) -> String {
    let tenant = pbx.tenant.as_deref().unwrap_or("none");
    format!(
        "[tenants]\nacme = {{ hq = {tenant:?} }}\n\n[sources.hq]\n{}",
        pbx.source
    )
}

/// Whether only its owner may read a file.
pub(crate) fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o077 == 0
}
