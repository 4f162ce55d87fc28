// Queues: who waits, in which place and how long; which agents there are, what they do and since when.

import { duration, partyText, placeText, since } from "./format.js";
import { badge, link, mark, panel, party, search, select, timer } from "./parts.js";
import { h, lazy } from "./render.js";

/** From here on somebody has waited long. */
export const LONG = 60_000;
/** Rows of a queue that are shown. */
const ROWS = 100;

const AGENTS = ["ready", "reserved", "busy", "after_call_work", "not_ready", "unknown", "logged_out"];

export class Queues {
  constructor(app) {
    this.app = app;
    this.filter = { text: "", source: "", only: "" };
    this.seen = undefined;
  }

  view() {
    const { filter } = this;
    const set = (name) => (value) => {
      filter[name] = value;
      this.app.changed();
    };
    const sources = [...this.app.store.get("sources").keys()].sort();
    const tools = h(
      "div",
      { class: "tools" },
      search("Find", filter.text, set("text"), { placeholder: "queue, agent, caller" }),
      select("Source", filter.source, [["", "All"], ...sources.map((id) => [id, id])], set("source")),
      select("Show", filter.only, [["", "All queues"], ["waiting", "With callers"]], set("only")),
    );
    const all = this.queues();
    const queues = all.filter((queue) => this.passes(queue));
    const second = Math.floor(this.app.now() / 1000);
    const cards = queues.map((queue) => lazy(queue.entity.id, card, queue.entity, queue.callers, queue.agents, second, this.app.freshness(queue.entity.id.split(":")[0], queue.entity)));
    const shown = queues.length === all.length ? all.length : `${queues.length} of ${all.length}`;
    const none = all.length === 0 ? "No queues." : "No queue matches.";
    return panel("queues-panel", ["Queues ", h("span", { class: "tally" }, shown)], tools, h("div", { class: "cards scroll", tabindex: 0, role: "region", "aria-label": "Queues" }, cards.length > 0 ? cards : h("p", { class: "empty" }, none)));
  }

  /** Few words for each queue. */
  brief() {
    const now = this.app.now();
    const queues = this.queues();
    const rows = queues.map(({ entity, callers, agents }) => lazy(entity.id, briefRow, entity, callers, agents, Math.floor(now / 1000)));
    return panel("queues-panel", ["Queues ", h("span", { class: "tally" }, queues.length)], null, h("ul", { class: "brief scroll", tabindex: 0, "aria-label": "Queues" }, rows.length > 0 ? rows : h("li", { class: "empty" }, "No queues.")));
  }

  passes({ entity, callers, agents }) {
    const { text, source, only } = this.filter;
    if (source && !entity.id.startsWith(`${source}:`)) return false;
    if (only === "waiting" && callers.length === 0) return false;
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) return true;
    const told = [entity.name, entity.number, entity.id, ...callers.map((caller) => partyText(caller.party)), ...agents.map((agent) => this.nameOf(agent))];
    const haystack = told.filter(Boolean).join(" ").toLowerCase();
    return words.every((word) => haystack.includes(word));
  }

  nameOf(agent) {
    return `${agent.extension.number} ${this.app.store.get("extensions").get(agent.extension.id)?.name ?? ""}`;
  }

  /** Every queue with its callers and agents, put together again only when one of them changed. */
  queues() {
    const { store } = this.app;
    const stamp = ["queues", "callers", "agents"].map((collection) => store.changes.get(collection)).join();
    if (stamp === this.seen) return this.all;
    this.seen = stamp;
    const known = new Map((this.all ?? []).map((queue) => [queue.entity.id, queue]));
    const callers = grouped(store.get("callers"), (caller) => caller.queue.id);
    const agents = grouped(store.get("agents"), (agent) => agent.queue.id);
    this.all = [...store.get("queues").values()].map((entity) => {
      const queue = { entity, callers: waiting(callers.get(entity.id)), agents: ordered(agents.get(entity.id), store) };
      const before = known.get(entity.id);
      // The same people as before are the same list: their card need not be made again.
      if (before !== undefined) for (const name of ["callers", "agents"]) if (isSame(before[name], queue[name])) queue[name] = before[name];
      return queue;
    });
    this.all.sort((left, right) => order(left).localeCompare(order(right)));
    return this.all;
  }
}

function order({ entity }) {
  return `${placeText(entity)} ${entity.id}`;
}

function grouped(table, by) {
  const groups = new Map();
  for (const [key, entity] of table) {
    const group = by(entity);
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push({ ...entity, key });
  }
  return groups;
}

function waiting(callers = []) {
  return callers.sort((left, right) => (left.position ?? Infinity) - (right.position ?? Infinity) || String(left.entered_at).localeCompare(String(right.entered_at)));
}

function ordered(agents = [], store) {
  const named = agents.map((agent) => ({ ...agent, name: store.get("extensions").get(agent.extension.id)?.name }));
  return named.sort((left, right) => AGENTS.indexOf(left.state) - AGENTS.indexOf(right.state) || String(left.extension.number).localeCompare(String(right.extension.number)));
}

function isSame(left, right) {
  return left.length === right.length && left.every((entity, index) => entity.key === right[index].key && entity.version === right[index].version && entity.name === right[index].name);
}

/** How many agents of a queue are ready, as the PBX counts or as we do. */
export function readiness({ entity, agents }) {
  const ready = entity.agents_ready ?? agents.filter((agent) => agent.state === "ready").length;
  const total = entity.agents_total ?? agents.filter((agent) => agent.state !== "logged_out").length;
  return { ready, total };
}

/** Since when the first caller waits. */
export function firstWait({ entity, callers }) {
  return [entity.longest_waiting_since, ...callers.map((caller) => caller.entered_at)].filter(Boolean).sort()[0];
}

/** How many wait: the callers we know, or what the PBX counts. */
export function waitingIn({ entity, callers }) {
  return Math.max(callers.length, entity.waiting ?? 0);
}

function card(entity, callers, agents, second, freshness) {
  const now = (second + 1) * 1000 - 1;
  const { ready, total } = readiness({ entity, agents });
  const waits = waitingIn({ entity, callers });
  const first = waits > 0 ? firstWait({ entity, callers }) : undefined;
  const isLong = first !== undefined && since(first, now) > LONG;
  return h(
    "article",
    { class: `card queue ${isLong ? "long" : ""}`, "aria-label": placeText(entity) },
    h(
      "header",
      null,
      h("h3", null, link(`queues/${entity.id}`, placeText(entity)), entity.name && entity.number ? h("span", { class: "number" }, entity.number) : null),
      h("span", { class: "number" }, entity.id.split(":")[0]),
      freshness === "live" ? null : h("span", { class: "tag" }, freshness),
    ),
    h(
      "dl",
      { class: "facts3" },
      h("div", { class: waits > 0 ? "warn" : "" }, h("dt", null, "Waiting"), h("dd", null, waits)),
      h("div", { class: isLong ? "bad" : "" }, h("dt", null, "Longest"), h("dd", null, first === undefined ? "–" : duration(since(first, now)))),
      h("div", { class: total > 0 && ready === 0 ? "warn" : "" }, h("dt", null, "Ready"), h("dd", null, `${ready}/${total}`)),
    ),
    callers.length === 0
      ? null
      : h(
          "ol",
          { class: "callers", "aria-label": "Waiting callers" },
          callers.slice(0, ROWS).map((caller, index) =>
            h(
              "li",
              { key: caller.key },
              h("span", { class: "position" }, caller.position ?? index + 1),
              mark(caller.state, "callers", ""),
              caller.call === undefined ? party(caller.party) : link(`calls/${caller.call}`, party(caller.party)),
              h("span", { class: since(caller.entered_at, now) > LONG ? "bad" : "" }, timer(since(caller.entered_at, now), "waiting")),
            ),
          ),
          callers.length > ROWS ? h("li", { class: "more" }, `and ${callers.length - ROWS} more`) : null,
        ),
    agents.length === 0
      ? null
      : h(
          "ul",
          { class: "agents", "aria-label": "Agents" },
          agents.slice(0, ROWS).map((agent) =>
            h(
              "li",
              { key: agent.key },
              badge(agent.state, "agents", agent.reason),
              h("span", { class: "party" }, link(`extensions/${agent.extension.id ?? ""}`, h("span", { class: "name" }, agent.name ?? agent.extension.number)), agent.name ? h("span", { class: "number" }, agent.extension.number) : null),
              agent.call === undefined ? null : link(`calls/${agent.call}`, "call"),
              timer(since(agent.since, now), "in this state"),
            ),
          ),
          agents.length > ROWS ? h("li", { class: "more" }, `and ${agents.length - ROWS} more`) : null,
        ),
  );
}

function briefRow(entity, callers, agents, second) {
  const now = (second + 1) * 1000 - 1;
  const { ready, total } = readiness({ entity, agents });
  const waits = waitingIn({ entity, callers });
  const first = waits > 0 ? firstWait({ entity, callers }) : undefined;
  const isLong = first !== undefined && since(first, now) > LONG;
  return h(
    "li",
    null,
    h("span", { class: "party" }, link(`queues/${entity.id}`, h("span", { class: "name" }, placeText(entity))), entity.name && entity.number ? h("span", { class: "number" }, entity.number) : null),
    mark(waits > 0 ? "waiting" : "idle", "callers", `${waits} waiting`),
    h("span", { class: `wait ${isLong ? "bad" : ""}` }, first === undefined ? "–" : duration(since(first, now))),
    h("span", { class: total > 0 && ready === 0 ? "agents warn" : "agents" }, `${ready}/${total} ready`),
  );
}
