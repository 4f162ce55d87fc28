//! Finds the `switchhook` program that belongs to the sources the tests were built from.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::SystemTime,
};

/// The program, built from this workspace as it stands.
///
/// `SWITCHHOOK_BIN` names another one. Otherwise it lies beside the test executable; when it is missing, older than its
/// sources, or built from another checkout that shares the target folder, it is built first, once for all test processes.
///
/// # Panics
/// When it cannot be built.
pub fn switchhook() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(given) = env::var_os("SWITCHHOOK_BIN") {
            return given.into();
        }
        let folder = profile_folder();
        let program = folder.join(format!("switchhook{}", env::consts::EXE_SUFFIX));
        let lock = fs::File::create(folder.join(".switchhook-tests.lock"))
            .expect("a lock file beside the program");
        lock.lock().expect("the lock of the program");
        if !is_current(&program) {
            build(&folder);
        }
        program
    })
}

/// `target/<profile>`: the test executable lies in `deps` below it.
fn profile_folder() -> PathBuf {
    let test = env::current_exe().expect("the path of the test executable");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("target/<profile>/deps/<test>");
    folder.to_owned()
}

/// True when the program is of this workspace and no source of it is younger; cargo lists the sources beside it.
fn is_current(program: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let (Some(built), Ok(listing)) = (
        modified(program),
        fs::read_to_string(program.with_extension("d")),
    ) else {
        return false;
    };
    let Some((_, sources)) = listing.split_once(": ") else {
        return false;
    };
    let younger = |source: &Path| modified(source).unwrap_or(SystemTime::now()) > built;
    let mut sources = sources.split_whitespace().map(Path::new).peekable();
    sources.peek().is_some()
        && sources.all(|source| source.starts_with(workspace()) && !younger(source))
}

fn build(folder: &Path) {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(workspace())
        .args(["build", "--package", "server", "--bin", "switchhook"])
        .env(
            "CARGO_TARGET_DIR",
            folder.parent().expect("target/<profile>"),
        );
    match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => {}
        Some(profile) => {
            cargo.args(["--profile", profile]);
        }
    }
    let output = cargo.output().expect("cargo runs");
    assert!(
        output.status.success(),
        "switchhook cannot be built:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The root of this workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the workspace")
}
