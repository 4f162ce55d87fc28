//! What must hold of any bytes. The fuzz target `wire` and the tests share it.

use std::sync::OnceLock;

use basix::wire::{
    self, Message, ScanError, Specs, Term, Terms, Value, scan,
    write::{self, MinorVersion, Spelling, WriteError},
};
use eetf::{ByteList, FixInteger, List, Map, Tuple};

/// The documented fields of every element, and one that no native type has.
const FIELDS: &[(&str, &str)] = &[
    (
        "channel",
        "uuid state direction peer_location calling_name calling_number called_number offer_timestamp answer_timestamp \
         hangup_timestamp other_uuid user_id group_id target origination end_user tags last_bridged_user_id last_event \
         last_event_data other_info call_id news",
    ),
    (
        "channel_waiting",
        "uuid direction state target end_user whoscall tags",
    ),
    ("queued_channel", "uuid state peer_number end_user"),
    ("parked_channel", "uuid state peer_number end_user"),
    (
        "user",
        "id name fwd_always_status do_not_disturb_status language main_extension presence role park_group mwi_target \
         flags followme email avatar label mwi",
    ),
    (
        "group",
        "id name type language main_extension queue label flags check_login_status mwi",
    ),
    (
        "group_member",
        "id group_id user_id priority login_status role",
    ),
    (
        "terminal",
        "id name assoc_user_id type user_agent registered",
    ),
    ("domain", "id name status"),
];

static SPECS: OnceLock<Specs> = OnceLock::new();

/// Reads a frame in every way there is, and compares with `eetf` where that can read it.
pub(crate) fn check(frame: &[u8]) {
    let term = match scan(frame) {
        Ok(term) => term,
        Err(error) => {
            refused(frame, error);
            return;
        }
    };
    walk(term);
    json(&term, frame.len());
    compare(frame, term);
    written_again(term);
    if let Ok(message) = wire::decode(frame) {
        read(&message, frame.len());
    }
}

fn refused(frame: &[u8], error: ScanError) {
    assert_eq!(wire::decode(frame), Err(error.into()));
    assert!(error.shape().starts_with("bert."));
}

/// Every term of a frame that passed is there, in exactly its bytes.
fn walk(term: Term<'_>) {
    assert!(!term.bytes().is_empty());
    let _ = (term.text(), term.int(), term.bool(), term.is_absent());
    match term.value() {
        Value::Tuple(elements) | Value::List(elements) => each(elements),
        Value::Map(pairs) => {
            for (key, value) in pairs {
                walk(key);
                walk(value);
            }
        }
        Value::Float(value) => assert!(value.is_finite()),
        Value::Big(big) => assert!(big.bytes.len() <= wire::MAX_BIG),
        _ => {}
    }
}

fn each(elements: Terms<'_>) {
    let told = elements.len();
    let mut found = 0;
    for element in elements {
        walk(element);
        found += 1;
    }
    assert_eq!(found, told, "elements are missing");
}

fn json(value: &impl serde::Serialize, length: usize) {
    let text = serde_json::to_string(value).expect("JSON");
    // A control character of one byte has six in JSON.
    assert!(
        text.len() <= 64 + 8 * length,
        "{} from {length}",
        text.len()
    );
    let _: serde_json::Value = serde_json::from_str(&text).expect("JSON that can be read");
}

/// `eetf` sees only what passed the scan. It reads atoms in Latin-1 as UTF-8 and floats in text as 32 bits.
fn compare(frame: &[u8], term: Term<'_>) {
    let ours = eetf::Term::from(term);
    match eetf::Term::decode(frame) {
        Ok(theirs) if doubtful(&theirs) => {}
        Ok(theirs) => assert!(
            alike(&ours, &folded(theirs)),
            "{ours} is not what eetf reads"
        ),
        Err(error) => assert!(may_differ(&ours), "eetf refuses {ours}: {error}"),
    }
}

/// Maps that `eetf` itself cannot compare: it hashes a map in the order of its own table, so that a map is no key of
/// another; and keys that are one number in two tags.
fn doubtful(term: &eetf::Term) -> bool {
    use eetf::Term as T;
    let odd_key = |key: &T| match key {
        T::FixInteger(_) | T::Atom(_) | T::Binary(_) | T::ByteList(_) | T::Float(_) => false,
        T::BigInteger(big) => i32::try_from(&big.value).is_ok(),
        _ => true,
    };
    match term {
        T::Tuple(tuple) => tuple.elements.iter().any(doubtful),
        T::List(list) => list.elements.iter().any(doubtful),
        T::Map(map) => map
            .map
            .iter()
            .any(|(key, value)| odd_key(key) || doubtful(value)),
        _ => false,
    }
}

fn written_again(term: Term<'_>) {
    let ours = eetf::Term::from(term);
    let spelling = Spelling {
        version: MinorVersion::One,
        complex: false,
    };
    match write::write(&ours, spelling) {
        Ok(frame) => {
            let again = scan(&frame).expect("what was written can be read");
            assert_eq!(canonical(again.into()), canonical(ours));
        }
        Err(WriteError::NotBert("maps") | WriteError::Atom(_)) => {}
        Err(error) => panic!("{ours} cannot be written: {error}"),
    }
}

fn read(message: &Message<'_>, length: usize) {
    let specs = SPECS.get_or_init(specs);
    let entities: Vec<_> = match message {
        Message::FieldSpec(spec) => {
            assert!(spec.names().len() <= wire::MAX_FIELDS);
            let mut specs = Specs::default();
            assert!(specs.learn(spec.clone()));
            return;
        }
        Message::InitialInfo { element, entities } => entities
            .clone()
            .map(|entity| (element.clone(), entity))
            .collect(),
        Message::InfoEvent {
            element, entity, ..
        } => vec![(element.clone(), *entity)],
        Message::SystemMsg(_) | Message::Msg(_) | Message::Unknown { .. } => return,
    };
    for (element, term) in entities {
        let Some(spec) = specs.get(&element) else {
            continue;
        };
        let Some(entity) = spec.entity(term) else {
            assert!(term.elements().is_none());
            continue;
        };
        // Names of fields come on top.
        json(&entity, term.bytes().len() + 32 * entity.fields().count());
        assert!(entity.unclaimed.len() <= spec.names().len() + 1);
        let debug = format!("{:?}", entity.body);
        assert!(debug.len() <= 4096 + 64 * length);
        if let wire::Body::Channel(channel) = &entity.body {
            if let Some(person) = &channel.end_user {
                let contacts: usize = person.contacts().map(|each| each.name.len()).sum();
                assert!(contacts <= 4 * length);
                let _ = person.count();
            }
            assert!(channel.tags.iter().all(|tag| !tag.is_empty()));
            let parts: usize = channel.origination.parts().map(|part| part.len()).sum();
            assert!(parts <= 4 * length);
        }
    }
}

fn specs() -> Specs {
    let mut specs = Specs::default();
    for (element, fields) in FIELDS {
        let fields = fields.split_whitespace().map(write::atom);
        let message = [
            write::atom("field_spec"),
            write::chars(element),
            write::list(fields),
        ];
        let frame = write::write(&write::tuple(message), Spelling::default()).expect("a frame");
        match wire::decode(&frame) {
            Ok(Message::FieldSpec(spec)) => assert!(specs.learn(spec)),
            other => panic!("no field_spec: {other:?}"),
        }
    }
    specs
}

fn alike(ours: &eetf::Term, theirs: &eetf::Term) -> bool {
    use eetf::Term as T;
    match (ours, theirs) {
        (T::Atom(ours), T::Atom(theirs)) => ours == theirs || !ours.name.is_ascii(),
        (T::Float(_), T::Float(_)) => true,
        (T::Tuple(Tuple { elements: ours }), T::Tuple(Tuple { elements: theirs }))
        | (T::List(List { elements: ours }), T::List(List { elements: theirs })) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| alike(a, b))
        }
        (T::Map(ours), T::Map(theirs)) => {
            let mut pairs = ours.map.iter();
            pairs.any(|(key, value)| may_differ(key) || may_differ(value)) || ours == theirs
        }
        _ => ours == theirs,
    }
}

fn may_differ(term: &eetf::Term) -> bool {
    use eetf::Term as T;
    match term {
        T::Atom(atom) => !atom.name.is_ascii(),
        T::Float(_) => true,
        T::Tuple(tuple) => tuple.elements.iter().any(may_differ),
        T::List(list) => list.elements.iter().any(may_differ),
        // Of a key that comes twice the first value is gone, whatever it was.
        T::Map(_) => true,
        _ => false,
    }
}

/// Integers fixed when 32 bits hold them.
fn folded(term: eetf::Term) -> eetf::Term {
    use eetf::Term as T;
    match term {
        T::BigInteger(big) => match i32::try_from(&big.value) {
            Ok(value) => FixInteger { value }.into(),
            Err(_) => big.into(),
        },
        T::Tuple(tuple) => Tuple::from(all(tuple.elements)).into(),
        T::List(list) => List::from(all(list.elements)).into(),
        T::Map(map) => Map {
            map: map
                .map
                .into_iter()
                .map(|(key, value)| (folded(key), folded(value)))
                .collect(),
        }
        .into(),
        other => other,
    }
}

fn all(terms: Vec<eetf::Term>) -> Vec<eetf::Term> {
    terms.into_iter().map(folded).collect()
}

/// Lists of bytes are strings, as Erlang has it.
fn canonical(term: eetf::Term) -> eetf::Term {
    use eetf::Term as T;
    let elements = match term {
        T::Tuple(tuple) => {
            let elements: Vec<_> = tuple.elements.into_iter().map(canonical).collect();
            return Tuple::from(elements).into();
        }
        T::ByteList(list) => return string(list.bytes),
        T::List(list) => list.elements,
        other => return other,
    };
    let bytes: Option<Vec<u8>> = elements
        .iter()
        .map(|element| match element {
            T::FixInteger(int) => u8::try_from(int.value).ok(),
            _ => None,
        })
        .collect();
    match bytes {
        Some(bytes) => string(bytes),
        None => List::from(elements.into_iter().map(canonical).collect::<Vec<_>>()).into(),
    }
}

fn string(bytes: Vec<u8>) -> eetf::Term {
    if bytes.is_empty() {
        return List::nil().into();
    }
    ByteList::from(bytes).into()
}
