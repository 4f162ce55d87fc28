// Words and figures for people.

/** `4:07`, `1:02:03`; whole seconds of milliseconds, never negative. */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** How long ago in the coarsest unit that says enough: `now`, `7 s`, `4 min`, `3 h`, `2 d`. */
export function age(ms) {
  if (!Number.isFinite(ms)) return "never";
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return "now";
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Milliseconds since an RFC 3339 time; NaN when there is none. */
export function since(time, now) {
  return time === undefined ? NaN : now - Date.parse(time);
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** `09:41:07`, here. */
export function time(ms) {
  return Number.isFinite(ms) ? clock.format(ms) : "";
}

/** `09:41:07.412`. */
export function exactTime(ms) {
  return `${time(ms)}.${String(Math.floor(ms) % 1000).padStart(3, "0")}`;
}

/** `09:41:07`, with the day when it is not today's. */
export function moment(ms, now) {
  return day.format(ms) === day.format(now) ? time(ms) : `${day.format(ms)} ${time(ms)}`;
}

const whole = new Intl.NumberFormat("en-GB");

export function count(n) {
  return whole.format(n);
}

/** `0`, `0.4`, `12`, `1,204`. */
export function rate(n) {
  return n === 0 || n >= 10 ? whole.format(Math.round(n)) : n.toFixed(1);
}

/** A number as people of its country read it. */
export function numberText(number) {
  return number?.national ?? number?.raw ?? "";
}

/** Name and number of a party, as far as they are known: `{name, number}`. */
export function partyParts(party) {
  if (party === undefined) return { name: "", number: "" };
  if (party.private) return { name: "Private", number: "" };
  const number = party.extension?.number ?? numberText(party.number);
  const name = party.name ?? party.user?.name ?? "";
  if (name !== "" && name !== number) return { name, number };
  return { name: number || party.uri || "Unknown", number: "" };
}

export function partyText(party) {
  const { name, number } = partyParts(party);
  return number === "" ? name : `${name} ${number}`;
}

/** A queue, route or trunk. */
export function placeText(place) {
  return place === undefined ? "" : (place.name ?? place.number ?? place.id ?? place.kind ?? "");
}

/** `not_ready` → `not ready`. */
export function words(word) {
  return String(word ?? "").replaceAll("_", " ");
}

/** What an event tells, in a line. */
export function gist({ type, data, subject }) {
  const change = data.change?.to === undefined ? "" : `${words(data.change.from ?? "–")} → ${words(data.change.to)}`;
  const { call, leg } = data;
  if (call !== undefined) {
    const between = `${partyText(call.caller)} → ${partyText(call.callee)}`;
    if (leg !== undefined && type.startsWith("leg.")) return `${partyText(leg.party)} in ${between}`;
    const reason = type === "call.ended" && call.end ? ` · ${words(call.end.outcome)}, ${words(call.end.cause)}` : "";
    const where = type === "call.routed" && call.route ? ` · ${words(call.route.kind)} ${placeText(call.route)}` : "";
    return between + reason + where;
  }
  if (data.caller !== undefined) {
    const position = data.caller.position === undefined ? "" : ` · position ${data.caller.position}`;
    return `${partyText(data.caller.party)} in ${placeText(data.caller.queue)}${data.reason ? ` · ${words(data.reason)}` : position}`;
  }
  if (data.agent !== undefined) return `${data.agent.extension.number} in ${placeText(data.agent.queue)} · ${change || words(data.agent.state)}`;
  if (data.extension !== undefined) {
    return [[data.extension.number, data.extension.name].filter(Boolean).join(" "), change].filter(Boolean).join(" · ");
  }
  if (data.cdr?.caller !== undefined) return `${partyText(data.cdr.caller)} → ${partyText(data.cdr.callee)}`;
  if (data.gap !== undefined) return `${data.gap.reason} · ${time(Date.parse(data.gap.from))} to ${time(Date.parse(data.gap.to))}`;
  if (data.participant !== undefined) return `${partyText(data.participant.party)} in ${placeText(data.conference)}`;
  const rest = data.reason ?? data.alert?.text ?? data.alert?.kind ?? data.object?.kind ?? data.variable?.name ?? data.message?.kind ?? data.command?.type;
  const named = data.queue ?? data.user ?? data.device ?? data.trunk ?? data.conference;
  const name = named === undefined ? (data.webhook?.url_host ?? "") : (named.name ?? named.number ?? named.id);
  return [name, change, rest].filter(Boolean).join(" · ") || subject;
}
