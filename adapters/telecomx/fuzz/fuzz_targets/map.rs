//! Any lines, one frame each, with the timers between them.
//! `cargo +nightly fuzz run map fuzz/corpus/map fuzz/seeds`
#![no_main]

use std::time::Duration;

use adapter::{Output, Resume, Translator as _};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use model::{Now, SourceId, Timestamp};
use telecomx::{Config, Translator};

fuzz_target!(|bytes: &[u8]| {
    let config: Config = serde_json::from_str(
        r#"{"url":"https://api","token":"t","customer":"c","channels":["PBX","CALL","REGISTER","CONFIG"],"region":"DK"}"#,
    )
    .expect("a config");
    let source = SourceId::new("cph").expect("a name");
    let mut translator = Translator::new(&source, &config, &Resume::default());
    let mut now = Now { mono: Duration::ZERO, wall: Timestamp::from_secs(1_767_225_600) };
    translator.connected(None, now, &mut Output::default());
    for line in bytes.split(|byte| *byte == b'\n').take(64) {
        let mut out = Output::default();
        translator.frame(&Bytes::copy_from_slice(line), now, &mut out);
        now.mono += Duration::from_secs(1);
        now.wall = now.wall.after(Duration::from_secs(1));
        while translator.poll_timeout().is_some_and(|due| due <= now.mono) {
            translator.timeout(now, &mut out);
        }
        let facts: usize = out.reports.iter().map(|report| report.observations.len()).sum();
        assert!(facts <= 64 + line.len());
    }
});
