//! One stage, so many batches of it: what `benches/guard` counts the instructions of.
//!
//! `instructions <traffic> <stage> <batches> <of>` prepares `of` batches whatever it runs of them, so that the difference
//! of two runs is the stage alone. `instructions list` names all pairs of traffic and stage.

#![expect(clippy::print_stdout, reason = "the list is its output")]

use std::process::ExitCode;

use benches::{Bench, Failure, Stage, Traffic, prepare};

/// Batches before the count begins: caches, statements and tables have their size by then.
const WARM_UP: usize = 4;

fn main() -> Result<ExitCode, Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["list"] => {
            for traffic in Traffic::ALL {
                for stage in Stage::ALL {
                    println!("{} {}", traffic.name(), stage.name());
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        [traffic, stage, batches, of] => {
            run(
                traffic.parse()?,
                stage.parse()?,
                batches.parse()?,
                of.parse()?,
            )?;
            Ok(ExitCode::SUCCESS)
        }
        _ => Err("usage: instructions list | <traffic> <stage> <batches> <of>".into()),
    }
}

fn run(traffic: Traffic, stage: Stage, batches: usize, of: usize) -> Result<(), Failure> {
    if batches > of {
        return Err(format!("{batches} of {of} batches").into());
    }
    let mut bench = Bench::new(stage, prepare(traffic, WARM_UP + of)?)?;
    bench.run(0..WARM_UP + batches)
}
