//! Golden cases: a folder with native frames and the observations that a translator is expected to make of them.
//!
//! ```text
//! cases/<name>/source.toml      the source's own keys, optional
//! cases/<name>/native.jsonl     what happens, a step on each line
//! cases/<name>/expected.jsonl   what comes of it, a fact on each line
//! ```
//!
//! A step is one of `{"at": 3, "frame": {…}}` (or `"frame": "raw text"`, or `"base64"`), `{"connected": "v22"}`,
//! `{"disconnected": true}`, `{"advance": 30}` (seconds, through all timers on the way) and `{"wall": "2024-09-09T01:34:08Z"}`,
//! the civil time of second 0. `at` is in seconds since the start; lines that begin with `#` or `//` are comments.
//! With `UPDATE_CASES=1` the expectations are rewritten instead of compared.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use adapter::{Output, Translator};
use bytes::Bytes;
use model::{Now, Timestamp};
use serde_json::{Value, json};

use crate::render;

/// A case as it stands on disk.
#[derive(Clone, Debug)]
pub struct Case {
    /// The folder's name.
    pub name: String,
    /// The folder.
    pub dir: PathBuf,
    /// The text of `source.toml`, empty when there is none.
    pub source: String,
    /// What happens.
    pub steps: Vec<Step>,
}

/// Something that happens to a translator.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A frame arrives.
    Frame(Duration, Bytes),
    /// A link stands.
    Connected(Option<String>),
    /// The link is gone.
    Disconnected,
    /// Time passes.
    Advance(Duration),
    /// Second 0 in civil time.
    Wall(Timestamp),
}

/// What a translator yielded at one moment.
#[derive(Debug)]
pub struct Moment {
    /// When.
    pub now: Now,
    /// The frame that made it speak; none for timers and the connection.
    pub frame: Option<Bytes>,
    /// What it said.
    pub output: Output,
}

/// Runs every case below `root` and compares what comes out.
///
/// # Panics
/// When a case cannot be read, there is none, or one differs: then with all differences.
pub fn check(root: &Path, make: impl Fn(&Case) -> Box<dyn Translator>) {
    let cases = read_all(root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
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
pub fn read_all(root: &Path) -> io::Result<Vec<Case>> {
    let mut dirs: Vec<PathBuf> = fs::read_dir(root)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    dirs.retain(|dir| dir.join("native.jsonl").is_file());
    dirs.sort();
    dirs.iter().map(|dir| read(dir)).collect()
}

/// One case.
///
/// # Errors
/// When a file cannot be read or a step makes no sense.
pub fn read(dir: &Path) -> io::Result<Case> {
    let native = fs::read_to_string(dir.join("native.jsonl"))?;
    let source = match fs::read_to_string(dir.join("source.toml")) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let bad = |n: usize, what: String| {
        let place = dir.join("native.jsonl");
        io::Error::other(format!("{}:{}: {what}", place.display(), n + 1))
    };
    let mut steps = Vec::new();
    for (n, line) in native.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') || line.starts_with("//") {
            continue;
        }
        let value: Value = serde_json::from_str(line).map_err(|error| bad(n, error.to_string()))?;
        steps.push(step(&value).ok_or_else(|| bad(n, "no such step".to_owned()))?);
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

/// Drives a translator through a case, timers included, and hands over what it says at each moment.
pub fn play(case: &Case, translator: &mut dyn Translator, mut see: impl FnMut(Moment)) {
    let mut wall = Timestamp::from_secs(1_767_225_600);
    let mut mono = Duration::ZERO;
    let at = |wall: Timestamp, mono: Duration| Now {
        mono,
        wall: wall.after(mono),
    };
    for step in &case.steps {
        let target = match step {
            Step::Frame(at, _) => (*at).max(mono),
            Step::Advance(by) => mono + *by,
            Step::Wall(time) => {
                wall = *time;
                continue;
            }
            Step::Connected(_) | Step::Disconnected => mono,
        };
        while let Some(due) = translator.poll_timeout().filter(|due| *due <= target) {
            mono = mono.max(due);
            let mut output = Output::default();
            let now = at(wall, mono);
            translator.timeout(now, &mut output);
            let stuck = translator.poll_timeout() == Some(due);
            assert!(!stuck, "{}: the timer at {due:?} never ends", case.name);
            see(Moment {
                now,
                frame: None,
                output,
            });
        }
        mono = target;
        let now = at(wall, mono);
        let mut output = Output::default();
        let mut frame = None;
        match step {
            Step::Frame(_, bytes) => {
                translator.frame(bytes, now, &mut output);
                frame = Some(bytes.clone());
            }
            Step::Connected(dialect) => {
                translator.connected(dialect.as_deref(), now, &mut output);
            }
            Step::Disconnected => translator.disconnected(now, &mut output),
            Step::Advance(_) | Step::Wall(_) => continue,
        }
        see(Moment { now, frame, output });
    }
}

fn step(value: &Value) -> Option<Step> {
    if let Some(dialect) = value.get("connected") {
        return Some(Step::Connected(dialect.as_str().map(str::to_owned)));
    }
    if value.get("disconnected").is_some() {
        return Some(Step::Disconnected);
    }
    let secs = |value: &Value| value.as_f64().map(Duration::from_secs_f64);
    if let Some(by) = value.get("advance") {
        return secs(by).map(Step::Advance);
    }
    if let Some(time) = value.get("wall") {
        return time.as_str()?.parse().ok().map(Step::Wall);
    }
    let frame = match value.get("frame")? {
        Value::String(raw) => raw.clone(),
        body => body.to_string(),
    };
    Some(Step::Frame(secs(value.get("at")?)?, frame.into()))
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
fn difference(expected: &str, found: &str) -> String {
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
