//! Truth as a golden case: beside `native.jsonl` and `expected.jsonl` a `truth.json` that says what really happened.
//!
//! The golden runner plays such a folder like any other. Here it is played through the state as well, gateway restarts
//! included, and nothing about its calls may be wrong or invented.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use adapter::{Resume, recording::Loss, truth::TrueCall};
use model::{Collection, Event, EventType};
use serde::{Deserialize, Serialize};
use serde_json::json;
use testkit::cases::{self, Case, Step as CaseStep};

use crate::{
    gateway::Gateway,
    house::House,
    judge::{Finding, judge},
    play::{Fault, entity},
    tape::{Step, Tape},
    weather::Weather,
};

/// `truth.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    /// What the link says that it sets right.
    #[serde(default)]
    pub reconciles: Vec<Collection>,
    /// The calls, and whether the source was heard throughout each.
    pub calls: Vec<(bool, TrueCall)>,
}

/// Writes a fault as a case `<root>/<name>`; yields the folder.
///
/// # Errors
/// When a file cannot be written.
pub fn write(house: &dyn House, root: &Path, name: &str, fault: &Fault) -> io::Result<PathBuf> {
    let dir = root.join(name);
    let case = Case {
        name: name.to_owned(),
        dir: dir.clone(),
        source: fault.source_toml.clone(),
        steps: steps(&fault.tape),
    };
    let adapter = house.adapter(&fault.source_toml);
    let mut translator = adapter.translator(Resume::default());
    cases::write_as(&case, &mut *translator, house.notate())?;
    let truth = Truth {
        reconciles: fault.tape.reconciles.clone(),
        calls: vec![(fault.throughout, fault.truth.clone())],
    };
    let text = serde_json::to_string_pretty(&truth).map_err(io::Error::other)?;
    fs::write(dir.join("truth.json"), text + "\n")?;
    Ok(dir)
}

/// Makes a case of a `source.unrecognized` event: the frame that nobody knew, and what the adapter makes of it.
///
/// # Errors
/// When the event is another or carries no frame, its adapter is not known here, or a file cannot be written.
pub fn of_sample(houses: &[Box<dyn House>], event: &Event, root: &Path) -> io::Result<PathBuf> {
    let wrong = |what: &str| io::Error::other(format!("{}: {what}", event.id));
    if event.kind != EventType::SourceUnrecognized {
        return Err(wrong("no source.unrecognized"));
    }
    let source = event.data.source.as_ref();
    let source = source.ok_or_else(|| wrong("no source in it"))?;
    let house = houses.iter().find(|house| house.name() == &*source.adapter);
    let house = house.ok_or_else(|| wrong("an adapter that is not known here"))?;
    let frames = house.sample(event);
    let frames = frames.ok_or_else(|| wrong("no frame in it"))?;
    let dialect = source.dialect.as_deref();
    let mut lines = vec![
        json!({"wall": event.recordedtime}),
        json!({"connected": dialect}),
    ];
    lines.extend(frames);
    let shape = event.data.reason.as_deref().unwrap_or("unknown");
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = shape.chars().map(plain).take(60).collect();
    let dir = root.join(&name);
    fs::create_dir_all(&dir)?;
    let lines: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(dir.join("native.jsonl"), lines.concat())?;
    let dialect = dialect.unwrap_or_default();
    let known = house.dialects().contains(&dialect);
    let dialect = if known { dialect } else { house.dialects()[0] };
    let opened = house.open(dialect, &Weather::clear(), 1, event.recordedtime);
    fs::write(dir.join("source.toml"), opened.source_toml)?;
    let case = cases::read(&dir, house.encode())?;
    let mut translator = opened.adapter.translator(Resume::default());
    cases::write_as(&case, &mut *translator, house.notate())?;
    Ok(dir)
}

/// Plays a case that has a `truth.json`, and judges its calls. None when it has none.
///
/// # Errors
/// When the case cannot be read.
pub fn play(house: &dyn House, dir: &Path) -> io::Result<Option<Vec<Finding>>> {
    let text = match fs::read_to_string(dir.join("truth.json")) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let truth: Truth = serde_json::from_str(&text).map_err(io::Error::other)?;
    let case = cases::read(dir, house.encode())?;
    let tape = tape(&case, truth.reconciles);
    let mut gateway = tape.play(house.adapter(&case.source));
    let mut findings = Vec::new();
    for (throughout, call) in truth.calls {
        let account = gateway.accounts().take(&entity(&call.key));
        findings.extend(judge(&call, account.as_ref(), throughout));
    }
    Ok(Some(findings))
}

/// The steps of a tape as a case has them: connections happen where the time stands.
fn steps(tape: &Tape) -> Vec<CaseStep> {
    let mut now = Duration::ZERO;
    let mut steps = vec![CaseStep::Wall(tape.start)];
    for (at, step) in &tape.steps {
        if !matches!(step, Step::Frame(_)) && *at > now {
            steps.push(CaseStep::Advance(*at - now));
        }
        now = *at;
        steps.push(match step {
            Step::Connected => CaseStep::Connected {
                dialect: tape.dialect.clone(),
                reconciles: Vec::new(),
            },
            Step::Frame(bytes) => CaseStep::Frame(*at, bytes.clone()),
            Step::Disconnected => CaseStep::Disconnected {
                loss: Loss::default(),
                reason: None,
            },
            Step::Restarted => CaseStep::Restarted,
        });
    }
    steps.push(CaseStep::Advance(tape.end.saturating_sub(now)));
    steps
}

fn tape(case: &Case, reconciles: Vec<Collection>) -> Tape {
    let mut tape = Tape::new(None, model::Timestamp::default(), reconciles);
    let mut now = Duration::ZERO;
    for step in &case.steps {
        let step = match step {
            CaseStep::Wall(time) => {
                tape.start = *time;
                continue;
            }
            CaseStep::Advance(by) => {
                now += *by;
                continue;
            }
            CaseStep::Frame(at, bytes) => {
                now = now.max(*at);
                Step::Frame(bytes.clone())
            }
            CaseStep::Until(at) => {
                now = now.max(*at);
                continue;
            }
            CaseStep::Connected { dialect, .. } => {
                tape.dialect.clone_from(dialect);
                Step::Connected
            }
            CaseStep::Disconnected { .. } => Step::Disconnected,
            CaseStep::Restarted => Step::Restarted,
        };
        tape.steps.push((now, step));
    }
    tape.end = now;
    tape
}

impl Tape {
    /// Lets a new gateway go through it.
    #[must_use]
    pub fn play(&self, adapter: std::sync::Arc<dyn adapter::Adapter>) -> Gateway {
        let mut gateway = Gateway::new(adapter, self.start);
        for (at, step) in &self.steps {
            gateway.pass(*at);
            match step {
                Step::Connected => {
                    gateway.connected(self.dialect.as_deref(), &self.reconciles, *at);
                }
                Step::Frame(frame) => {
                    gateway.frame(frame, *at);
                }
                Step::Disconnected => gateway.disconnected(*at),
                Step::Restarted => gateway.restart(*at),
            }
        }
        gateway.pass(self.end);
        gateway
    }
}
