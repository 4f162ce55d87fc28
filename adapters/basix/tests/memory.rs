//! What a frame may cost in memory, whatever it claims. A program of its own, since it counts all that is allocated.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{alloc::System, fs, path::Path};

use basix::wire::{
    self, Message, scan,
    write::{Spelling, atom, binary, chars, int, list, tuple, write},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One test: others beside it would be counted too.
#[test]
fn frames_cost_no_more_than_they_hold() {
    scanning_allocates_nothing();
    an_event_costs_its_box();
    a_snapshot_costs_one_entity_at_a_time();
    what_is_packed_costs_nothing_until_it_is_unpacked();
}

fn scanning_allocates_nothing() {
    let mut frames = files("fuzz/seeds");
    frames.extend(files("tests/vectors"));
    assert!(frames.len() >= 60);
    for frame in frames {
        let (count, _) = allocated(|| scan(&frame).is_ok());
        assert_eq!(count, 0);
    }
}

fn an_event_costs_its_box() {
    let spec = vector("a1_field_spec_channel");
    let Message::FieldSpec(spec) = wire::decode(&spec).unwrap() else {
        panic!("no spec");
    };
    let frame = vector("a2_info_event_channel_calling");
    let (count, _) = allocated(|| {
        let Message::InfoEvent { entity, .. } = wire::decode(&frame).unwrap() else {
            panic!("no event");
        };
        spec.entity(entity).unwrap()
    });
    assert_eq!(count, 1);
}

fn a_snapshot_costs_one_entity_at_a_time() {
    let users = (0..20_000).map(|id| tuple([int(id), binary("somebody")]));
    let frame = bert([atom("initial_info"), chars("user"), list(users)]);
    let spec = bert([
        atom("field_spec"),
        chars("user"),
        list([atom("id"), atom("name")]),
    ]);
    let Message::FieldSpec(spec) = wire::decode(&spec).unwrap() else {
        panic!("no spec");
    };
    let Message::InitialInfo { entities, .. } = wire::decode(&frame).unwrap() else {
        panic!("no snapshot");
    };
    let region = Region::new(ALLOCATOR);
    let mut most = 0;
    for entity in entities {
        let entity = spec.entity(entity).unwrap();
        let stats = region.change();
        most = most.max(stats.bytes_allocated - stats.bytes_deallocated);
        drop(entity);
    }
    assert!(most < 2_000, "{most} bytes at once");
}

/// A megabyte of separators is not a million contacts or tags.
fn what_is_packed_costs_nothing_until_it_is_unpacked() {
    let packed = format!("_MANY_:9{}", "|".repeat(1 << 20));
    let spec = bert([
        atom("field_spec"),
        chars("channel"),
        list(["end_user", "tags", "origination"].map(atom)),
    ]);
    let Message::FieldSpec(spec) = wire::decode(&spec).unwrap() else {
        panic!("no spec");
    };
    let entity = tuple([
        binary(&packed),
        binary(&";".repeat(1 << 20)),
        binary(&"*".repeat(1 << 20)),
    ]);
    let frame = bert([atom("info_event"), chars("channel"), entity, chars("added")]);
    let (_, bytes) = allocated(|| {
        let Message::InfoEvent { entity, .. } = wire::decode(&frame).unwrap() else {
            panic!("no event");
        };
        spec.entity(entity).unwrap()
    });
    assert!(bytes < 2_000, "{bytes} bytes");
}

/// How often and how much is allocated. What is made lives until it is counted.
fn allocated<T>(make: impl FnOnce() -> T) -> (usize, usize) {
    let region = Region::new(ALLOCATOR);
    let made = make();
    let stats = region.change();
    drop(made);
    (
        stats.allocations + stats.reallocations,
        stats.bytes_allocated,
    )
}

fn bert(parts: impl IntoIterator<Item = eetf::Term>) -> Vec<u8> {
    write(&tuple(parts), Spelling::default()).unwrap()
}

fn vector(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    fs::read(root.join(name).with_extension("bert")).unwrap()
}

fn files(folder: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let paths = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    paths.map(|path| fs::read(path).unwrap()).collect()
}
