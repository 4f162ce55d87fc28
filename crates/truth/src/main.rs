//! `tests/truth`: plays every PBX in every dialect through all kinds of weather, and prints how true the account was.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table is what this is for"
)]

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use model::Event;
use tokio::runtime::Runtime;
use truth::{House, Play, Score, Weather, case, houses, live::Live, shrink::shrink};

/// Holds the gateway's account of simulated calls against what really happened.
#[derive(Parser)]
struct Arguments {
    /// The same seed tells the same story.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Calls of each dialect in each weather.
    #[arg(long, default_value_t = 150)]
    calls: usize,
    /// Only this source.
    #[arg(long)]
    source: Option<String>,
    /// Only this dialect.
    #[arg(long)]
    dialect: Option<String>,
    /// Only this weather; `live` is the long way over sockets and disk.
    #[arg(long)]
    weather: Option<String>,
    /// Writes the first fault of each run, made small, as a golden case below this folder.
    #[arg(long)]
    cases: Option<PathBuf>,
    /// Instead: a storm over so many calls in all, in search of ghosts.
    #[arg(long)]
    ghosts: Option<usize>,
    /// Instead: makes a golden case of a `source.unrecognized` event in this file, below the folder of --cases.
    #[arg(long, requires = "cases")]
    sample: Option<PathBuf>,
}

fn main() -> ExitCode {
    Arguments::parse().run().unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

impl Arguments {
    fn run(&self) -> Result<ExitCode, Box<dyn Error>> {
        if let (Some(sample), Some(root)) = (&self.sample, &self.cases) {
            let dir = case::of_sample(&houses(), &read(sample)?, root)?;
            println!("{}", dir.display());
            return Ok(ExitCode::SUCCESS);
        }
        let mut score = Score::default();
        for house in houses() {
            for dialect in house.dialects() {
                if is(&self.source, house.name()) && is(&self.dialect, dialect) {
                    score.join(match self.ghosts {
                        Some(calls) => self.storm(&*house, dialect, calls),
                        None => self.column(&*house, dialect)?,
                    });
                }
            }
        }
        println!("{}\n{}", score.weather_table(), score.handover_table());
        println!("{}", score.table());
        print!("{}", score.faults());
        println!("{}", score.last_line());
        Ok(if score.is_clean() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// One dialect in all weather.
    fn column(&self, house: &dyn House, dialect: &str) -> Result<Score, Box<dyn Error>> {
        let mut score = Score::default();
        let weathers = Weather::all(&house.topics(dialect));
        for (index, weather) in weathers.iter().enumerate() {
            if !is(&self.weather, &weather.name) {
                continue;
            }
            let play = Play {
                dialect,
                weather: (index, weather),
                seed: self.seed,
                calls: self.calls,
                record: self.cases.is_some(),
            };
            let played = play.run(house);
            if let (Some(fault), Some(root)) = (played.fault, &self.cases) {
                let fault = shrink(house, fault);
                let (story, fact) = (&fault.truth.story, fault.finding.fact.name());
                let name = format!("{dialect} {story} {fact}").replace([' ', '.'], "_");
                let dir = case::write(house, root, &name, &fault)?;
                println!("{}: {} steps", dir.display(), fault.tape.steps.len());
            }
            score.join(played.score);
        }
        if is(&self.weather, "live") {
            let runtime = Runtime::new()?;
            for troubles in [false, true] {
                let live = Live {
                    dialect,
                    seed: self.seed,
                    calls: self.calls.min(40),
                    troubles,
                };
                let mut lived = runtime.block_on(live.run(house));
                lived.delays.sort_unstable();
                let at = |percent: usize| lived.delays[(lived.delays.len() - 1) * percent / 100];
                println!(
                    "{} {dialect} live: {} events, frame to subscriber p50 {} µs, p99 {} µs",
                    house.name(),
                    lived.delays.len(),
                    at(50),
                    at(99)
                );
                score.join(lived.score);
            }
        }
        Ok(score)
    }

    /// One dialect's part of a long storm.
    fn storm(&self, house: &dyn House, dialect: &str, calls: usize) -> Score {
        let storm = Weather::storm();
        let play = Play {
            dialect,
            weather: (0, &storm),
            seed: self.seed,
            calls: calls / house.dialects().len(),
            record: false,
        };
        play.run(house).score
    }
}

fn read(sample: &Path) -> Result<Event, String> {
    let wrong = |error: &dyn Error| format!("{}: {error}", sample.display());
    let text = fs::read_to_string(sample).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}

fn is(wanted: &Option<String>, name: &str) -> bool {
    wanted.as_deref().is_none_or(|wanted| wanted == name)
}
