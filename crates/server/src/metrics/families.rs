//! Every family of metrics there is. `docs/metrics.md` lists the same; a test holds the two against each other.

/// A family: samples of one name that differ in their labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name, with the unit.
    pub name: &'static str,
    /// How its samples are to be read.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// How samples are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows while the gateway runs.
    Counter,
    /// A number that is as it is.
    Gauge,
    /// How often something was how large.
    Histogram,
}

impl Kind {
    /// The word in a `# TYPE` line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Family = Family {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )*

        /// All of them, in the order in which they are told.
        pub const ALL: &[Family] = &[$($constant),*];
    };
}

families! {
    SOURCE_CONNECTED = Gauge "switchhook_source_connected" ["source"]
        "1 while the connection to the PBX stands, else 0.";
    SOURCE_FRAMES = Counter "switchhook_source_frames_total" ["source"]
        "Frames received from the PBX.";
    SOURCE_EVENTS = Counter "switchhook_source_events_total" ["source", "type"]
        "Events published, by type. A type appears with its first event.";
    SOURCE_UNRECOGNIZED = Counter "switchhook_source_unrecognized_total" ["source", "shape"]
        "Frames, events or keys that the adapter does not know, by shape: the first 64 of a source, the others under `…`.";
    SOURCE_RECONNECTS = Counter "switchhook_source_reconnects_total" ["source"]
        "Connections made after the first.";
    SOURCE_GAP = Counter "switchhook_source_gap_seconds_total" ["source"]
        "How long the PBX was not heard, counted when it is heard again.";
    SOURCE_LAST_EVENT_AGE = Gauge "switchhook_source_last_event_age_seconds" ["source"]
        "How long ago the PBX last told something. Absent as long as it has told nothing.";
    SOURCE_CLOCK_SKEW = Gauge "switchhook_source_clock_skew_seconds" ["source"]
        "The clock of the PBX minus ours; 0 as long as it was never more than 5 s off.";
    SOURCE_DECODE = Histogram "switchhook_source_decode_seconds" ["source"]
        "How long a frame took to be decoded and mapped.";
    SOURCE_LINK_COUNTS = Counter "switchhook_source_link_total" ["source", "figure", "of"]
        "What an adapter counts of its links beside what all have; its README tells which figures.";
    SOURCE_LINK = Gauge "switchhook_source_link" ["source", "figure", "of"]
        "How the link is, by figures of the adapter; of every one `snapshot_seconds`, how long the last snapshot took.";
    SOURCE_CALLS_COMPARED = Counter "switchhook_source_calls_compared_total" ["source"]
        "Calls held against the PBX's own record of them.";
    SOURCE_CALLS_AGREED = Counter "switchhook_source_calls_agreed_total" ["source"]
        "Calls of which the PBX's own record said nothing else than what had been published.";
    SOURCE_CALLS_DIFFERED = Counter "switchhook_source_calls_differed_total" ["source", "field"]
        "How often a record said otherwise, by field of the call.";
    HUB_LOG_WRITABLE = Gauge "switchhook_hub_log_writable" []
        "1 while the log takes what is appended, else 0.";
    HUB_APPEND = Histogram "switchhook_hub_append_seconds" []
        "How long a commit took that succeeded.";
    HUB_PUBLISH_LAG = Histogram "switchhook_hub_publish_lag_seconds" []
        "From the receipt of the first message of a batch to the publication of its events.";
    HUB_BATCH = Histogram "switchhook_hub_batch_size" []
        "Messages folded and committed together, at most 1,024.";
    HUB_VIOLATIONS = Counter "switchhook_hub_invariant_violations_total" ["rule"]
        "Events that broke an invariant of the model, by rule.";
    STREAMS_OPEN = Gauge "switchhook_streams_open" ["transport"]
        "Streams that are open.";
    STREAMS_SENT = Counter "switchhook_streams_sent_total" ["transport"]
        "Events handed to streams.";
    STREAMS_SLOW = Counter "switchhook_streams_slow_closed_total" ["transport"]
        "Streams closed because they took too little.";
    STREAMS_QUEUE = Gauge "switchhook_streams_queue_bytes" []
        "Bytes that wait for readers of WebSockets.";
    WEBHOOKS_ATTEMPTS = Counter "switchhook_webhooks_attempts_total" ["result"]
        "Attempts to deliver, by the class of the answer; `error` when there was none.";
    WEBHOOKS_LAG = Gauge "switchhook_webhooks_lag_seconds" []
        "The age of the oldest event that an enabled webhook still has to get.";
    WEBHOOKS_LANES = Gauge "switchhook_webhooks_lanes" []
        "Lanes of all webhooks that have something to deliver.";
    DOOR_REFUSED = Counter "switchhook_door_refused_total" ["reason"]
        "Requests and tokens refused, by the kind of problem: the last segment of its type.";
    BUILD_INFO = Gauge "switchhook_build_info" ["version"]
        "Always 1: the version that runs.";
    PROCESS_CPU = Counter "process_cpu_seconds_total" []
        "Time spent on processors, in user and system mode.";
    PROCESS_MEMORY = Gauge "process_resident_memory_bytes" []
        "Memory that is resident.";
    PROCESS_OPEN_FDS = Gauge "process_open_fds" []
        "Open file descriptors.";
    PROCESS_MAX_FDS = Gauge "process_max_fds" []
        "The most file descriptors that may be open.";
    PROCESS_START = Gauge "process_start_time_seconds" []
        "When the process started, in seconds since 1970.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        let mut names = BTreeSet::new();
        for family in ALL {
            assert!(names.insert(family.name), "{} twice", family.name);
            let plain = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(family.name.chars().all(plain), "{}", family.name);
            let counts = family.kind == Kind::Counter;
            assert_eq!(family.name.ends_with("_total"), counts, "{}", family.name);
            assert!(family.name.starts_with("switchhook_") || family.name.starts_with("process_"));
            assert!(family.help.ends_with('.') && !family.help.contains('\n'));
        }
    }
}
