//! The writer beside Erlang's own: the same bytes for every vector, as frozen and as Erlang writes them today, and for
//! terms made up on the spot.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use basix::wire::write::{self, MinorVersion, Spelling, WriteError, write};
use eetf::{Float, Term};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

struct Vector {
    name: String,
    /// In Erlang's syntax.
    source: String,
    plain: bool,
    frame: Vec<u8>,
}

#[test]
fn frozen_vectors_are_what_erlang_writes() {
    let vectors = vectors();
    assert!(vectors.len() >= 24, "only {} vectors", vectors.len());
    let asked = vectors.iter().map(|vector| {
        let spelling = if vector.plain { "plain" } else { "complex" };
        format!("1 {spelling} {}", vector.source)
    });
    for (vector, answer) in vectors.iter().zip(erlang(asked.collect())) {
        assert_eq!(hex(&vector.frame), answer, "{}", vector.name);
    }
}

#[test]
fn vectors_are_written_again_byte_by_byte() {
    for vector in vectors() {
        let term = basix::wire::scan(&vector.frame).unwrap().into();
        let spelling = Spelling {
            version: MinorVersion::One,
            complex: false,
        };
        let written = write(&term, spelling).unwrap();
        assert_eq!(hex(&vector.frame), hex(&written), "{}", vector.name);
    }
}

/// The way of the simulator: from constructors, with BERT's complex types.
#[test]
fn a_message_made_of_parts_is_the_vector() {
    use write::{atom, binary, bool, chars, int, list, tuple, undefined};
    let phone = |id, name, agent, registered| {
        let kind = binary("sip");
        tuple([
            int(id),
            binary(name),
            int(10_001_001),
            kind,
            agent,
            bool(registered),
        ])
    };
    let term = tuple([
        atom("initial_info"),
        chars("terminal"),
        list([
            phone(1, "1001-a", binary("Phone/1.0"), true),
            phone(2, "1001-b", undefined(), false),
        ]),
    ]);
    let frozen = vectors()
        .into_iter()
        .find(|each| each.name == "initial_info_terminal");
    let written = write(&term, Spelling::default()).unwrap();
    assert_eq!(hex(&written), hex(&frozen.unwrap().frame));
}

#[test]
fn terms_made_up_are_written_as_erlang_writes_them() {
    let mut runner = TestRunner::new(Config::default());
    let strategy = (term(), prop::sample::select(vec![0, 1, 2]), any::<bool>());
    let mut cases: Vec<_> = (0..600)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect();
    for term in edges() {
        for version in 0..3 {
            cases.push((term.clone(), version, true));
        }
    }
    cases.extend(long().into_iter().map(|term| (term, 1, false)));
    let asked = cases.iter().map(|(term, version, complex)| {
        let spelling = if *complex { "complex" } else { "plain" };
        format!("{version} {spelling} {}.", source(term))
    });
    let answers = erlang(asked.collect());
    for ((term, version, complex), answer) in cases.iter().zip(answers) {
        let version = [MinorVersion::Zero, MinorVersion::One, MinorVersion::Two][*version];
        let spelling = Spelling {
            version,
            complex: *complex,
        };
        let written = write(term, spelling).unwrap();
        assert_eq!(hex(&written), answer, "{spelling:?} {}", source(term));
    }
}

#[test]
fn what_bert_does_not_have_is_refused() {
    let refused = |term| write(&term, Spelling::default()).unwrap_err();
    assert_eq!(
        refused(eetf::Map::from([]).into()),
        WriteError::NotBert("maps")
    );
    assert_eq!(
        refused(eetf::Pid::new("a", 1, 2, 3).into()),
        WriteError::NotBert("processes, ports and references")
    );
    let improper = eetf::ImproperList::from((vec![write::int(1)], write::int(2)));
    assert_eq!(
        refused(improper.into()),
        WriteError::NotBert("improper lists")
    );
    assert_eq!(refused(Float { value: f64::NAN }.into()), WriteError::Float);
    assert!(matches!(
        refused(write::atom(&"é".repeat(256))),
        WriteError::Atom(_)
    ));
    write(&write::atom(&"é".repeat(255)), Spelling::default()).unwrap();
}

/// Where one tag gives way to the next.
fn edges() -> Vec<Term> {
    use write::{atom, binary, chars, int, list, tuple};
    let mut edges: Vec<Term> = [7, 8, 15, 16, 27, 28, 31, 32, 59, 60, 62]
        .into_iter()
        .flat_map(|bits| {
            let power = 1_i64 << bits;
            [power - 1, power, power + 1, -power - 1, -power, 1 - power]
        })
        .chain([i64::MIN, i64::MAX, 0])
        .map(int)
        .collect();
    for bytes in [8, 9, 255, 256] {
        let value = (num_bigint::BigInt::from(1) << (8 * bytes)) - 1;
        edges.push(eetf::BigInteger { value: -&value }.into());
        edges.push(eetf::BigInteger { value }.into());
    }
    for length in [1, 255, 256] {
        edges.push(chars(&"é".repeat(length)));
        edges.push(binary(&"x".repeat(length)));
    }
    for name in ["", "é", "日本", "a b", "O'Brien", "\\"] {
        edges.push(atom(name));
    }
    edges.push(atom(&"é".repeat(255)));
    edges.push(atom(&"日".repeat(85)));
    edges.push(atom(&"日".repeat(86)));
    for arity in [0, 1, 255, 256] {
        edges.push(tuple(vec![int(1); arity]));
        edges.push(list(vec![atom("x"); arity]));
        edges.push(list(vec![int(1); arity]));
    }
    edges.push(list([int(1), int(256)]));
    for value in [
        0.0,
        -0.0,
        1.5,
        0.1,
        1e22,
        1e23,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
    ] {
        edges.push(Float { value }.into());
    }
    edges
}

/// Where a charlist becomes a list.
fn long() -> [Term; 2] {
    [65_535, 65_536].map(|length| write::chars(&"é".repeat(length)))
}

fn term() -> impl Strategy<Value = Term> {
    let leaf = prop_oneof![
        "[a-z_]{1,12}".prop_map(|name| write::atom(&name)),
        "\\PC{0,12}".prop_map(|name| write::atom(&name)),
        prop::sample::select(vec!["true", "false", "undefined", "nil"]).prop_map(write::atom),
        any::<i64>().prop_map(write::int),
        any::<i32>().prop_map(|value| write::int(value.into())),
        (0..300_i64).prop_map(write::int),
        any::<f64>()
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(|value| Float { value }.into()),
        "\\PC{0,40}".prop_map(|text| write::binary(&text)),
        "\\PC{0,40}".prop_map(|text| write::chars(&text)),
        "[ -~]{0,40}".prop_map(|text| write::chars(&text)),
    ];
    leaf.prop_recursive(5, 48, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(write::tuple),
            vec(inner, 0..8).prop_map(write::list),
        ]
    })
}

/// A term in Erlang's syntax.
fn source(term: &Term) -> String {
    let joined = |elements: &[Term]| elements.iter().map(source).collect::<Vec<_>>().join(",");
    match term {
        Term::Atom(atom) => {
            let mut quoted = String::from("'");
            for each in atom.name.chars() {
                write!(quoted, "\\x{{{:x}}}", u32::from(each)).unwrap();
            }
            quoted + "'"
        }
        Term::Float(float) => {
            let text = format!("{:.20e}", float.value);
            let (mantissa, exponent) = text.split_once('e').unwrap();
            format!("{mantissa}e{exponent}")
        }
        Term::Binary(binary) => format!("<<{}>>", bytes(&binary.bytes)),
        Term::ByteList(list) => format!("[{}]", bytes(&list.bytes)),
        Term::List(list) => format!("[{}]", joined(&list.elements)),
        Term::Tuple(tuple) => format!("{{{}}}", joined(&tuple.elements)),
        other => other.to_string(),
    }
}

fn bytes(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(u8::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

/// Asks Erlang, a line for each question.
fn erlang(asked: Vec<String>) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/erlang/bert.escript");
    let mut child = Command::new("escript")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("no Erlang: install it (Debian: apt-get install erlang-base)");
    let mut input = child.stdin.take().unwrap();
    let count = asked.len();
    let writer = std::thread::spawn(move || {
        for line in asked {
            writeln!(input, "{line}").expect("Erlang listens");
        }
    });
    let output = BufReader::new(child.stdout.take().unwrap());
    let answers: Vec<String> = output.lines().map(Result::unwrap).collect();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(answers.len(), count, "{answers:?}");
    answers
}

fn vectors() -> Vec<Vector> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut paths: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "term")
    });
    paths.sort();
    let vectors = paths.iter().map(|path| {
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('%'));
        Vector {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            source: lines.collect::<Vec<_>>().join(" "),
            plain: text.starts_with("%% plain"),
            frame: fs::read(path.with_extension("bert")).unwrap(),
        }
    });
    vectors.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
