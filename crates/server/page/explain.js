// Why an event says what it says: the native frame, what it says decoded, the rule, the event, and its subject before and after.

import { exactTime } from "./format.js";
import { json, link } from "./parts.js";
import { h } from "./render.js";
import { path } from "./api.js";

const FRAMES = {
  kept: "as it was received, secrets taken out",
  carried: "not kept apart: the event carries what it says",
  evicted: "no longer kept",
  withheld: "speaks of other tenants, too",
  none: "made by the gateway itself, a timer, or several frames together",
};

export class Explain {
  constructor(app) {
    this.app = app;
    this.id = undefined;
  }

  /** Asks for what there is to know of an event. */
  open(id) {
    if (id === this.id) return;
    this.id = id;
    this.told = undefined;
    this.problem = undefined;
    void this.load(id);
  }

  async load(id) {
    const mayExplain = this.app.may("admin");
    try {
      const { body } = await this.app.api.get(mayExplain ? path("events", id, "explain") : path("events", id));
      if (id !== this.id) return;
      this.told = mayExplain ? body : { event: body };
    } catch (error) {
      if (id !== this.id) return;
      this.problem = error.message;
    }
    this.app.changed();
  }

  title() {
    return this.told?.event.type ?? "Event";
  }

  view() {
    if (this.problem !== undefined) return h("p", { class: "said bad" }, this.problem);
    if (this.told === undefined) return h("p", { class: "said" }, "Asking the gateway…");
    const { event, frame, decoded, mapping, subject } = this.told;
    const shown = event.subject.split("/").slice(0, 2).join("/");
    return [
      h(
        "dl",
        { class: "facts" },
        fact("Subject", link(shown, event.subject)),
        fact("Received", exactTime(Date.parse(event.recordedtime))),
        event.time === event.recordedtime ? null : fact("Happened", event.time),
        fact("Event id", h("code", null, event.id)),
        event.data.origin?.kind === undefined ? null : fact("Origin", event.data.origin.kind),
      ),
      frame === undefined
        ? h("p", { class: "said" }, "The native frame and the rule are shown to tokens with the scope admin.")
        : [
            step(1, "Native frame", [frame.id, FRAMES[frame.state] ?? frame.state].filter(Boolean).join(" · "), frameText(frame)),
            step(2, "Decoded", decoded === null ? "nothing to decode" : "", decoded === null ? null : json(decoded)),
            step(3, "Rule", mapping.name ?? "", h("dl", { class: "facts" }, fact("Rule", h("code", null, mapping.rule ?? "–")), fact("Native event", h("code", null, mapping.event ?? "–")), fact("Precision", mapping.precision ?? "–"))),
          ],
      step(frame === undefined ? 1 : 4, "Event", "", json(event)),
      subject === undefined ? null : step(5, "Subject", subjectText(subject), changes(subject)),
    ];
  }
}

function frameText(frame) {
  const text = frame.text ?? frame.base64;
  if (text === undefined) return null;
  try {
    return json(JSON.parse(text));
  } catch {
    return h("pre", { class: "json raw", tabindex: 0 }, h("code", null, text));
  }
}

const BEFORE = { none: "this is its first event", expired: "what was before is no longer in the log", not_found_in_time: "what was before was not found in time" };

function subjectText({ version, before_state: before }) {
  return `version ${version}${BEFORE[before] === undefined ? "" : ` · ${BEFORE[before]}`}`;
}

/** What became different, member by member. */
function changes({ before, after }) {
  if (before === null || before === undefined || after === null || after === undefined) return null;
  const rows = differences(before, after, "");
  if (rows.length === 0) return h("p", { class: "said" }, "The same as before.");
  return h(
    "table",
    { class: "table diff" },
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "Member"), h("th", { scope: "col" }, "Before"), h("th", { scope: "col" }, "After"))),
    h("tbody", null, rows.map(([name, left, right]) => h("tr", { key: name }, h("th", { scope: "row" }, h("code", null, name)), h("td", { class: "before" }, short(left)), h("td", { class: "after" }, short(right))))),
  );
}

function short(value) {
  if (value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** `[path, before, after]` of every member that differs. */
export function differences(before, after, at) {
  const isObject = (value) => typeof value === "object" && value !== null;
  if (!isObject(before) || !isObject(after)) return JSON.stringify(before) === JSON.stringify(after) ? [] : [[at || "all", before, after]];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((name) => differences(before[name], after[name], at === "" ? name : `${at}.${name}`));
}

function step(number, title, note, content) {
  return h("section", { key: title, class: "step" }, h("h3", null, h("span", { class: "number" }, number), title, note ? h("small", null, note) : null), content);
}

export function fact(name, ...value) {
  return h("div", { key: name }, h("dt", null, name), h("dd", null, value));
}

