//! Texts within which the PBX packs more texts. They are unpacked when somebody looks.

use std::borrow::Cow;

use super::{record::Field, term::Term, text::tolerant};

/// Who is outside, from the PBX's address book: one entry or several that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndUser<'a>(Cow<'a, str>);

/// An entry of the address book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// The person.
    pub name: Cow<'a, str>,
    /// Where they work.
    pub organization: Cow<'a, str>,
    /// A picture: a URL, or a file name of the PBX.
    pub avatar: Cow<'a, str>,
    /// Where the number is from.
    pub prefecture: Cow<'a, str>,
}

/// Words the PBX was told to keep with a leg.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags<'a>(Cow<'a, str>);

/// What a program said when it started the call through the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origination<'a>(Cow<'a, str>);

const MANY: &str = "_MANY_:";

impl EndUser<'_> {
    /// How many entries match. May be more than were sent.
    #[must_use]
    pub fn count(&self) -> u64 {
        let told = self.0.strip_prefix(MANY).and_then(|rest| {
            let count = rest.split('|').next().unwrap_or_default();
            count.trim().parse().ok()
        });
        told.unwrap_or_else(|| self.contacts().count() as u64)
    }

    /// The entries that were sent.
    pub fn contacts(&self) -> impl Iterator<Item = Contact<'_>> {
        let (records, skipped) = match self.0.strip_prefix(MANY) {
            Some(rest) => (rest, 1),
            None => (&*self.0, 0),
        };
        // A single record keeps a `|`.
        let several = skipped == 1;
        let records = records.split(move |each| several && each == '|');
        records.skip(skipped).map(contact)
    }
}

impl Tags<'_> {
    /// The tags, trimmed, empty ones left out.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0
            .split(';')
            .map(str::trim)
            .filter(|tag| !tag.is_empty())
    }

    /// Whether it is among them.
    #[must_use]
    pub fn contains(&self, tag: &str) -> bool {
        self.iter().any(|each| each == tag)
    }
}

impl Origination<'_> {
    /// Its parts. None when the call was not started so.
    pub fn parts(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let parts = (!self.0.is_empty()).then(|| self.0.split('*'));
        parts
            .into_iter()
            .flatten()
            .map(|part| unpercent(part, false))
    }
}

impl<'a> EndUser<'a> {
    /// `None` when there is nobody: empty, or nothing but stars.
    pub(super) fn parse(text: Cow<'a, str>) -> Option<Self> {
        let nobody = text.trim().bytes().all(|byte| byte == b'*');
        (!nobody).then_some(Self(text))
    }
}

impl<'a> Field<'a> for Option<EndUser<'a>> {
    fn take(&mut self, value: Term<'a>) -> bool {
        let text = value.text();
        let told = text.is_some();
        *self = text.and_then(EndUser::parse);
        told
    }
}

impl<'a> Field<'a> for Tags<'a> {
    fn take(&mut self, value: Term<'a>) -> bool {
        let text = value.text();
        let told = text.is_some();
        self.0 = text.unwrap_or_default();
        told
    }
}

impl<'a> Field<'a> for Origination<'a> {
    fn take(&mut self, value: Term<'a>) -> bool {
        let text = value.text();
        let told = text.is_some();
        self.0 = text.unwrap_or_default();
        told
    }
}

/// Undoes percent-encoding. What is malformed stays as it is.
#[must_use]
pub fn percent_decode(text: &str) -> Cow<'_, str> {
    unpercent(text, false)
}

fn contact(record: &str) -> Contact<'_> {
    let mut fields = record.split('*').map(|field| unpercent(field, true));
    let mut next = || fields.next().unwrap_or_default();
    Contact {
        id: next(),
        name: next(),
        organization: next(),
        avatar: next(),
        prefecture: next(),
    }
}

fn unpercent(text: &str, plus_is_space: bool) -> Cow<'_, str> {
    if !text.contains(|each| each == '%' || (plus_is_space && each == '+')) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match (*first, after) {
            (b'+', _) if plus_is_space => b' ',
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            (byte, _) => byte,
        });
    }
    Cow::Owned(tolerant(&bytes).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}
