//! Clocks: what the PBX's web server says the time is, where it does.

use std::{pin::pin, time::Duration};

use adapter::{
    TlsOptions,
    socket::{Place, reach},
};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use jiff::fmt::rfc2822;
use model::{Clock, Timestamp};

use super::Finding;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// A header has whole seconds, and an answer takes a while.
const TOLERANCE_MS: i64 = 5_000;

/// Asks for nothing, and looks at the date of the answer.
pub(super) async fn ask(place: &Place, tls: &TlsOptions, clock: &dyn Clock) -> Finding {
    let asked = tokio::time::timeout(PATIENCE, date(place, tls)).await;
    match asked.ok().flatten() {
        Some(theirs) => judge(clock.now().wall, theirs),
        None => Finding::ok(
            "clock",
            "the PBX does not tell the time here; its events will",
        ),
    }
}

/// What it means that the PBX's clock shows `theirs` while ours shows `ours`.
pub(super) fn judge(ours: Timestamp, theirs: Timestamp) -> Finding {
    let ahead = theirs.millis().saturating_sub(ours.millis());
    let seconds = ahead.unsigned_abs() / 1_000;
    if ahead.abs() <= TOLERANCE_MS {
        return Finding::ok(
            "clock",
            format!("the PBX's clock agrees with ours within {} s", seconds + 1),
        );
    }
    let which = if ahead > 0 { "ahead of" } else { "behind" };
    let detail = format!("the PBX's clock is {seconds} s {which} ours: it shows {theirs}");
    Finding::warn(
        "clock",
        detail,
        "let both machines keep time by NTP: events bear the PBX's times",
    )
}

async fn date(place: &Place, tls: &TlsOptions) -> Option<Timestamp> {
    let stream = reach(place, tls).await.ok()?;
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let request = Request::head("/")
        .header(header::HOST, place.authority())
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .ok()?;
    let mut answer = pin!(client.send_request(request));
    let response = tokio::select! {
        response = &mut answer => response,
        // A server that closes may have answered before.
        _ = connection => answer.await,
    };
    let response = response.ok()?;
    let date = response.headers().get(header::DATE)?.to_str().ok()?;
    let date = rfc2822::parse(date).ok()?;
    Some(Timestamp::from_micros(date.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn a_clock_that_is_off_is_told() {
        let ours = Timestamp::from_secs(1_767_225_600);
        for (theirs, status, told) in [
            (ours.after(Duration::from_secs(4)), Status::Ok, "within 5 s"),
            (
                ours.after(Duration::from_secs(90)),
                Status::Warn,
                "90 s ahead of ours",
            ),
            (
                ours.before(Duration::from_secs(7_200)),
                Status::Warn,
                "7200 s behind ours",
            ),
        ] {
            let finding = judge(ours, theirs);
            assert_eq!(finding.status, status);
            assert!(finding.detail.contains(told), "{}", finding.detail);
        }
    }

    #[test]
    fn dates_of_http_are_read() {
        let date = rfc2822::parse("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(date.timestamp().as_second(), 784_111_777);
    }
}
