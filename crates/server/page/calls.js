// Live calls: who talks to whom, how far each call is, its legs and timers.

import { List } from "./list.js";
import { partyParts, partyText, placeText, since, words } from "./format.js";
import { badge, button, link, mark, panel, party, search, select, timer } from "./parts.js";
import { h, lazy } from "./render.js";

const ARROWS = { inbound: ["↘", "inbound"], outbound: ["↗", "outbound"], internal: ["↔", "internal"], transit: ["⇄", "transit"] };
const STATES = ["queued", "ringing", "active", "held", "parked", "service", "setup"];
/** Legs that fit into a row. */
const LEGS = 4;
/** How long rows stand still after the pointer moved over them, milliseconds. */
const STILL = 4_000;

export class Calls {
  constructor(app) {
    this.app = app;
    this.list = new List("calls", app.changed);
    this.sort = { by: "age", descending: true };
    this.filter = { text: "", source: "", state: "" };
    this.order = [];
    this.still = 0;
  }

  view() {
    const { filter } = this;
    const sources = [...this.app.store.get("sources").keys()].sort();
    const set = (name) => (value) => this.set(name, value);
    const tools = h(
      "div",
      { class: "tools" },
      search("Find", filter.text, set("text"), { placeholder: "name, number, queue" }),
      select("Source", filter.source, [["", "All"], ...sources.map((id) => [id, id])], set("source")),
      select("State", filter.state, [["", "All"], ...STATES.map((state) => [state, words(state)])], set("state")),
    );
    return this.panel(tools);
  }

  /** The list with its frame; `tools` are beside the title. */
  panel(tools) {
    tools ??= this.filtered() ? button("Filtered ×", () => this.clear(), { class: "button chip" }) : null;
    const items = this.items();
    const open = this.app.store.get("calls").size;
    const shown = this.filtered() ? `${items.length} of ${open}` : open;
    return panel("calls-panel", ["Calls ", h("span", { class: "tally" }, shown)], tools, this.grid(items));
  }

  grid(items) {
    const second = Math.floor(this.app.now() / 1000);
    const by = (name, text, first) => ({
      name,
      label: text,
      sort: this.sort.by === name ? (this.sort.descending ? "descending" : "ascending") : undefined,
      onsort: () => this.sortBy(name, first),
    });
    const view = this.list.view({
      label: "Live calls",
      rowHeight: this.app.dense ? 34 : 40,
      columns: [
        by("state", "State", false),
        { name: "from", label: "From" },
        { name: "to", label: "To" },
        { name: "legs", label: "Legs" },
        by("queue", "Queue", false),
        by("source", "Source", false),
        by("instate", "In state", true),
        by("age", "Total", true),
      ],
      items,
      keyOf: (call) => call.id,
      // A row is drawn again when its call changed, or once a second for its timers.
      row: (call) => lazy("cells", cells, call, second, this.app.freshness(call.source, call)),
      rowClass: (call) => `${call.state} ${this.app.freshness(call.source, call)}`,
      onopen: (id) => this.app.go(`calls/${id}`),
      empty: open(this.app) ? "No call matches." : "No calls.",
    });
    view.props.onpointermove = () => (this.still = performance.now() + STILL);
    view.props.onpointerleave = () => (this.still = 0);
    return view;
  }

  /** Those that have just ended; one that came back is no longer among them. */
  leaving() {
    const { leaving, store } = this.app;
    return [...leaving.values()].filter((call) => !store.get("calls").has(call.id));
  }

  filtered() {
    return Boolean(this.filter.text || this.filter.source || this.filter.state);
  }

  set(name, value) {
    this.filter[name] = value;
    this.list.toTop();
    this.app.changed();
  }

  clear() {
    this.filter = { text: "", source: "", state: "" };
    this.app.changed();
  }

  sortBy(name, first) {
    this.sort = { by: name, descending: this.sort.by === name ? !this.sort.descending : first };
    this.order = [];
    this.app.changed();
  }

  /** The calls to show: under the pointer nothing moves, and what has ended stays for a moment. */
  items() {
    const { text, source, state } = this.filter;
    const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
    const calls = [...this.app.store.get("calls").values(), ...this.leaving()].filter(
      (call) => (!source || call.source === source) && (!state || call.state === state) && wanted.every((word) => haystack(call).includes(word)),
    );
    const { by, descending } = this.sort;
    const key = KEYS[by];
    const keyed = calls.map((call) => ({ call, key: key(call) }));
    const sign = descending ? -1 : 1;
    keyed.sort((left, right) => sign * (left.key < right.key ? -1 : left.key > right.key ? 1 : 0) || (left.call.id < right.call.id ? -1 : 1));
    let items = keyed.map(({ call }) => call);
    if (performance.now() < this.still) {
      const places = new Map(this.order.map((id, index) => [id, index]));
      items = items.sort((left, right) => (places.get(left.id) ?? Infinity) - (places.get(right.id) ?? Infinity) || 0);
    }
    this.order = items.map((call) => call.id);
    return items;
  }
}

function open(app) {
  return app.store.get("calls").size > 0;
}

/** Times count down to the present: the oldest is the longest, and so comes first where the longest does. */
const KEYS = {
  age: (call) => -Date.parse(call.started_at),
  instate: (call) => -Date.parse(enteredAt(call)),
  state: (call) => (STATES.includes(call.state) ? STATES.indexOf(call.state) : STATES.length),
  queue: (call) => placeText(call.queue) || "\uffff",
  source: (call) => call.source,
};

const haystacks = new WeakMap();

function haystack(call) {
  let text = haystacks.get(call);
  if (text === undefined) {
    const parties = [call.caller, call.callee, call.answered_by, ...call.legs.map((leg) => leg.party)].filter(Boolean);
    const told = parties.flatMap((who) => [partyText(who), who.number?.raw, who.number?.e164]);
    text = [call.id, call.tenant, placeText(call.queue), call.queue?.number, ...told].filter(Boolean).join(" ").toLowerCase();
    haystacks.set(call, text);
  }
  return text;
}

/** Since when a call is in its state, as far as it says. */
export function enteredAt(call) {
  const { state } = call;
  if (state === "ended") return call.ended_at ?? call.started_at;
  if (state === "active" || state === "held") return call.answered_at ?? call.started_at;
  if (state === "ringing") return call.ringing_at ?? call.started_at;
  if (state === "queued") return call.queued_at ?? call.started_at;
  return call.started_at;
}

/** Where a call is now: with whom, or at which service. */
export function destination(call) {
  if (call.answered_by !== undefined) {
    const isCallee = call.answered_by.name === undefined && partyParts(call.answered_by).name === call.callee.extension?.number;
    return party(isCallee ? call.callee : call.answered_by);
  }
  if (call.route !== undefined && (call.state === "service" || call.state === "queued")) {
    return h("span", { class: "party" }, h("span", { class: "name" }, placeText(call.route)), h("span", { class: "number" }, words(call.route.kind)));
  }
  return party(call.callee);
}

function cells(call, second, freshness) {
  const [arrow, direction] = ARROWS[call.direction] ?? ["·", "direction not known"];
  const now = call.state === "ended" ? Date.parse(call.ended_at) : (second + 1) * 1000 - 1;
  const legs = call.legs.filter((leg) => leg.state !== "ended");
  const ended = call.state === "ended" && call.end ? words(call.end.outcome) : undefined;
  return h(
    "div",
    { class: "cells" },
    cell("state", badge(call.state, "calls", ended), freshness === "live" ? null : h("span", { class: "tag" }, freshness)),
    cell("from", h("span", { class: "arrow", title: direction }, arrow), party(call.caller)),
    cell("to", destination(call)),
    cell("legs", legs.slice(0, LEGS).map((leg) => mark(leg.state, "calls", legText(leg))), legs.length > LEGS ? h("span", { class: "more" }, `+${legs.length - LEGS}`) : null),
    cell("queue", call.queue === undefined ? "" : link(`queues/${call.queue.id}`, placeText(call.queue))),
    cell("source", call.source),
    cell("instate", ended === undefined ? timer(since(enteredAt(call), now), `in this state since ${call.started_at}`) : ended),
    cell("age", timer(since(call.started_at, now), `since ${call.started_at}`)),
  );
}

function legText(leg) {
  return leg.party.extension?.number ?? leg.queue?.number ?? (leg.role === "caller" ? "caller" : partyText(leg.party));
}

export function cell(name, ...content) {
  return h("div", { class: `cell ${name}`, role: "gridcell" }, content);
}
