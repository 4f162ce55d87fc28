//! The text format of Prometheus, version 0.0.4.

use std::fmt::Write as _;

use telemetry::Distribution;

use super::families::{Family, Kind};

/// A page in the making.
#[derive(Debug, Default)]
pub struct Page(String);

/// The samples of one family.
pub struct Samples<'p> {
    family: &'static Family,
    text: &'p mut String,
}

/// A value: whole numbers keep all their digits.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// A count.
    Whole(u64),
    /// Anything else.
    Real(f64),
}

impl From<u64> for Value {
    fn from(n: u64) -> Self {
        Self::Whole(n)
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Self {
        Self::Real(x)
    }
}

impl Page {
    /// Begins a family. All its samples follow at once.
    pub fn family(&mut self, family: &'static Family) -> Samples<'_> {
        let (name, kind) = (family.name, family.kind.as_str());
        self.0.push_str("# HELP ");
        self.0.push_str(name);
        self.0.push(' ');
        escape(&mut self.0, family.help, false);
        add(&mut self.0, format_args!("\n# TYPE {name} {kind}\n"));
        Samples {
            family,
            text: &mut self.0,
        }
    }

    /// The page.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

impl Samples<'_> {
    /// A sample. There is a value for each label, in the order of the family.
    pub fn value(&mut self, labels: &[&str], value: impl Into<Value>) {
        debug_assert_ne!(self.family.kind, Kind::Histogram);
        self.sample("", labels, None, value.into());
    }

    /// The samples of a histogram, whose values count so much each.
    pub fn distribution(&mut self, labels: &[&str], read: &Distribution, scale: f64) {
        debug_assert_eq!(self.family.kind, Kind::Histogram);
        for (bound, count) in &read.buckets {
            let bound = scaled(*bound, scale);
            self.sample("_bucket", labels, Some(&bound), Value::Whole(*count));
        }
        self.sample("_bucket", labels, Some("+Inf"), Value::Whole(read.count));
        self.sample("_sum", labels, None, Value::Real(read.sum as f64 * scale));
        self.sample("_count", labels, None, Value::Whole(read.count));
    }

    fn sample(&mut self, suffix: &str, labels: &[&str], bound: Option<&str>, value: Value) {
        debug_assert_eq!(self.family.labels.len(), labels.len());
        self.text.push_str(self.family.name);
        self.text.push_str(suffix);
        let names = self.family.labels.iter().copied();
        let pairs = names
            .zip(labels.iter().copied())
            .chain(bound.map(|bound| ("le", bound)));
        let mut open = '{';
        for (name, value) in pairs {
            self.text.push(open);
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(self.text, value, true);
            self.text.push('"');
            open = ',';
        }
        if open == ',' {
            self.text.push('}');
        }
        match value {
            Value::Whole(n) => add(self.text, format_args!(" {n}\n")),
            Value::Real(x) => add(self.text, format_args!(" {x}\n")),
        }
    }
}

/// A bound as people write it: 0.00025 rather than 0.00025000000000000006.
fn scaled(bound: u64, scale: f64) -> String {
    let exact = bound as f64 * scale;
    format!("{}", (exact * 1e9).round() / 1e9)
}

fn escape(text: &mut String, value: &str, quoted: bool) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '"' if quoted => text.push_str("\\\""),
            c => text.push(c),
        }
    }
}

fn add(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use telemetry::Histogram;

    use super::*;
    use crate::metrics::families;

    #[test]
    fn labels_are_escaped_and_whole_numbers_are_exact() {
        let mut page = Page::default();
        let mut samples = page.family(&families::SOURCE_UNRECOGNIZED);
        samples.value(&["hq", "a \"b\" \\ c\nd"], u64::MAX);
        assert_eq!(
            page.into_text(),
            "# HELP switchhook_source_unrecognized_total Frames, events or keys that the adapter does not know, by shape: the \
             first 64 of a source, the others under `…`.\n\
             # TYPE switchhook_source_unrecognized_total counter\n\
             switchhook_source_unrecognized_total{source=\"hq\",shape=\"a \\\"b\\\" \\\\ c\\nd\"} 18446744073709551615\n"
        );
    }

    #[test]
    fn a_histogram_ends_with_all_its_values() {
        let histogram = Histogram::new(&[250_000, 1_000_000]);
        histogram.record(100_000);
        histogram.record(2_000_000);
        let mut page = Page::default();
        let mut samples = page.family(&families::SOURCE_DECODE);
        samples.distribution(&["hq"], &histogram.read(), 1e-9);
        let text = page.into_text();
        let lines: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "switchhook_source_decode_seconds_bucket{source=\"hq\",le=\"0.00025\"} 1",
                "switchhook_source_decode_seconds_bucket{source=\"hq\",le=\"0.001\"} 1",
                "switchhook_source_decode_seconds_bucket{source=\"hq\",le=\"+Inf\"} 2",
                "switchhook_source_decode_seconds_sum{source=\"hq\"} 0.0021000000000000003",
                "switchhook_source_decode_seconds_count{source=\"hq\"} 2",
            ]
        );
    }
}
