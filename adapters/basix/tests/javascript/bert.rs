//! Terms as `bert.js` reads them.

/// A term.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Js<'a> {
    /// A JavaScript number.
    Number(f64),
    /// A JavaScript string, a character for each byte. Only charlists become one.
    Text(&'a [u8]),
    /// An object with the text as its `value`.
    Atom(&'a [u8]),
    /// Likewise.
    Binary(&'a [u8]),
    /// An object with a place for each element.
    Tuple(Vec<Self>),
    /// An array.
    List(Vec<Self>),
}

/// The one term of a frame.
pub(crate) fn decode(frame: &[u8]) -> Result<Js<'_>, String> {
    let [131, rest @ ..] = frame else {
        return Err("Not a valid BERT".to_owned());
    };
    let mut rest = rest;
    let term = inner(&mut rest)?;
    rest.is_empty()
        .then_some(term)
        .ok_or_else(|| "Invalid BERT: bytes follow".to_owned())
}

fn inner<'a>(rest: &mut &'a [u8]) -> Result<Js<'a>, String> {
    Ok(match size(rest, 1)? {
        97 => Js::Number(size(rest, 1)? as f64),
        98 => {
            let (bytes, left) = rest.split_first_chunk().ok_or("it ends too early")?;
            if bytes[0] == 0x80 {
                return Err("an integer whose sign is misread".to_owned());
            }
            *rest = left;
            Js::Number(f64::from(i32::from_be_bytes(*bytes)))
        }
        99 => {
            let text = String::from_utf8_lossy(take(rest, 31)?);
            let number = text.trim_end_matches('\0').parse();
            Js::Number(number.map_err(|_| "no number".to_owned())?)
        }
        tag @ (110 | 111) => {
            let length = size(rest, if tag == 110 { 1 } else { 4 })?;
            let sign = size(rest, 1)?;
            let digits = take(rest, length)?.iter().rev();
            let number = digits.fold(0.0, |number, byte| number * 256.0 + f64::from(*byte));
            if number >= 2_f64.powi(53) {
                return Err("an integer beyond what a number holds".to_owned());
            }
            Js::Number(if sign == 1 { -number } else { number })
        }
        100 => Js::Atom(sized(rest, 2)?),
        115 => Js::Atom(sized(rest, 1)?),
        109 => Js::Binary(sized(rest, 4)?),
        107 => Js::Text(sized(rest, 2)?),
        104 => {
            let arity = size(rest, 1)?;
            Js::Tuple((0..arity).map(|_| inner(rest)).collect::<Result<_, _>>()?)
        }
        105 => return Err("LARGE_TUPLE: the method it calls is not there".to_owned()),
        106 => Js::List(Vec::new()),
        108 => {
            let length = size(rest, 4)?;
            let items = (0..length).map(|_| inner(rest)).collect::<Result<_, _>>()?;
            if size(rest, 1)? != 106 {
                return Err("List does not end with NIL".to_owned());
            }
            Js::List(items)
        }
        other => return Err(format!("Unexpected BERT type {other}")),
    })
}

/// A length. It is read as a signed one, so that a large one is negative.
fn size(rest: &mut &[u8], bytes: usize) -> Result<usize, String> {
    let read = take(rest, bytes)?;
    if bytes > 1 && read[0] > 128 {
        return Err("a length that is read as a negative one".to_owned());
    }
    Ok(read
        .iter()
        .fold(0, |size, byte| size << 8 | usize::from(*byte)))
}

fn sized<'a>(rest: &mut &'a [u8], bytes: usize) -> Result<&'a [u8], String> {
    let length = size(rest, bytes)?;
    take(rest, length)
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], String> {
    let (taken, left) = rest.split_at_checked(count).ok_or("it ends too early")?;
    *rest = left;
    Ok(taken)
}
