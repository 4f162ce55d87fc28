//! Login, permissions and first events: the adapter's own link is opened and listened to for a while.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use adapter::{
    Direction, Link, LinkError, LinkErrorKind, Output, Resume, Setup, Tap, socket::Place,
};
use bytes::Bytes;
use model::{Fact, Now, Text, Timestamp, observation::SourceFact};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{Finding, Patient, Tell, clock};
use crate::cli::Exit;

/// Logs in, and listens.
pub(super) async fn visit(patient: &Patient<'_>, place: Option<&Place>, tell: &mut dyn Tell) {
    tell.begins("login");
    let ear = Arc::new(Ear::default());
    let begun = Instant::now();
    let connecting = patient.adapter.connect(Arc::clone(&ear) as Arc<dyn Tap>);
    let link = timeout(Setup::CONNECT_TIMEOUT, connecting).await;
    let mut link = match link {
        Ok(Ok(link)) => link,
        Ok(Err(error)) => return tell.found(refused(patient, &error, place)),
        Err(_) => return tell.found(silent(&ear)),
    };
    let dialect = link.dialect();
    let speaks = dialect
        .as_deref()
        .map_or_else(String::new, |dialect| format!(", speaks {dialect}"));
    let ms = begun.elapsed().as_millis();
    tell.found(Finding::ok(
        "login",
        format!("logged in in {ms} ms{speaks}"),
    ));
    tell.begins("events");
    let mut heard = Heard::default();
    let ended = listen(patient, &mut *link, &mut heard).await;
    link.close().await;
    for finding in heard.findings(patient, ended.as_ref().err()) {
        tell.found(finding);
    }
}

/// Listens until something was told after all lists, or for as long as is wanted.
async fn listen(
    patient: &Patient<'_>,
    link: &mut dyn Link,
    heard: &mut Heard,
) -> Result<(), LinkError> {
    let mut translator = patient.adapter.translator(Resume::default());
    let mut out = Output::default();
    let dialect = link.dialect();
    translator.connected(dialect.as_deref(), patient.clock.now(), &mut out);
    heard.take(link, &mut out, patient.clock.now()).await?;
    let end = Instant::now() + patient.watch;
    let mut frames: Vec<Bytes> = Vec::new();
    while !heard.is_enough() {
        let wake = translator
            .poll_timeout()
            .map(|due| due.saturating_sub(patient.clock.now().mono));
        let wake = sleep(wake.unwrap_or(patient.watch).max(Duration::from_millis(1)));
        let read = tokio::select! {
            biased;
            read = link.read(&mut frames) => read,
            () = sleep_until(end) => return Ok(()),
            () = wake => Ok(()),
        };
        let now = patient.clock.now();
        if translator.poll_timeout().is_some_and(|due| due <= now.mono) {
            translator.timeout(now, &mut out);
        }
        for frame in frames.drain(..) {
            heard.frames += 1;
            translator.frame(&frame, now, &mut out);
        }
        heard.take(link, &mut out, now).await?;
        read?;
    }
    Ok(())
}

/// What the link brought.
#[derive(Default)]
struct Heard {
    frames: u64,
    synced: bool,
    /// Something was told after the lists.
    live: bool,
    /// By the PBX's name of what it sends.
    events: BTreeMap<Text, u64>,
    /// Why the source is not all that it should be.
    degraded: Vec<Text>,
    strange: BTreeMap<Text, u64>,
    /// The time of an event and ours, where they are nearest.
    nearest: Option<(Timestamp, Timestamp)>,
}

/// The most kinds that are named.
const NAMED: usize = 8;

impl Heard {
    async fn take(
        &mut self,
        link: &mut dyn Link,
        out: &mut Output,
        now: Now,
    ) -> Result<(), LinkError> {
        for report in out.reports.drain(..) {
            let mut told = false;
            for observation in &report.observations {
                match &observation.fact {
                    Fact::Source(SourceFact::Synced) => self.synced = true,
                    Fact::Source(SourceFact::Degraded { reason }) => {
                        if !self.degraded.contains(reason) {
                            self.degraded.push(reason.clone());
                        }
                    }
                    Fact::Source(_) => {}
                    Fact::Unrecognized { shape } => {
                        *self.strange.entry(shape.clone()).or_default() += 1;
                    }
                    _ => {
                        told = true;
                        if let (true, Some(time)) = (self.synced, observation.time) {
                            self.compare(time, now.wall);
                        }
                    }
                }
            }
            if told {
                self.live |= self.synced;
                *self.events.entry(report.event).or_default() += 1;
            }
        }
        out.memo.clear();
        for request in out.requests.drain(..) {
            link.send(request).await?;
        }
        Ok(())
    }

    fn compare(&mut self, theirs: Timestamp, ours: Timestamp) {
        let apart =
            |(theirs, ours): (Timestamp, Timestamp)| theirs.micros().abs_diff(ours.micros());
        if self
            .nearest
            .is_none_or(|known| apart((theirs, ours)) < apart(known))
        {
            self.nearest = Some((theirs, ours));
        }
    }

    fn is_enough(&self) -> bool {
        self.synced && self.live
    }

    fn findings(self, patient: &Patient<'_>, ended: Option<&LinkError>) -> Vec<Finding> {
        let mut findings = self.permissions(patient);
        if let Some((theirs, ours)) = self.nearest {
            let finding = clock::judge(ours, theirs);
            findings.extend((finding.status > super::Status::Ok).then_some(finding));
        }
        if let Some(error) = ended {
            let mend = "look into the PBX's own log: it, or something in between, ends connections";
            let detail = format!("the connection does not last: {}", error.chain());
            findings.push(Finding::fail("events", detail, Exit::Unavailable, mend));
        } else {
            findings.push(self.first_events(patient));
        }
        if !self.strange.is_empty() {
            let detail = format!("not understood: {}", counted(&self.strange));
            let mend = "record them (`switchhook record`) and send the recording to whoever maintains the adapter";
            findings.push(Finding::warn("events", detail, mend));
        }
        findings
    }

    /// One finding for each topic or channel, and one for each list that does not come.
    fn permissions(&self, patient: &Patient<'_>) -> Vec<Finding> {
        const MEND: &str = "let the account have it in the PBX, or take it out of the config";
        let names = patient.adapter.subscriptions();
        let mut findings = Vec::new();
        let mut rest: Vec<&Text> = self.degraded.iter().collect();
        for name in &names {
            let refusal = format!("{name} refused");
            let refused = rest.iter().position(|reason| reason.starts_with(&refusal));
            findings.push(match refused {
                Some(at) => {
                    Finding::fail("permission", rest.remove(at).to_string(), Exit::Config, MEND)
                }
                None if self.frames > 0 => Finding::ok("permission", format!("{name} is not refused")),
                None => Finding::warn(
                    "permission",
                    format!("{name}: the PBX has not answered in {} s", patient.watch.as_secs()),
                    "wait longer with --for; where it stays silent, look whether the account may have it",
                ),
            });
        }
        if names.is_empty() && self.synced {
            let detail = format!("the PBX tells unasked: {}", counted(&self.events));
            findings.push(Finding::ok("permission", detail));
        }
        for reason in rest {
            let refused = reason.contains(" refused");
            findings.push(if refused {
                Finding::fail("permission", reason.to_string(), Exit::Config, MEND)
            } else {
                let mend = "look whether the account may have them; what is not listed is known only once it changes";
                Finding::warn("snapshot", reason.to_string(), mend)
            });
        }
        findings
    }

    fn first_events(&self, patient: &Patient<'_>) -> Finding {
        if self.events.is_empty() {
            let detail = format!("nothing told in {} s", patient.watch.as_secs());
            let mend = "make a call, or wait longer with --for: a quiet PBX is no fault";
            return Finding::warn("events", detail, mend);
        }
        let lists = if self.synced {
            "lists are complete, "
        } else {
            ""
        };
        Finding::ok(
            "events",
            format!("{lists}{} frames: {}", self.frames, counted(&self.events)),
        )
    }
}

/// The kinds with their counts, the most frequent first.
fn counted(kinds: &BTreeMap<Text, u64>) -> String {
    let mut sorted: Vec<(&Text, &u64)> = kinds.iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(a.1));
    let named = sorted.iter().take(NAMED);
    let mut named: Vec<String> = named
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    if sorted.len() > NAMED {
        named.push(format!("and {} kinds more", sorted.len() - NAMED));
    }
    named.join(", ")
}

/// Why there is no login, and what to mend.
fn refused(patient: &Patient<'_>, error: &LinkError, place: Option<&Place>) -> Finding {
    let source = patient.source;
    let at = place.map_or_else(|| source.url.to_string(), ToString::to_string);
    let (exit, mend) = match error.kind {
        LinkErrorKind::AuthRejected => (
            Exit::Config,
            format!("correct {} in [sources.{}], or the account in the PBX", credentials(patient), source.id),
        ),
        LinkErrorKind::LimitReached => (
            Exit::Unavailable,
            "end another connection of this account (a gateway that runs has one), or raise the PBX's limit".to_owned(),
        ),
        LinkErrorKind::Replaced => (
            Exit::Unavailable,
            "another client takes this place: give each its own account or name".to_owned(),
        ),
        LinkErrorKind::Unreachable => (
            Exit::Unavailable,
            format!("check port and path of `url`: what answers at {at} does not take such connections"),
        ),
        LinkErrorKind::Protocol => (
            Exit::Unavailable,
            format!("check `url` and `adapter`: what answers at {at} does not speak as {} does", source.adapter),
        ),
        LinkErrorKind::Transient => (
            Exit::Unavailable,
            "look whether this interface of the PBX is switched on and well: it takes connections, and does not go on".to_owned(),
        ),
    };
    Finding::fail("login", error.chain(), exit, mend)
}

fn silent(ear: &Ear) -> Finding {
    let limit = Setup::CONNECT_TIMEOUT.as_secs();
    let (sent, received) = (ear.sent.load(Relaxed), ear.received.load(Relaxed));
    let detail = format!("not done in {limit} s: {sent} frames sent, {received} received");
    let mend = "look whether this interface of the PBX is switched on and well: it takes connections, and does not answer";
    Finding::fail("login", detail, Exit::Unavailable, mend)
}

/// The keys that say who we are, as far as they are given.
fn credentials(patient: &Patient<'_>) -> String {
    const KEYS: [&str; 6] = [
        "username",
        "extension_number",
        "domain",
        "password",
        "token",
        "cookie",
    ];
    let settings = &patient.source.settings;
    let given = KEYS
        .iter()
        .filter(|key| settings.text(key).is_some() || settings.secret(key).is_some());
    let given: Vec<&str> = given.copied().collect();
    given.join(", ")
}

/// Counts what goes over the wire.
#[derive(Default)]
struct Ear {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Tap for Ear {
    fn frame(&self, direction: Direction, _: &[u8]) {
        let count = match direction {
            Direction::Sent => &self.sent,
            Direction::Received => &self.received,
        };
        count.fetch_add(1, Relaxed);
    }
}
