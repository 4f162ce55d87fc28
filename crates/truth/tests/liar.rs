//! A map that lies is caught: the lie becomes a case that is small, that the golden runner plays, and that an honest map
//! passes.

use std::{sync::Arc, time::Duration};

use adapter::{Adapter, Descriptor, Link, LinkError, Output, Resume, Tap, Translator};
use async_trait::async_trait;
use bytes::Bytes;
use model::{Cause, Fact, Now, Timestamp};
use testkit::cases;
use truth::{
    House, Opened, Play, Weather, case,
    house::Serving,
    judge::{self, Verdict},
    portsip::Portsip,
    shrink::shrink,
};

#[test]
fn a_lie_becomes_a_small_case() {
    let clear = Weather::clear();
    let play = Play {
        dialect: "v22",
        weather: (0, &clear),
        seed: 5,
        calls: 20,
        record: true,
    };
    let fault = play.run(&Liar).fault.expect("a lie");
    assert_eq!(
        (fault.finding.fact, fault.finding.verdict),
        (judge::Fact::Cause, Verdict::Wrong)
    );
    let before = fault.tape.steps.len();
    let fault = shrink(&Liar, fault);
    let after = fault.tape.steps.len();
    assert!(after * 2 < before, "{before} steps became {after}");

    let root = tempfile::tempdir().unwrap();
    let dir = case::write(&Liar, root.path(), "a_lie", &fault).unwrap();
    cases::check(root.path(), |case| {
        Liar.adapter(&case.source).translator(Resume::default())
    });
    let faults = |house: &dyn House| {
        let findings = case::play(house, &dir).unwrap().unwrap();
        let faults = findings.iter().filter(|found| found.verdict.is_a_fault());
        faults.count()
    };
    assert!(faults(&Liar) > 0);
    assert_eq!(faults(&Portsip), 0);
}

/// PortSIP, with a map that takes every recorded end for fraud.
struct Liar;

impl House for Liar {
    fn name(&self) -> &'static str {
        Portsip.name()
    }

    fn dialects(&self) -> Vec<&'static str> {
        Portsip.dialects()
    }

    fn topics(&self, dialect: &str) -> Vec<&'static str> {
        Portsip.topics(dialect)
    }

    fn open(&self, dialect: &str, weather: &Weather, seed: u64, start: Timestamp) -> Opened {
        let honest = Portsip.open(dialect, weather, seed, start);
        Opened {
            adapter: Arc::new(Lying(honest.adapter)),
            ..honest
        }
    }

    fn serve<'a>(&'a self, dialect: &'a str, seed: u64) -> Serving<'a> {
        Portsip.serve(dialect, seed)
    }

    fn adapter(&self, source_toml: &str) -> Arc<dyn Adapter> {
        Arc::new(Lying(Portsip.adapter(source_toml)))
    }
}

struct Lying(Arc<dyn Adapter>);

#[async_trait]
impl Adapter for Lying {
    fn descriptor(&self) -> &Descriptor {
        self.0.descriptor()
    }

    fn translator(&self, resume: Resume) -> Box<dyn Translator> {
        Box::new(Liary(self.0.translator(resume)))
    }

    async fn connect(&self, tap: Arc<dyn Tap>) -> Result<Box<dyn Link>, LinkError> {
        self.0.connect(tap).await
    }
}

struct Liary(Box<dyn Translator>);

impl Translator for Liary {
    fn connected(&mut self, dialect: Option<&str>, now: Now, out: &mut Output) {
        self.0.connected(dialect, now, out);
    }

    fn frame(&mut self, frame: &Bytes, now: Now, out: &mut Output) {
        self.0.frame(frame, now, out);
        let observations = out
            .reports
            .iter_mut()
            .flat_map(|report| &mut report.observations);
        for observation in observations {
            if let Fact::Cdr(record) = &mut observation.fact
                && let Some(end) = &mut record.end
            {
                end.cause = Cause::Fraud;
            }
        }
    }

    fn poll_timeout(&self) -> Option<Duration> {
        self.0.poll_timeout()
    }

    fn timeout(&mut self, now: Now, out: &mut Output) {
        self.0.timeout(now, out);
    }

    fn disconnected(&mut self, now: Now, out: &mut Output) {
        self.0.disconnected(now, out);
    }
}
