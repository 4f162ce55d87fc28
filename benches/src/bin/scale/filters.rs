//! Subscribers who all want something else.

use std::{hint::black_box, sync::Arc, time::Instant};

use benches::{Failure, Traffic, prepare};
use hub::{
    block::Entry,
    filter::{Filter, FilterIndex, FilterSpec, Narrowing},
};

const FILTERS: [u32; 4] = [1, 100, 1_000, 10_000];
const EVENTS: u32 = 200_000;
/// How many events are shown to every filter in turn, which takes long.
const ALL: u32 = 200;

pub(crate) fn run() -> Result<(), Failure> {
    println!("distinct filters, each for one extension: which of them let an event pass");
    let batches = prepare(Traffic::Presence, 4)?.batches;
    let blocks = batches.iter().flat_map(|batch| &batch.blocks);
    let entries: Vec<&Entry> = blocks.flat_map(|block| &block.entries).collect();
    let mut first = None;
    for count in FILTERS {
        // The one extension of the traffic is the wish of one of them.
        let filters: Vec<Arc<Filter>> = (0..count).map(|n| filter(102 + n)).collect();
        let mut index = FilterIndex::default();
        for (number, filter) in (0..).zip(&filters) {
            index.insert(number, Arc::clone(filter));
        }
        let (mut found, begun) = (0, Instant::now());
        for entry in entries.iter().cycle().take(EVENTS as usize) {
            index.find(black_box(entry), |_| found += 1);
        }
        let each = begun.elapsed() / EVENTS;
        if found != EVENTS {
            return Err(format!("{found} of {EVENTS} events found their filter").into());
        }
        super::line(count.into(), "an event", each, *first.get_or_insert(each));
        if count == FILTERS[FILTERS.len() - 1] {
            let begun = Instant::now();
            for entry in entries.iter().cycle().take(ALL as usize) {
                let passes = filters.iter().filter(|filter| filter.passes(entry));
                black_box(passes.count());
            }
            let each = begun.elapsed() / ALL;
            super::line(
                count.into(),
                "without the index",
                each,
                first.unwrap_or(each),
            );
        }
    }
    println!();
    Ok(())
}

fn filter(extension: u32) -> Arc<Filter> {
    let spec = FilterSpec {
        extensions: Some(vec![extension.to_string().into()]),
        ..FilterSpec::default()
    };
    Arc::new(Filter::compile(&spec, &Narrowing::none()))
}
