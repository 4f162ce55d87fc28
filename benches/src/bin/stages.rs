//! Wall and processor time of every stage for one native event, beside the floor of the same run.
//!
//! `cargo run --release -p benches --bin stages`. What counts are the ratios.

#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

use std::time::{Duration, Instant};

use benches::{BATCH, Bench, Failure, Stage, Traffic, prepare};
use rustix::time::{ClockId, clock_gettime};

const WARM_UP: usize = 10;
const BATCHES: usize = 100;
/// Each stage runs so often, in turns with the others; the median is shown.
const ROUNDS: usize = 5;

#[derive(Clone, Copy, Default)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

fn main() -> Result<(), Failure> {
    for traffic in Traffic::ALL {
        table(traffic)?;
    }
    Ok(())
}

fn table(traffic: Traffic) -> Result<(), Failure> {
    let mut costs = vec![Vec::new(); Stage::ALL.len()];
    for _ in 0..ROUNDS {
        for (stage, costs) in Stage::ALL.into_iter().zip(&mut costs) {
            costs.push(measure(traffic, stage)?);
        }
    }
    let medians: Vec<Cost> = costs.into_iter().map(median).collect();
    let [floor, ..] = medians[..] else {
        return Err("no stage".into());
    };
    describe(traffic)?;
    println!(
        "{:<8}{:>10}{:>10}{:>9}{:>9}",
        "stage", "wall µs", "cpu µs", "wall ×", "cpu ×"
    );
    for (stage, cost) in Stage::ALL.into_iter().zip(&medians) {
        println!(
            "{:<8}{:>10.2}{:>10.2}{:>9.2}{:>9.2}",
            stage.name(),
            each(cost.wall),
            each(cost.cpu),
            cost.wall.as_secs_f64() / floor.wall.as_secs_f64(),
            cost.cpu.as_secs_f64() / floor.cpu.as_secs_f64(),
        );
    }
    println!();
    Ok(())
}

/// What a native event is in this traffic.
fn describe(traffic: Traffic) -> Result<(), Failure> {
    let batch = prepare(traffic, 1)?
        .batches
        .pop()
        .ok_or("nothing was prepared")?;
    let native: usize = batch.frames.iter().map(|(_, frame)| frame.len()).sum();
    let body: usize = batch.blocks.iter().map(|block| block.body.len()).sum();
    println!(
        "{}: for each native event of {} bytes, {:.2} events of {} bytes",
        traffic.name(),
        native / batch.frames.len(),
        batch.drafts.len() as f64 / batch.frames.len() as f64,
        body / batch.drafts.len(),
    );
    Ok(())
}

fn measure(traffic: Traffic, stage: Stage) -> Result<Cost, Failure> {
    let mut bench = Bench::new(stage, prepare(traffic, WARM_UP + BATCHES)?)?;
    bench.run(0..WARM_UP)?;
    let (started, before) = (Instant::now(), cpu());
    bench.run(WARM_UP..WARM_UP + BATCHES)?;
    Ok(Cost {
        wall: started.elapsed(),
        cpu: cpu().saturating_sub(before),
    })
}

fn median(mut costs: Vec<Cost>) -> Cost {
    let middle = costs.len() / 2;
    costs.sort_by_key(|cost| cost.wall);
    let wall = costs.get(middle).map(|cost| cost.wall);
    costs.sort_by_key(|cost| cost.cpu);
    let cpu = costs.get(middle).map(|cost| cost.cpu);
    Cost {
        wall: wall.unwrap_or_default(),
        cpu: cpu.unwrap_or_default(),
    }
}

/// Microseconds of a native event.
fn each(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6 / (BATCHES * BATCH) as f64
}

/// Processor time of this process, all threads.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}
