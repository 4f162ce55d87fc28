//! Any lines, one frame each, with the timers between them.
//! `cargo +nightly fuzz run map fuzz/corpus/map fuzz/seeds`
#![no_main]

use std::time::Duration;

use adapter::{Output, Resume, Translator as _};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use model::{Now, SourceId, Timestamp};
use portsip::{Config, Translator};

fuzz_target!(|bytes: &[u8]| {
    let config: Config = serde_json::from_str(
        r#"{"url":"wss://pbx","username":"u","domain":"d","password":"p","topics":["cdr_events","extension_events",
        "queue_events"],"extensions":["101","102"],"queues":["8000"],"service_numbers":["5000"]}"#,
    )
    .expect("a config");
    let source = SourceId::new("hq").expect("a name");
    let mut translator = Translator::new(&source, &config, &Resume::default());
    let mut now = Now { mono: Duration::ZERO, wall: Timestamp::from_secs(1_725_845_640) };
    translator.connected(Some("v22"), now, &mut Output::default());
    for line in bytes.split(|byte| *byte == b'\n').take(64) {
        let mut out = Output::default();
        translator.frame(&Bytes::copy_from_slice(line), now, &mut out);
        now.mono += Duration::from_secs(1);
        now.wall = now.wall.after(Duration::from_secs(1));
        while translator.poll_timeout().is_some_and(|due| due <= now.mono) {
            translator.timeout(now, &mut out);
        }
        let facts: usize = out.reports.iter().map(|report| report.observations.len()).sum();
        assert!(facts <= 32 + line.len());
    }
});
