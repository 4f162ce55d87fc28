// The feed of events: filter, search, hold still, go back in time, and jump to what an event is about.

import { List } from "./list.js";
import { count, exactTime } from "./format.js";
import { button, glyph, link, panel, search, select } from "./parts.js";
import { h, lazy } from "./render.js";
import { cell } from "./calls.js";
import { KEPT, matcher } from "./journal.js";
import { typeOf } from "./words.js";

/** Times a second that a feed moves: faster nobody reads. */
const PACE = 8;
/** How long a feed stands still after the pointer moved over it or a key moved in it, milliseconds. */
const STILL = { pointer: 3_000, key: 10_000 };
/** Events that are asked for at a time when somebody looks back. */
const PAGE = 200;
/** Choices of types that people make. */
const KINDS = [
  ["", "All types"],
  ["call.*", "Calls"],
  ["call.*,leg.*", "Calls and legs"],
  ["queue.*,agent.*", "Queues and agents"],
  ["extension.*,user.*,device.*", "Extensions and devices"],
  ["source.*,trunk.*,alert.*", "Sources and trunks"],
  ["recording.*,voicemail.*,cdr.*", "Recordings and records"],
  ["webhook.*,command.*", "Webhooks and commands"],
];

/** Where a type's subjects are shown here. */
const KIND = { calls: "call", extensions: "extension", queues: "queue", agents: "agent", sources: "source", trunks: "trunk", devices: "device", users: "user", conferences: "conference" };
const SHOWN = new RegExp(`^(${Object.keys(KIND).join("|")})/`);

export class Events {
  constructor(app) {
    this.app = app;
    this.list = new List("events", app.changed);
    this.filter = { types: "", source: "", subject: "", text: "" };
    this.held = undefined;
    this.still = 0;
    this.drawn = 0;
    this.items = [];
    this.next = undefined;
    this.atEnd = false;
    this.loading = false;
  }

  view() {
    const { filter } = this;
    const sources = [...this.app.store.get("sources").keys()].sort();
    const custom = KINDS.some(([types]) => types === filter.types) ? [] : [[filter.types, filter.types]];
    const tools = h(
      "div",
      { class: "tools" },
      search("Search", filter.text, (value) => this.set("text", value), { placeholder: "name, number, rule, id" }),
      select("Types", filter.types, [...KINDS, ...custom], (value) => this.set("types", value)),
      search("Type globs", filter.types, (value) => this.set("types", value), { placeholder: "call.*,leg.ended", class: "globs" }),
      select("Source", filter.source, [["", "All"], ["/gateway", "gateway"], ...sources.map((id) => [id, id])], (value) => this.set("source", value)),
      filter.subject === "" ? null : button([filter.subject, " ×"], () => this.set("subject", ""), { class: "button chip", title: "Show all subjects" }),
      this.pauseButton(),
    );
    const footer = h(
      "footer",
      { class: "foot" },
      h("span", null, `${count(this.shown().length)} of the latest ${count(this.app.journal.lines.length)}`),
      this.atEnd ? h("span", null, "There is no more to show.") : button(this.loading ? "Asking…" : "Older events", () => void this.older(), { disabled: this.loading }),
    );
    return panel("events-panel", "Events", tools, this.pill(), this.grid(), footer);
  }

  /** The feed without its tools. */
  brief() {
    const isFiltered = Object.values(this.filter).some(Boolean);
    const clear = isFiltered ? button("Filtered ×", () => this.clear(), { class: "button chip" }) : null;
    return panel("events-panel", "Events", h("div", { class: "tools" }, clear, this.pauseButton()), this.pill(), this.grid());
  }

  pauseButton() {
    const isPaused = this.isPaused === true;
    return button([glyph(isPaused ? "play" : "pause"), isPaused ? "Resume" : "Pause"], () => this.pause(!isPaused), { "aria-pressed": String(isPaused), class: `button pause ${isPaused ? "on" : ""}` });
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    this.still = 0;
    if (!isPaused) this.list.toTop();
    this.app.changed();
  }

  /** While the feed stands still it says how much has happened since. */
  pill() {
    const missed = this.held === undefined ? 0 : this.app.journal.count - this.held.count;
    return h("div", { class: "pill-place" }, missed === 0 ? null : button(`${count(missed)} newer ↑`, () => this.pause(false), { class: "button pill" }));
  }

  grid() {
    const view = this.list.view({
      label: "Events, the latest first",
      rowHeight: this.app.dense ? 28 : 34,
      columns: [
        { name: "at", label: "Received" },
        { name: "type", label: "Type" },
        { name: "what", label: "What" },
        { name: "about", label: "About" },
        { name: "source", label: "Source" },
        { name: "origin", label: "Origin" },
      ],
      items: this.shown(),
      keyOf: (line) => line.id,
      row: (line) => lazy("cells", cells, line),
      onopen: (id) => this.app.go(`events/${id}`),
      empty: this.app.journal.lines.length === 0 ? "No events yet." : "No event matches.",
    });
    // Nobody can hit what moves.
    const hold = (ms) => (this.still = performance.now() + ms);
    view.props.onpointermove = () => hold(STILL.pointer);
    view.props.onpointerleave = () => hold(0);
    const onkey = view.props.onkeydown;
    view.props.onkeydown = (event) => {
      hold(STILL.key);
      onkey(event);
    };
    return view;
  }

  clear() {
    for (const name of Object.keys(this.filter)) this.set(name, "");
  }

  set(name, value) {
    this.filter[name] = value;
    this.held = undefined;
    this.stale = true;
    this.next = undefined;
    this.atEnd = false;
    this.list.toTop();
    this.app.changed();
  }

  /** The lines to show, the latest first. They stand still when somebody paused them, points at them, or looks further down. */
  shown() {
    const stands = this.isPaused === true || this.list.top > 0 || performance.now() < this.still;
    if (stands && this.held === undefined) this.held = { count: this.app.journal.count, lines: this.app.journal.lines.slice() };
    if (!stands && this.held !== undefined) this.held = undefined;
    const now = performance.now();
    const seen = this.held === undefined ? `live ${this.app.journal.count} ${this.app.journal.lines.length}` : "held";
    if (!this.stale && (seen === this.seen || (this.held === undefined && now - this.drawn < 1000 / PACE))) {
      // What waits for the next step is drawn by then, even when nothing else happens.
      if (seen !== this.seen) this.app.later(1000 / PACE);
      return this.items;
    }
    this.seen = seen;
    this.stale = false;
    this.drawn = now;
    const passes = matcher(this.filter);
    const lines = this.held?.lines ?? this.app.journal.lines;
    this.items = [];
    for (let index = lines.length - 1; index >= 0; index -= 1) if (passes(lines[index])) this.items.push(lines[index]);
    return this.items;
  }

  /** Asks the log for what came before, with the same filter as far as the log knows it. */
  async older() {
    const { types, source, subject } = this.filter;
    this.loading = true;
    this.app.changed();
    const query = new URLSearchParams({ order: "desc", limit: String(PAGE), payload: "false" });
    if (types !== "") query.set("types", types);
    if (source !== "" && source !== "/gateway") query.set("sources", source);
    if (subject !== "") query.set("subjects", subject);
    const first = this.items.at(-1) ?? this.app.journal.lines[0];
    if (first !== undefined) query.set("before", first.id);
    try {
      const { body, next } = await this.app.api.get(this.next ?? `/v1/events?${query}`);
      this.next = next;
      this.atEnd = next === undefined || this.app.journal.asked > KEPT;
      this.app.journal.older(body);
      if (this.held !== undefined) this.held.lines = this.app.journal.lines.slice();
    } catch (error) {
      this.app.complain(error);
    }
    this.loading = false;
    this.stale = true;
    this.app.changed();
  }
}

function cells(line) {
  const { glyph: shape, tone } = typeOf(line.type);
  const odd = line.kind === "native" || line.kind === "gateway" ? "" : line.kind;
  return h(
    "div",
    { class: "cells" },
    cell("at", exactTime(line.at)),
    cell("type", h("span", { class: `badge ${tone}` }, glyph(shape), h("span", null, line.type))),
    cell("what", h("span", { title: line.text }, line.text)),
    cell("about", SHOWN.test(line.subject) ? link(entityOf(line.subject), `${KIND[line.subject.split("/")[0]]} ›`) : ""),
    cell("source", line.source === "/gateway" ? "gateway" : line.source),
    cell("origin", odd === "" ? null : h("span", { class: "tag" }, odd), line.jump ? h("span", { class: "tag" }, "jump") : null),
  );
}

/** What is shown of a subject: of somebody in a queue or a conference, the queue or conference. */
function entityOf(subject) {
  return subject.split("/").slice(0, 2).join("/");
}
