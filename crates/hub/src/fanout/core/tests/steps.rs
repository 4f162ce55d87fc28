//! What may happen to a shard.

use proptest::prelude::*;

use crate::fanout::codec::tests::masked;

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Events: type, extension, bytes.
    Publish(Vec<(usize, usize, usize)>),
    /// Events that the shard has not been woken for yet.
    Commit(Vec<(usize, usize, usize)>),
    Connect(Wish),
    /// The socket of a stream takes so much more.
    Room(usize, usize),
    Refilter(usize, Wish),
    /// A worker does the job that waits at this place.
    Work(usize),
    Turn,
    /// The client sends something.
    Say(usize, Said),
    Bookmark(usize),
    Later(u64),
}

#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) filter: usize,
    pub(super) from: From,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum From {
    Live,
    Here,
    /// So many positions before the head.
    Back(u64),
    /// So many pages of state, as of so many positions before the head, or after it.
    Snapshot(usize, i64),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Said {
    Text,
    Ping,
    Pong,
    Goodbye,
    Garbage,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let event = (0..3usize, 0..3usize, 0..1_500usize);
    let from = prop_oneof![
        3 => Just(From::Live),
        1 => Just(From::Here),
        3 => (0..60u64).prop_map(From::Back),
        2 => (0..4usize, -1..30i64).prop_map(|(pages, back)| From::Snapshot(pages, back)),
    ];
    let wish = (0..5usize, from).prop_map(|(filter, from)| Wish { filter, from });
    let said = prop_oneof![
        10 => Just(Said::Text),
        10 => Just(Said::Ping),
        10 => Just(Said::Pong),
        1 => Just(Said::Goodbye),
        1 => Just(Said::Garbage),
    ];
    prop_oneof![
        6 => prop::collection::vec(event.clone(), 1..6).prop_map(Step::Publish),
        4 => prop::collection::vec(event, 1..6).prop_map(Step::Commit),
        3 => wish.clone().prop_map(Step::Connect),
        12 => (0..8usize, prop_oneof![1..40usize, 1..3_000usize, Just(200_000)]).prop_map(|(stream, room)| Step::Room(stream, room)),
        2 => (0..8usize, wish).prop_map(|(stream, wish)| Step::Refilter(stream, wish)),
        10 => (0..4usize).prop_map(Step::Work),
        6 => Just(Step::Turn),
        2 => (0..8usize, said).prop_map(|(stream, said)| Step::Say(stream, said)),
        1 => (0..8usize).prop_map(Step::Bookmark),
        1 => (0..12u64).prop_map(Step::Later),
    ]
}

impl Said {
    pub(super) fn frame(self) -> Vec<u8> {
        match self {
            Self::Text => masked(0x81, b"{}"),
            Self::Ping => masked(0x89, b"?"),
            Self::Pong => masked(0x8a, b""),
            Self::Goodbye => masked(0x88, &1000u16.to_be_bytes()),
            Self::Garbage => vec![0xff, 0x00, 0x01],
        }
    }
}
