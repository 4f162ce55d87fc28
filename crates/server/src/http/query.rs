//! Query strings: decoded once, taken apart by name, and nothing left over unnoticed.

use std::collections::VecDeque;

use crate::problem::{Problem, Violation};

/// The parameters of a request, each at most once, and what was found wrong with them so far.
#[derive(Debug, Default)]
pub struct Query {
    pairs: VecDeque<(String, String)>,
    wrong: Vec<Violation>,
}

impl Query {
    /// Decodes the part of a URL after `?`.
    #[must_use]
    pub fn parse(raw: Option<&str>) -> Self {
        let mut query = Self::default();
        for part in raw.unwrap_or_default().split('&').filter(|p| !p.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match (decoded(name), decoded(value)) {
                (Some(name), Some(_)) if query.has(&name) => {
                    query.wrong(&name, format!("`{name}` is given twice"));
                }
                (Some(name), Some(value)) => query.pairs.push_back((name, value)),
                (name, _) => {
                    let name = name.unwrap_or_default();
                    query.wrong(&name, "percent-encoded UTF-8 is expected");
                }
            }
        }
        query
    }

    /// Takes a parameter out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let index = self.pairs.iter().position(|(known, _)| known == name)?;
        self.pairs.remove(index).map(|(_, value)| value)
    }

    /// Takes a parameter out and reads it; a mistake is noted and counts as absent.
    pub fn read<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.take(name)?;
        match read(&value) {
            Ok(value) => Some(value),
            Err(why) => {
                self.wrong(name, why);
                None
            }
        }
    }

    /// Takes out `true` or `false`.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        self.read(name, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(format!("`{other}` is neither `true` nor `false`")),
        })
    }

    /// Takes out a whole number within bounds.
    pub fn number(&mut self, name: &str, least: usize, most: usize) -> Option<usize> {
        self.read(name, |text| {
            text.parse()
                .ok()
                .filter(|n| (least..=most).contains(n))
                .ok_or_else(|| format!("`{text}` is not a number from {least} to {most}"))
        })
    }

    /// True when a parameter is there and was not taken yet.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(known, _)| known == name)
    }

    /// What was not taken yet.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Notes a mistake.
    pub fn wrong(&mut self, name: &str, why: impl Into<String>) {
        self.wrong.push(Violation::parameter(name, why));
    }

    /// Notes a parameter that is known, but has no place in this kind of request.
    pub fn misplaced(&mut self, name: &str, why: &str) {
        if self.take(name).is_some() {
            self.wrong(name, format!("`{name}` {why}"));
        }
    }

    /// Ends the reading: whatever was not taken is unknown.
    ///
    /// # Errors
    /// With all mistakes, when there are any.
    pub fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            let shown: String = name.chars().take(64).collect();
            self.wrong(&name, format!("there is no parameter `{shown}` here"));
        }
        if self.wrong.is_empty() {
            Ok(())
        } else {
            Err(Problem::parameters(self.wrong))
        }
    }
}

/// Percent-encodes a value for use in a query.
#[must_use]
pub fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => text.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b',' | b'*' | b':' | b'@' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// What a `+` meant that a client forgot to encode, where a blank makes no sense: in times and international numbers.
#[must_use]
pub fn plus_restored(value: &str) -> String {
    value.replace(' ', "+")
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|n| u8::try_from(n).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_way_to_a_url_and_back() {
        for text in [
            "",
            "a b",
            "ü&=+%",
            "call.*,leg.ended",
            "2026-11-20T09:41:07+01:00",
        ] {
            let mut query = Query::parse(Some(&format!("x={}", encoded(text))));
            assert_eq!(query.take("x").as_deref(), Some(text));
        }
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let mut query = Query::parse(Some("limit=0&a=1&a=2&b=%zz&colour=red"));
        assert_eq!(query.number("limit", 1, 1000), None);
        assert_eq!(query.take("a").as_deref(), Some("1"));
        let problem = query.finish().unwrap_err().json();
        let names: Vec<_> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["parameter"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["a", "b", "limit", "colour"]);
    }
}
