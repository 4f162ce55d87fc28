//! `switchhook doctor`: why a source does not work, and what to mend.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use clap::Args;
use serde_json::json;

use super::{ConfigArg, Exit, Failure, print, record::choose, units, wait};
use crate::{
    adapters,
    config::{Config, Source, Variables},
    doctor::{Finding, Patient, Status, Tell},
    gateway::SystemClock,
};

/// Find out why a PBX is not heard, and what to mend.
///
/// Walks from name over TCP, TLS, clock and login to permissions and first events, a line for each, and says what to do
/// about what fails. Logs in as the gateway does, in a connection of its own, and changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchhook doctor                     every source of switchhook.toml
  switchhook doctor hq --for 60s        one source, listening for a minute
  switchhook doctor --json | jq '.sources[].findings[] | select(.status != \"ok\")'

Exit codes: 0 nothing fails (warnings may be there), 69 something fails outside of the config, 78 the config is to mend:
its file, an account, a CA file.")]
pub(super) struct Doctor {
    /// The source, as it is called in the config. Every source when left out.
    source: Option<String>,
    /// How long to listen for first events.
    #[arg(long = "for", value_name = "DURATION", default_value = "10s", value_parser = units::period)]
    watch: Duration,
    /// Print everything as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArg,
}

impl Doctor {
    pub(super) fn run(self, variables: Variables) -> Result<(), Failure> {
        let colour = !variables.contains_key("NO_COLOR");
        let config = self.config.clone().file(variables).load()?;
        let sources: Vec<&Source> = match &self.source {
            Some(name) => vec![choose(&config, Some(name))?],
            None => config.sources.values().collect(),
        };
        if sources.is_empty() {
            let path = self.config.config.display();
            let message = format!("{path} has no source: add a [sources.…] to it");
            return Err(Failure::new(Exit::Config, message));
        }
        let mut report = Report {
            colour: colour && io::stdout().is_terminal(),
            terminal: io::stdout().is_terminal(),
            quiet: self.json,
            pending: false,
            findings: Vec::new(),
        };
        let all = wait(self.examine(&config, &sources, &mut report))?;
        if self.json {
            let text = serde_json::to_string_pretty(&json!({"sources": all})).map_err(|error| {
                Failure::new(
                    Exit::Internal,
                    format!("cannot write the findings: {error}"),
                )
            })?;
            print(&format!("{text}\n"))?;
        }
        match report
            .findings
            .iter()
            .filter_map(|finding| finding.exit)
            .max_by_key(|exit| *exit as u8)
        {
            None => Ok(()),
            Some(exit) => Err(Failure::silent(exit)),
        }
    }

    /// Examines one source after another. Yields the findings of each, as JSON.
    async fn examine(
        &self,
        config: &Config,
        sources: &[&Source],
        report: &mut Report,
    ) -> Result<Vec<serde_json::Value>, Failure> {
        let clock = SystemClock::start();
        let mut all = Vec::new();
        for source in sources {
            let Some(adapter) = adapters::build(source) else {
                continue;
            };
            report.say(&format!(
                "{}: {} at {}\n",
                source.id, source.adapter, source.url
            ))?;
            let from = report.findings.len();
            let patient = Patient {
                source,
                adapter: &*adapter,
                watch: self.watch,
                clock: &clock,
            };
            patient.examine(report).await;
            all.push(json!({
                "source": source.id,
                "adapter": source.adapter,
                "url": source.url.as_str(),
                "findings": report.findings[from..],
            }));
        }
        for warning in config.warnings() {
            report.say(&format!("note: {warning}\n"))?;
        }
        Ok(all)
    }
}

/// Prints findings as they come.
struct Report {
    colour: bool,
    terminal: bool,
    quiet: bool,
    /// A line on the terminal says what goes on.
    pending: bool,
    findings: Vec<Finding>,
}

impl Report {
    fn say(&mut self, text: &str) -> Result<(), Failure> {
        if self.quiet {
            return Ok(());
        }
        let clear = if std::mem::take(&mut self.pending) {
            "\r\x1b[K"
        } else {
            ""
        };
        print(&format!("{clear}{text}"))
    }

    fn coloured(&self, colour: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

impl Tell for Report {
    fn begins(&mut self, step: &'static str) {
        if self.terminal && !self.quiet {
            let mut out = io::stdout().lock();
            // There is nobody left to tell when stdout is closed.
            let _ = write!(out, "\r\x1b[K  …     {step}");
            let _ = out.flush();
            self.pending = true;
        }
    }

    fn found(&mut self, finding: Finding) {
        const INDENT: &str = "                    ";
        let (word, colour) = match finding.status {
            Status::Ok => ("ok", "32"),
            Status::Warn => ("warn", "33"),
            Status::Fail => ("fail", "1;31"),
        };
        let word = self.coloured(colour, &format!("{word:<4}"));
        let mut text = format!(
            "  {word}  {:<10}  {}\n",
            finding.step,
            clean(&finding.detail)
        );
        for (n, certificate) in finding.certificates.iter().enumerate() {
            let line = format!(
                "{n}: {} by {}, until {}",
                certificate.subject, certificate.issuer, certificate.expires
            );
            text.push_str(&format!("{INDENT}{}\n", self.coloured("2", &clean(&line))));
        }
        if let Some(mend) = &finding.mend {
            text.push_str(&format!("{INDENT}→ {}\n", clean(mend)));
        }
        // There is nobody left to tell when stdout is closed.
        let _ = self.say(&text);
        self.findings.push(finding);
    }
}

/// A text from outside, fit for a terminal.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '·' } else { c })
        .collect()
}
