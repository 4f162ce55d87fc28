//! What reading a frame costs the processor, beside `eetf` in the same run: `cargo bench -p basix`. What counts are the ratios.

#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

use std::{error::Error, hint::black_box, time::Duration};

use basix::wire::{
    self, Entity, FieldSpec, Message, Term, scan,
    write::{Spelling, atom, binary, chars, list, tuple, write},
};

use rustix::time::{ClockId, clock_gettime};

type Failure = Box<dyn Error>;

/// Every reader runs so often, in turns with the others; the median is shown.
const ROUNDS: usize = 15;
/// How much each reads in a round.
const BYTES: usize = 8 << 20;

const SPEC: &[u8] = include_bytes!("../tests/vectors/a1_field_spec_channel.bert");
const CALLING: &[u8] = include_bytes!("../tests/vectors/a2_info_event_channel_calling.bert");
const BRIDGED: &[u8] = include_bytes!("../tests/vectors/a3_info_event_channel_bridged.bert");
const REMOVED: &[u8] = include_bytes!("../tests/vectors/a4_info_event_channel_removed.bert");

/// A way to read a frame.
struct Reader {
    name: &'static str,
    read: fn(&FieldSpec, &[u8]) -> Result<(), Failure>,
}

const READERS: &[Reader] = &[
    Reader {
        name: "eetf: a tree, unscanned",
        read: |_, frame| {
            black_box(eetf::Term::decode(frame)?);
            Ok(())
        },
    },
    Reader {
        name: "scan",
        read: |_, frame| {
            black_box(scan(frame)?);
            Ok(())
        },
    },
    Reader {
        name: "scan, then eetf: a tree",
        read: |_, frame| {
            scan(frame)?;
            black_box(eetf::Term::decode(frame)?);
            Ok(())
        },
    },
    Reader {
        name: "scan, then in place: walked",
        read: |_, frame| {
            let elements = scan(frame)?.elements().ok_or("no message")?;
            for part in elements.filter_map(Term::elements).flatten() {
                black_box(part);
            }
            Ok(())
        },
    },
    Reader {
        name: "scan, then in place: native types",
        read: |spec, frame| {
            entities(spec, frame, |entity| {
                black_box(entity);
                Ok(())
            })
        },
    },
    Reader {
        name: "… and JSON of all fields",
        read: |spec, frame| {
            entities(spec, frame, |entity| {
                black_box(serde_json::to_vec(entity)?);
                Ok(())
            })
        },
    },
];

fn main() -> Result<(), Failure> {
    let Message::FieldSpec(spec) = wire::decode(SPEC)? else {
        return Err("no field_spec".into());
    };
    let mix: [&[u8]; 3] = [CALLING, BRIDGED, REMOVED];
    table("an event of a channel", &spec, &[CALLING])?;
    table("three events of channels", &spec, &mix)?;
    table("a snapshot of 1,000 channels", &spec, &[&snapshot(1_000)?])
}

fn table(title: &str, spec: &FieldSpec, frames: &[&[u8]]) -> Result<(), Failure> {
    let size: usize = frames.iter().map(|frame| frame.len()).sum();
    let times = BYTES.div_ceil(size);
    let mut costs = vec![Vec::new(); READERS.len()];
    for _ in 0..ROUNDS {
        for (reader, costs) in READERS.iter().zip(&mut costs) {
            let started = cpu();
            for _ in 0..times {
                for frame in frames {
                    (reader.read)(spec, black_box(frame))?;
                }
            }
            costs.push(cpu().saturating_sub(started));
        }
    }
    let medians: Vec<Duration> = costs.into_iter().filter_map(median).collect();
    let [eetf, ..] = medians[..] else {
        return Err("no reader".into());
    };
    println!("{title}: {} bytes a frame", size / frames.len());
    println!("{:<36}{:>12}{:>12}", "reader", "µs a frame", "of eetf");
    for (reader, cost) in READERS.iter().zip(medians) {
        println!(
            "{:<36}{:>12.3}{:>11.3}×",
            reader.name,
            cost.as_secs_f64() * 1e6 / (times * frames.len()) as f64,
            cost.as_secs_f64() / eetf.as_secs_f64(),
        );
    }
    println!();
    Ok(())
}

fn median(mut costs: Vec<Duration>) -> Option<Duration> {
    costs.sort();
    costs.get(costs.len() / 2).copied()
}

/// Processor time of this process: neighbours take the processor, not this.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Reads all entities of a frame.
fn entities(
    spec: &FieldSpec,
    frame: &[u8],
    mut each: impl FnMut(&Entity<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    match wire::decode(frame)? {
        Message::InfoEvent { entity, .. } => each(&spec.entity(entity).ok_or("no entity")?),
        Message::InitialInfo { mut entities, .. } => {
            entities.try_for_each(|entity| each(&spec.entity(entity).ok_or("no entity")?))
        }
        _ => Err("neither event nor snapshot".into()),
    }
}

/// A snapshot of so many legs, each like that of the event but for its uuid.
fn snapshot(legs: usize) -> Result<Vec<u8>, Failure> {
    let Message::InfoEvent { entity, .. } = wire::decode(CALLING)? else {
        return Err("no event".into());
    };
    let fields: Vec<eetf::Term> = entity
        .elements()
        .ok_or("no entity")?
        .map(eetf::Term::from)
        .collect();
    let legs = (0..legs).map(|index| {
        let mut fields = fields.clone();
        fields[0] = binary(&format!("5714495a-b8a1-4fff-8420-{index:012}"));
        tuple(fields)
    });
    let message = tuple([atom("initial_info"), chars("channel"), list(legs)]);
    Ok(write(&message, Spelling::default())?)
}
