//! Golden cases: a folder with native frames and the observations that a translator is expected to make of them.
//!
//! ```text
//! cases/source.toml             the keys of the source
//! cases/<name>/source.toml      the same for this case, where it needs others
//! cases/<name>/native.jsonl     what happens, a step on each line
//! cases/<name>/expected.jsonl   what comes of it, a fact on each line
//! cases/<name>/events.jsonl     the events that the hub makes of that (written by the package `tests`)
//! ```
//!
//! A line is a step of a recording ([`adapter::recording`]), so that a recording is a case as it stands: copy it to
//! `native.jsonl`. What its first line tells of the source counts where the case has no `source.toml` of its own.
//! Adapters whose frames are neither text nor JSON give [`check_encoded`] an encoder: what stands in `frame` is then in a
//! notation of theirs.
//! With `UPDATE_CASES=1` the expectations are rewritten instead of compared.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use adapter::{
    Translator,
    recording::{self, Header, Player},
};
use serde_json::{Value, json};

pub use adapter::recording::{Encode, Link, Moment, Step, as_text, plain};

use crate::render;

/// A case as it stands on disk.
#[derive(Clone, Debug)]
pub struct Case {
    /// The folder's name.
    pub name: String,
    /// The folder.
    pub dir: PathBuf,
    /// The text of its `source.toml`, else what a recording says, else that of all cases; empty when there is none.
    pub source: String,
    /// What happens.
    pub steps: Vec<Step>,
}

/// Writes the steps of a case as lines: the other way round of [`Encode`]. One serves one case, in order.
pub type Notate = Box<dyn FnMut(&Step) -> Value>;

/// How the steps of adapters are written whose frames are text or JSON.
#[must_use]
pub fn plainly() -> Notate {
    Box::new(|step| recording::line(None, step))
}

/// Runs every case below `root` and compares what comes out.
///
/// # Panics
/// When a case cannot be read, there is none, or one differs: then with all differences.
pub fn check(root: &Path, make: impl Fn(&Case) -> Box<dyn Translator>) {
    check_encoded(root, plain, make);
}

/// The same with frames in a notation that an encoder reads.
///
/// # Panics
/// As [`check`].
pub fn check_encoded(
    root: &Path,
    encode: impl Fn() -> Encode,
    make: impl Fn(&Case) -> Box<dyn Translator>,
) {
    let cases =
        read_all(root, encode).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    assert!(!cases.is_empty(), "no case in {}", root.display());
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let mut failures = Vec::new();
    for case in &cases {
        let mut translator = make(case);
        let mut lines = String::new();
        play(case, translator.as_mut(), |moment| {
            describe(&moment, &mut lines);
        });
        let path = case.dir.join("expected.jsonl");
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if expected == lines {
            continue;
        }
        if update {
            fs::write(&path, &lines).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        } else {
            failures.push(format!("{}:\n{}", case.name, difference(&expected, &lines)));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases differ (UPDATE_CASES=1 rewrites them)\n\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

/// All cases below a folder, by name.
///
/// # Errors
/// When a file cannot be read or a step makes no sense.
pub fn read_all(root: &Path, encode: impl Fn() -> Encode) -> io::Result<Vec<Case>> {
    let mut dirs: Vec<PathBuf> = fs::read_dir(root)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    dirs.retain(|dir| dir.join("native.jsonl").is_file());
    dirs.sort();
    dirs.iter().map(|dir| read(dir, encode())).collect()
}

/// One case.
///
/// # Errors
/// When a file cannot be read or a step makes no sense.
pub fn read(dir: &Path, mut encode: Encode) -> io::Result<Case> {
    let native = fs::read_to_string(dir.join("native.jsonl"))?;
    let bad = |n: usize, what: String| {
        let place = dir.join("native.jsonl");
        io::Error::other(format!("{}:{}: {what}", place.display(), n + 1))
    };
    let first = native.lines().next().unwrap_or("");
    let header = Header::of(first).map_err(|error| bad(0, error))?;
    let (own, common) = (dir.join("source.toml"), dir.with_file_name("source.toml"));
    let source = match header {
        _ if own.is_file() => fs::read_to_string(own)?,
        Some(header) => header.config,
        None if common.is_file() => fs::read_to_string(common)?,
        None => String::new(),
    };
    let mut steps = Vec::new();
    for (n, line) in native.lines().enumerate() {
        steps.extend(recording::parse(line, &mut encode).map_err(|error| bad(n, error))?);
    }
    Ok(Case {
        name: dir
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        dir: dir.to_owned(),
        source,
        steps,
    })
}

/// Writes a case into its folder, with what comes of it now as what is expected.
///
/// # Errors
/// When a file cannot be written.
pub fn write(case: &Case, translator: &mut dyn Translator) -> io::Result<()> {
    write_as(case, translator, plainly())
}

/// The same with frames in a notation.
///
/// # Errors
/// When a file cannot be written.
pub fn write_as(
    case: &Case,
    translator: &mut dyn Translator,
    mut notate: Notate,
) -> io::Result<()> {
    fs::create_dir_all(&case.dir)?;
    let mut lines = |steps: &[Step]| -> String {
        let lines = steps.iter().map(|step| format!("{}\n", notate(step)));
        lines.collect()
    };
    let mut expected = String::new();
    play(case, translator, |moment| describe(&moment, &mut expected));
    fs::write(case.dir.join("native.jsonl"), lines(&case.steps))?;
    fs::write(case.dir.join("expected.jsonl"), expected)?;
    if !case.source.is_empty() {
        fs::write(case.dir.join("source.toml"), &case.source)?;
    }
    Ok(())
}

/// Drives a translator through a case, timers included, and hands over what it says at each moment.
///
/// # Panics
/// When a timer of the translator never ends.
pub fn play(case: &Case, translator: &mut dyn Translator, mut see: impl FnMut(Moment)) {
    let mut player = Player::new(translator);
    for step in &case.steps {
        let played = player.step(step, &mut see);
        assert!(played.is_ok(), "{}: {played:?}", case.name);
    }
}

/// One line for each fact, request and memo; and one for a frame that told nothing.
fn describe(moment: &Moment, lines: &mut String) {
    let at = moment.now.mono.as_secs_f64();
    let mut line = |value: Value| {
        lines.push_str(&value.to_string());
        lines.push('\n');
    };
    for report in &moment.output.reports {
        for observation in &report.observations {
            let mut fact = render::observation(observation);
            if let Value::Object(fields) = &mut fact {
                fields.insert("at".into(), json!(at));
                fields.insert("event".into(), json!(&*report.event));
            }
            line(fact);
        }
    }
    for request in &moment.output.requests {
        line(json!({"at": at, "request": String::from_utf8_lossy(request)}));
    }
    for memo in &moment.output.memo {
        let value = memo.value.as_deref().map(String::from_utf8_lossy);
        line(json!({"at": at, "memo": &*memo.key, "value": value}));
    }
    if moment.output.no_ops > 0 {
        line(json!({"at": at, "no_ops": moment.output.no_ops}));
    }
}

/// The lines that differ, with their numbers.
#[must_use]
pub fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let mut text = String::new();
    for n in 0..expected.len().max(found.len()) {
        let (old, new) = (expected.get(n), found.get(n));
        if old == new {
            continue;
        }
        for (sign, line) in [('-', old), ('+', new)] {
            if let Some(line) = line {
                text.push_str(&format!("{:>4} {sign} {line}\n", n + 1));
            }
        }
    }
    text
}
