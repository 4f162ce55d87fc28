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
/// `SWITCHHOOK_BIN` names another one. Otherwise it lies beside the test executable, where a test run of the whole
/// workspace puts it; when it is missing, older than its sources, or perhaps of another checkout that shares the target
/// folder, it is built first, once for all test processes.
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

/// True when the program is of this workspace and no source of it is younger.
fn is_current(program: &Path) -> bool {
    let Some(built) = modified(program) else {
        return false;
    };
    match fs::read_to_string(program.with_extension("d")) {
        // `cargo build` lists the sources beside it.
        Ok(listing) => listing.split_once(": ").is_some_and(|(_, sources)| {
            let mut sources = sources.split_whitespace().map(Path::new).peekable();
            let listed = sources.peek().is_some();
            listed
                && sources
                    .all(|source| source.starts_with(workspace()) && !is_younger(source, built))
        }),
        // `cargo test` builds it and lists nothing. In a target folder of our own it can only be ours.
        Err(_) => {
            let listed = ["crates", "adapters", "openapi", "Cargo.lock", "Cargo.toml"];
            let mut sources = listed.iter().map(|name| workspace().join(name));
            program.starts_with(workspace()) && !sources.any(|source| is_younger(&source, built))
        }
    }
}

/// Whether a file, or one below a folder that may be a source of the program, is younger than a moment. Unreadable ones
/// are.
fn is_younger(source: &Path, built: SystemTime) -> bool {
    const ASIDE: [&str; 6] = ["benches", "cases", "examples", "fuzz", "target", "tests"];
    if !source.is_dir() {
        return modified(source).is_none_or(|modified| modified > built);
    }
    let Ok(inside) = fs::read_dir(source) else {
        return true;
    };
    inside.flatten().any(|entry| {
        let aside = ASIDE.iter().any(|name| entry.file_name() == *name);
        !aside && is_younger(&entry.path(), built)
    })
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|data| data.modified()).ok()
}

fn build(folder: &Path) {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(workspace())
        .args([
            "build",
            "--workspace",
            "--all-features",
            "--bin",
            "switchhook",
        ])
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

/// The build folder.
#[must_use]
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// The root of this workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the workspace")
}
