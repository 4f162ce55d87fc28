//! Short ways to frames, specs and entities.

use std::{fs, path::Path};

use basix::wire::{
    self, Body, Change, Channel, Element, FieldSpec, Message, Term, User, scan,
    write::{Spelling, atom, binary, chars, list, tuple, write},
};

type Built = eetf::Term;

/// A leg that tells nothing but one field, and what of it was not understood.
pub(crate) fn leg_with(field: &str, value: Built, look: impl FnOnce(&Channel<'_>, &[&str])) {
    let spec = fields("channel", &["uuid", field]);
    let frame = bert(&tuple([binary("u"), value]));
    let entity = spec.entity(scan(&frame).unwrap()).unwrap();
    let unclaimed: Vec<&str> = entity.unclaimed.iter().map(|name| &**name).collect();
    look(channel(&entity.body), &unclaimed);
}

pub(crate) fn fields(element: &str, names: &[&str]) -> FieldSpec {
    let names = list(names.iter().copied().map(binary));
    match wire::decode(&bert(&tuple([atom("field_spec"), chars(element), names]))).unwrap() {
        Message::FieldSpec(spec) => spec,
        other => panic!("no spec: {other:?}"),
    }
}

pub(crate) fn event(frame: &[u8]) -> (Element, Term<'_>, Change<'_>) {
    match wire::decode(frame).unwrap() {
        Message::InfoEvent {
            element,
            entity,
            change,
        } => (element, entity, change),
        other => panic!("no event: {other:?}"),
    }
}

pub(crate) fn channel<'b, 'a>(body: &'b Body<'a>) -> &'b Channel<'a> {
    match body {
        Body::Channel(channel) => channel,
        other => panic!("no channel: {other:?}"),
    }
}

pub(crate) fn user<'b, 'a>(body: &'b Body<'a>) -> &'b User<'a> {
    match body {
        Body::User(user) => user,
        other => panic!("no user: {other:?}"),
    }
}

pub(crate) fn bert(term: &Built) -> Vec<u8> {
    write(term, Spelling::default()).unwrap()
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

pub(crate) fn spec(name: &str) -> FieldSpec {
    match wire::decode(&vector(name)).unwrap() {
        Message::FieldSpec(spec) => spec,
        other => panic!("no spec: {other:?}"),
    }
}

pub(crate) fn vector(name: &str) -> Vec<u8> {
    read(&format!("tests/vectors/{name}.bert"))
}

pub(crate) fn seed_of(name: &str) -> Vec<u8> {
    read(&format!("fuzz/seeds/{name}"))
}

pub(crate) fn read(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}
