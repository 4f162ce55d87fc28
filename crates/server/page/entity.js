// One entity: what is known of it now, and the events that made it so.

import { duration, exactTime, moment, partyText, placeText, since, time, words } from "./format.js";
import { badge, button, gapText, glyph, json, known, link, party, timer } from "./parts.js";
import { h } from "./render.js";
import { path } from "./api.js";
import { fact } from "./explain.js";
import { enteredAt } from "./calls.js";
import { typeOf } from "./words.js";
import { line } from "./journal.js";

/** Events of an entity that are shown. */
const EVENTS = 200;

export class Entity {
  constructor(app) {
    this.app = app;
    this.subject = undefined;
  }

  open(subject) {
    if (subject === this.subject) return;
    this.subject = subject;
    this.lines = [];
    this.ids = new Set();
    this.ended = undefined;
    this.problem = undefined;
    void this.load(subject);
  }

  /** Its events so far; those to come are taken from the stream. */
  async load(subject) {
    const [collection, id] = parts(subject);
    try {
      const query = new URLSearchParams({ subjects: subject, order: "desc", limit: String(EVENTS), payload: "false" });
      const { body } = await this.app.api.get(`/v1/events?${query}`);
      if (subject !== this.subject) return;
      // What concerns whole sources passes every filter.
      for (const event of body.toReversed()) this.take(event);
      if (this.app.store.get(collection) !== undefined && !this.app.store.get(collection).has(id)) {
        const { body: entity } = await this.app.api.get(path(collection, id));
        if (subject === this.subject) this.ended = entity;
      }
    } catch (error) {
      if (subject === this.subject) this.problem = error.status === 404 ? "It is gone, and no longer in the log." : error.message;
    }
    this.app.changed();
  }

  /** Takes an event of the stream that is about it. */
  take(event) {
    if (this.subject === undefined || (event.subject !== this.subject && !event.subject.startsWith(`${this.subject}/`))) return;
    this.note(event);
  }

  note(event) {
    if (this.ids.has(event.id)) return;
    this.ids.add(event.id);
    this.lines.push(line(event));
    this.lines.sort((left, right) => (left.id < right.id ? -1 : 1));
    const [collection] = parts(this.subject);
    const told = event.data[collection.slice(0, -1)];
    if (told !== undefined) this.ended = told;
    if (this.lines.length > EVENTS) this.ids.delete(this.lines.shift().id);
  }

  known() {
    const [collection, id] = parts(this.subject);
    return this.app.store.get(collection)?.get(id) ?? this.ended;
  }

  title() {
    const [collection, id] = parts(this.subject);
    const entity = this.known();
    if (collection === "calls") return entity === undefined ? "Call" : `${partyText(known(entity.caller))} → ${partyText(known(entity.callee))}`;
    const name = entity?.name ?? entity?.user?.name;
    return [entity?.number, name].filter(Boolean).join(" ") || id;
  }

  view() {
    const [collection, id] = parts(this.subject);
    const entity = this.known();
    const now = this.app.now();
    const problem = this.problem === undefined || entity !== undefined ? null : h("p", { class: "said bad" }, this.problem);
    return [
      problem,
      entity === undefined ? null : collection === "calls" ? callFacts(entity, now) : facts(collection, entity, now),
      collection === "calls" && entity !== undefined ? legs(entity, now) : null,
      collection === "sources" ? this.gaps(id) : null,
      h("section", { class: "step" }, h("h3", null, "Events", h("small", null, `${this.lines.length}, the latest first`)), this.events(collection, id)),
      entity === undefined ? null : h("details", { class: "step" }, h("summary", null, "All that is known, as JSON"), json(entity)),
    ];
  }

  gaps(id) {
    const now = this.app.now();
    const { gaps } = gapText(this.app.views.sources.ledgers.get(id)?.periods, now - 3_600_000, now);
    if (gaps.length === 0) return null;
    return h(
      "section",
      { class: "step" },
      h("h3", null, "Gaps", h("small", null, "in the last hour")),
      h("ul", { class: "gaps" }, gaps.toReversed().map((gap) => h("li", { key: gap.from }, h("b", null, `${time(Date.parse(gap.from))} to ${gap.open ? "now" : time(Date.parse(gap.to))}`), ` ${gap.reason}`, h("small", null, gap.unknown.length > 0 ? `unknown: ${gap.unknown.join(", ")}` : `set right: ${gap.reconciled.join(", ")}`)))),
    );
  }

  events(collection, id) {
    const { go } = this.app;
    return [
      h(
        "ol",
        { class: "history" },
        this.lines.toReversed().map((line) => {
          const { glyph: shape, tone } = typeOf(line.type);
          return h("li", { key: line.id }, h("span", { class: "at" }, exactTime(line.at)), h("a", { href: `#/events/${line.id}` }, h("span", { class: `badge ${tone}` }, glyph(shape), h("span", null, line.type))), line.kind === "native" || line.kind === "gateway" ? null : h("span", { class: "tag" }, line.kind));
        }),
      ),
      button("Show in the feed", () => {
        this.app.views.events.set("subject", `${collection}/${id}`);
        go("events");
      }),
    ];
  }
}

function parts(subject) {
  const at = subject.indexOf("/");
  return [subject.slice(0, at), subject.slice(at + 1)];
}

function callFacts(call, now) {
  const until = call.ended_at === undefined ? now : Date.parse(call.ended_at);
  return h(
    "dl",
    { class: "facts" },
    fact("State", badge(call.state, "calls"), call.ended_at === undefined ? timer(since(enteredAt(call), now), "in this state") : null),
    call.end === undefined ? null : fact("End", `${words(call.end.outcome)} · ${words(call.end.cause)} · by ${words(call.end.ended_by)}`),
    fact("From", party(call.caller)),
    fact("To", party(call.callee)),
    call.answered_by === undefined ? null : fact("Answered by", party(call.answered_by)),
    call.queue === undefined ? null : fact("Queue", link(`queues/${call.queue.id}`, placeText(call.queue))),
    call.route === undefined ? null : fact("Route", `${words(call.route.kind)} ${placeText(call.route)}`),
    call.did === undefined ? null : fact("Dialled", call.did.national ?? call.did.raw),
    call.trunk === undefined ? null : fact("Trunk", placeText(call.trunk)),
    call.tenant === undefined ? null : fact("Tenant", call.tenant),
    fact("Direction", call.direction),
    fact("Started", time(Date.parse(call.started_at))),
    fact("Total", duration(until - Date.parse(call.started_at))),
    call.related_calls.length === 0 ? null : fact("Related", call.related_calls.map((id) => [link(`calls/${id}`, id), " "])),
    fact("Id", h("code", null, call.id)),
  );
}

/** The legs on one line of time: hollow until answered, full from then on. */
function legs(call, now) {
  const from = Date.parse(call.started_at);
  const until = Math.max(from + 1000, call.ended_at === undefined ? now : Date.parse(call.ended_at));
  const x = (at) => (((at - from) / (until - from)) * 100).toFixed(2);
  const rows = call.legs.map((leg) => {
    const [start, end] = [Date.parse(leg.started_at), leg.ended_at === undefined ? until : Date.parse(leg.ended_at)];
    const answered = leg.answered_at === undefined ? end : Math.min(end, Date.parse(leg.answered_at));
    const bar = (kind, left, right) => (right > left ? h("rect", { class: kind, x: x(left), width: (x(right) - x(left)).toFixed(2), y: kind === "talk" ? 1 : 3, height: kind === "talk" ? 8 : 4 }) : null);
    return h(
      "li",
      { key: leg.id },
      h("span", { class: "who" }, badge(leg.state, "calls", leg.end === undefined ? undefined : words(leg.end.cause)), party(leg.party), h("span", { class: "number" }, leg.role)),
      h("svg", { class: "span", viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img", "aria-label": leg.answered_at === undefined ? `not answered for ${duration(end - start)}` : `answered after ${duration(answered - start)}, connected ${duration(end - answered)}` }, bar("wait", start, answered), bar("talk", answered, end)),
      h("span", { class: "timer" }, duration(end - start)),
    );
  });
  return h("section", { class: "step" }, h("h3", null, "Legs", call.legs_omitted ? h("small", null, `${call.legs_omitted} more`) : null), h("ul", { class: "legs" }, rows));
}

const TIME = /^\d{4}-\d\d-\d\dT/;

/** The plain members of an entity. */
function facts(collection, entity, now) {
  const rows = Object.entries(entity).filter(([name, value]) => !["native", "version", "name", "unrecognized"].includes(name) && value !== null);
  return h(
    "dl",
    { class: "facts" },
    rows.map(([name, value]) => {
      if (name === "state" || name === "call_state" || name === "agent_state") return fact(words(name), badge(value, collection));
      if (name === "extension" || name === "queue") return fact(words(name), value.id === undefined ? placeText(value) : link(`${name}s/${value.id}`, placeText(value)));
      if (name === "call") return fact("call", link(`calls/${value}`, value));
      if (name === "presence") return fact("presence", badge(value.status, "presence"), value.note ?? "");
      if (typeof value === "object") return fact(words(name), Object.entries(value).map(([key, inner]) => h("div", { key, class: "inner" }, words(key), " ", h("b", null, typeof inner === "object" ? JSON.stringify(inner) : String(inner)))));
      if (TIME.test(value)) return fact(words(name), h("time", { datetime: value, title: value }, moment(Date.parse(value), now)));
      return fact(words(name), String(value));
    }),
  );
}
