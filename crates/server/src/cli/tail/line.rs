//! An event as one line for people.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use super::show::{clean, duration, named, party, text};

/// How lines are written.
#[derive(Clone, Debug)]
pub(super) struct Style {
    /// The time zone of the times shown.
    pub(super) zone: TimeZone,
    /// Whether types are coloured.
    pub(super) colour: bool,
}

impl Style {
    /// Local time, source, type, and what happened.
    pub(super) fn line(&self, event: &Value) -> String {
        let time = self.time(text(event, "/time").unwrap_or_default());
        let source = text(event, "/source").unwrap_or("?");
        let source = clean(source.strip_prefix("/sources/").unwrap_or(source));
        let kind = clean(text(event, "/type").unwrap_or("?"));
        let summary = clean(&summary(&kind, event));
        if self.colour {
            let colour = colour(&kind);
            let line = format!("\x1b[2m{time} {source:<8}\x1b[0m {colour}{kind:<30} {summary}");
            format!("{}\x1b[0m", line.trim_end())
        } else {
            format!("{time} {source:<8} {kind:<30} {summary}")
                .trim_end()
                .to_owned()
        }
    }

    fn time(&self, text: &str) -> String {
        match text.parse::<Timestamp>() {
            Ok(time) => {
                let time = time.to_zoned(self.zone.clone());
                time.strftime("%H:%M:%S%.3f").to_string()
            }
            Err(_) => "--:--:--.---".to_owned(),
        }
    }
}

/// The colour of a type: by what it is about, and louder what somebody should look at.
fn colour(kind: &str) -> &'static str {
    match kind {
        "source.gap" | "webhook.lost" => "\x1b[1;7;31m",
        "call.missed"
        | "queue.sla_breached"
        | "alert.raised"
        | "source.disconnected"
        | "source.auth_failed"
        | "source.degraded"
        | "source.limit_reached"
        | "source.replaced"
        | "webhook.failing"
        | "webhook.disabled"
        | "command.failed"
        | "trunk.disconnected" => "\x1b[31m",
        "call.ended" | "leg.ended" => "\x1b[2m",
        _ => match kind.split('.').next().unwrap_or_default() {
            "call" => "\x1b[1;32m",
            "leg" => "\x1b[32m",
            "queue" => "\x1b[35m",
            "agent" => "\x1b[34m",
            "extension" | "user" | "device" => "\x1b[36m",
            "source" | "trunk" => "\x1b[33m",
            _ => "",
        },
    }
}

/// What happened, in a few words.
fn summary(kind: &str, event: &Value) -> String {
    let nothing = Value::Null;
    let data = event.get("data").unwrap_or(&nothing);
    let at = |pointer: &str| text(data, pointer).map(str::to_owned);
    let (entity, change) = kind.split_once('.').unwrap_or((kind, ""));
    let mut parts: Vec<String> = match (entity, change) {
        ("call", "missed") => missed(data),
        ("call", "ended") => ended(data, "/call"),
        ("call", "transferred") => transferred(data),
        ("call", _) => [
            Some(parties(data, "/call")),
            at("/call/state"),
            place(data),
            answered_by(change, data),
            fields(change, data),
        ]
        .into_iter()
        .flatten()
        .collect(),
        ("leg", _) => {
            let who = party(data.pointer("/leg/party"));
            let state = at("/leg/state").unwrap_or_default();
            let cause = at("/leg/end/cause").map(|cause| format!("({cause})"));
            let leg = [Some(format!("{who}: {state}")), cause]
                .into_iter()
                .flatten();
            vec![
                leg.collect::<Vec<_>>().join(" "),
                format!("in {}", parties(data, "/call")),
            ]
        }
        ("cdr", _) => ended(data, "/cdr"),
        ("extension", _) => {
            let extension = named(data.get("extension"));
            vec![
                subject(event, extension),
                extension_state(change, data).unwrap_or_default(),
            ]
        }
        ("queue", "caller_joined" | "caller_left" | "caller_moved" | "sla_breached") => {
            let who = party(data.pointer("/caller/party"));
            let queue = named(data.get("queue").or(data.pointer("/caller/queue")));
            let place = data
                .pointer("/caller/position")
                .map(|place| format!("place {place}"));
            let waiting = format!("{who} in {}", queue.unwrap_or_default());
            [Some(waiting), place, at("/reason")]
                .into_iter()
                .flatten()
                .collect()
        }
        ("queue", _) => {
            let waiting = data
                .pointer("/queue/waiting")
                .map(|n| format!("{n} waiting"));
            let ready = data
                .pointer("/queue/agents_ready")
                .map(|n| format!("{n} agents ready"));
            let queue = subject(event, named(data.get("queue")));
            [Some(queue), waiting, ready]
                .into_iter()
                .flatten()
                .collect()
        }
        ("agent", _) => {
            let agent = at("/agent/extension/number").unwrap_or_default();
            let queue = named(data.pointer("/agent/queue")).unwrap_or_default();
            let state = at("/agent/state").unwrap_or_default();
            let reason = at("/agent/reason").map(|reason| format!("({reason})"));
            [Some(format!("{agent} in {queue}: {state}")), reason]
                .into_iter()
                .flatten()
                .collect()
        }
        ("user", _) => [
            Some(subject(event, named(data.get("user")))),
            at("/user/presence/status"),
        ]
        .into_iter()
        .flatten()
        .collect(),
        ("device", _) => {
            let of = at("/device/extension/number").map(|number| format!("of {number}"));
            let from = at("/device/address").map(|address| format!("at {address}"));
            [
                at("/device/kind"),
                of,
                from,
                at("/device/user_agent"),
                at("/reason"),
            ]
            .into_iter()
            .flatten()
            .collect()
        }
        ("trunk", _) => {
            let trunk = subject(event, named(data.get("trunk")));
            [Some(trunk), at("/trunk/address")]
                .into_iter()
                .flatten()
                .collect()
        }
        ("conference", _) => {
            let who = party(data.pointer("/participant/party"));
            let room = named(data.get("conference")).unwrap_or_default();
            vec![format!("{who} in {room}")]
        }
        ("recording", _) => [
            at("/recording/call"),
            duration(data, "/recording/duration_ms"),
        ]
        .into_iter()
        .flatten()
        .collect(),
        ("voicemail", _) => {
            let mailbox = at("/voicemail/box").unwrap_or_default();
            let from = data
                .pointer("/voicemail/caller")
                .map(|caller| format!("from {}", party(Some(caller))));
            let length = duration(data, "/voicemail/duration_ms");
            [Some(format!("box {mailbox}")), from, length]
                .into_iter()
                .flatten()
                .collect()
        }
        ("source", "gap") | ("webhook", "lost") => gap(data),
        ("source", "unrecognized") => at("/origin/event")
            .into_iter()
            .chain(at("/reason"))
            .collect(),
        ("source", _) => {
            let reason = at("/reason").or_else(|| at("/source/reason"));
            at("/source/dialect").into_iter().chain(reason).collect()
        }
        ("directory", _) => {
            let (what, id) = (at("/object/kind"), at("/object/id"));
            [what, id, at("/object/action")]
                .into_iter()
                .flatten()
                .collect()
        }
        ("variable", _) => {
            let value = data.pointer("/variable/value").map(Value::to_string);
            let name = at("/variable/name").unwrap_or_default();
            vec![format!("{name} = {}", value.unwrap_or_default())]
        }
        ("alert", _) => at("/alert/kind")
            .into_iter()
            .chain(at("/alert/text"))
            .collect(),
        ("message" | "request" | "reply", _) => {
            let member = |name: &str| at(&format!("/{entity}/{name}"));
            let from = member("from").map(|from| format!("from {from}"));
            [member("kind"), from].into_iter().flatten().collect()
        }
        ("command", _) => [at("/command/type"), at("/command/target"), at("/reason")]
            .into_iter()
            .flatten()
            .collect(),
        ("webhook", _) => at("/webhook/url_host")
            .into_iter()
            .chain(at("/reason"))
            .collect(),
        _ => vec![subject(event, None)],
    };
    if let Some(origin) =
        at("/origin/kind").filter(|kind| !matches!(kind.as_str(), "native" | "gateway"))
    {
        parts.push(format!("[{origin}]"));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("  ")
}

/// The name, or else the subject of the envelope.
fn subject(event: &Value, name: Option<String>) -> String {
    name.unwrap_or_else(|| text(event, "/subject").unwrap_or_default().to_owned())
}

fn parties(data: &Value, call: &str) -> String {
    let side = |side: &str| party(data.pointer(&format!("{call}/{side}")));
    format!("{} → {}", side("caller"), side("callee"))
}

/// Where the call is: its queue while it waits, else its route.
fn place(data: &Value) -> Option<String> {
    if text(data, "/call/state") == Some("queued") {
        return named(data.pointer("/call/queue")).map(|queue| format!("in queue {queue}"));
    }
    let route = data.pointer("/call/route")?;
    let kind = text(route, "/kind").unwrap_or_default();
    Some(format!(
        "at {kind} {}",
        named(Some(route)).unwrap_or_default()
    ))
}

fn answered_by(change: &str, data: &Value) -> Option<String> {
    let by = data
        .pointer("/call/answered_by")
        .filter(|_| change == "answered")?;
    Some(format!("by {}", party(Some(by))))
}

/// Which fields changed, where that is all there is to tell.
fn fields(change: &str, data: &Value) -> Option<String> {
    if !matches!(change, "updated" | "amended") {
        return None;
    }
    let fields = data.pointer("/change/fields")?.as_array()?.iter();
    let fields: Vec<&str> = fields.filter_map(Value::as_str).collect();
    Some(format!("({})", fields.join(", ")))
}

fn missed(data: &Value) -> Vec<String> {
    let extensions = data.pointer("/missed/extensions").and_then(Value::as_array);
    let numbers: Vec<&str> = extensions
        .into_iter()
        .flatten()
        .filter_map(|extension| text(extension, "/number"))
        .collect();
    let by = (!numbers.is_empty()).then(|| format!("by {}", numbers.join(", ")));
    let queue = named(data.pointer("/missed/queue")).map(|queue| format!("in queue {queue}"));
    [Some(parties(data, "/call")), by, queue]
        .into_iter()
        .flatten()
        .collect()
}

fn ended(data: &Value, call: &str) -> Vec<String> {
    let at = |member: &str| format!("{call}{member}");
    let outcome = text(data, &at("/end/outcome"));
    let cause = text(data, &at("/end/cause")).filter(|cause| *cause != "normal");
    let end = match (outcome, cause) {
        (Some(outcome), Some(cause)) if outcome != cause => Some(format!("{outcome} ({cause})")),
        (one, other) => one.or(other).map(str::to_owned),
    };
    let talk = duration(data, &at("/durations/talk_ms")).map(|talk| format!("talked {talk}"));
    [Some(parties(data, call)), end, talk]
        .into_iter()
        .flatten()
        .collect()
}

fn transferred(data: &Value) -> Vec<String> {
    let side = |side: &str| party(data.pointer(&format!("/transfer/{side}")));
    let kind = text(data, "/transfer/kind").unwrap_or_default();
    vec![
        parties(data, "/call"),
        format!("{kind}: from {} to {}", side("from"), side("to")),
    ]
}

fn extension_state(change: &str, data: &Value) -> Option<String> {
    let flag = |name: &str| data.pointer(&format!("/extension/{name}"))?.as_bool();
    let said = match change {
        "call_state_changed" => text(data, "/extension/call_state")?,
        "registration_changed" if flag("online")? => "online",
        "registration_changed" => "offline",
        "presence_changed" => text(data, "/extension/presence/status")?,
        "dnd_changed" if flag("dnd")? => "do not disturb",
        "dnd_changed" => "may be disturbed",
        _ => return None,
    };
    Some(said.to_owned())
}

fn gap(data: &Value) -> Vec<String> {
    let from = text(data, "/gap/from").unwrap_or("?");
    let to = text(data, "/gap/to").unwrap_or("?");
    let reason = text(data, "/gap/reason").unwrap_or_default();
    let unknown: Vec<&str> = data
        .pointer("/gap/unknown")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let count = data
        .pointer("/gap/count")
        .map(|count| format!("{count} events lost"));
    let unknown = (!unknown.is_empty()).then(|| format!("unknown: {}", unknown.join(", ")));
    [
        Some(format!("NOT HEARD from {from} to {to}")),
        Some(reason.to_owned()),
        count,
        unknown,
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests;
