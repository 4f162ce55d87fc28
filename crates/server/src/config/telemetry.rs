//! `[telemetry]`: who is told what the gateway does. Metrics need no key: they are there for whoever may ask.

use super::{net::Url, reader::Reader};

/// Who is told what the gateway does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// The collector of traces: OTLP over HTTP.
    pub otlp: Option<Url>,
    /// Of a hundred frames, how many are followed.
    pub sample_percent: u32,
}

impl Telemetry {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let otlp: Option<Url> = reader.optional("otlp");
        if otlp
            .as_ref()
            .is_some_and(|url| !matches!(url.scheme(), "http" | "https"))
        {
            let mend =
                "write the collector's URL for OTLP over HTTP, such as \"http://127.0.0.1:4318\"";
            reader.complain("otlp", "this is not an http or https URL", mend);
        }
        Self {
            otlp,
            sample_percent: reader.count("sample_percent", 100, 1..=100),
        }
    }
}
