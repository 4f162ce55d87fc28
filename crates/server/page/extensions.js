// Extensions: what each one does, whether it is there, and what its owner says of it.

import { List } from "./list.js";
import { words } from "./format.js";
import { badge, mark, panel, search, select } from "./parts.js";
import { h, lazy } from "./render.js";
import { cell } from "./calls.js";

const STATES = ["ringing", "busy", "idle", "unknown"];

export class Extensions {
  constructor(app) {
    this.app = app;
    this.list = new List("extensions", app.changed);
    this.filter = { text: "", source: "", state: "" };
    this.seen = undefined;
  }

  view() {
    const { filter } = this;
    const set = (name) => (value) => {
      filter[name] = value;
      this.list.toTop();
      this.app.changed();
    };
    const sources = [...this.app.store.get("sources").keys()].sort();
    const items = this.items();
    const all = this.app.store.get("extensions").size;
    const tools = h(
      "div",
      { class: "tools" },
      search("Find", filter.text, set("text"), { placeholder: "number or name" }),
      select("Source", filter.source, [["", "All"], ...sources.map((id) => [id, id])], set("source")),
      select("State", filter.state, [["", "All"], ...STATES.map((state) => [state, words(state)]), ["online", "registered"], ["offline", "not registered"]], set("state")),
    );
    const shown = items.length === all ? all : `${items.length} of ${all}`;
    const grid = this.list.view({
      label: "Extensions",
      rowHeight: this.app.dense ? 34 : 40,
      columns: [
        { name: "number", label: "Number" },
        { name: "who", label: "Name" },
        { name: "state", label: "State" },
        { name: "presence", label: "Presence" },
        { name: "registration", label: "Registration" },
        { name: "agent", label: "Agent" },
        { name: "source", label: "Source" },
      ],
      items,
      keyOf: (extension) => extension.id,
      row: (extension) => lazy("cells", cells, extension, this.freshness(extension)),
      rowClass: (extension) => this.freshness(extension),
      onopen: (id) => this.app.go(`extensions/${id}`),
      empty: all === 0 ? "No extensions." : "No extension matches.",
    });
    return panel("extensions-panel", ["Extensions ", h("span", { class: "tally" }, shown)], tools, grid);
  }

  freshness(extension) {
    return this.app.freshness(extension.id.split(":")[0], extension);
  }

  items() {
    const { text, source, state } = this.filter;
    const stamp = JSON.stringify([this.app.store.changes.get("extensions"), text, source, state]);
    if (stamp === this.seen) return this.sorted;
    this.seen = stamp;
    const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.sorted = [...this.app.store.get("extensions").values()].filter((extension) => {
      if (source && !extension.id.startsWith(`${source}:`)) return false;
      if (state === "online" || state === "offline") {
        if (extension.online !== (state === "online")) return false;
      } else if (state && extension.call_state !== state) return false;
      const haystack = `${extension.number} ${extension.name ?? ""} ${extension.user?.name ?? ""} ${extension.id}`.toLowerCase();
      return wanted.every((word) => haystack.includes(word));
    });
    const order = new Intl.Collator("en", { numeric: true });
    this.sorted.sort((left, right) => order.compare(left.number, right.number) || order.compare(left.id, right.id));
    return this.sorted;
  }
}

function cells(extension, freshness) {
  const { online, push_online: push, presence, dnd, agent_state: agent, enabled } = extension;
  return h(
    "div",
    { class: "cells" },
    cell("number", extension.number),
    cell("who", extension.name ?? extension.user?.name ?? "", enabled === false ? h("span", { class: "tag" }, "disabled") : null),
    cell("state", badge(extension.call_state, "extensions"), freshness === "live" ? null : h("span", { class: "tag" }, freshness)),
    cell("presence", presence === undefined ? "" : badge(presence.status, "presence", presence.note), dnd && presence?.status !== "dnd" ? badge("dnd") : null, presence?.note ? h("span", { class: "note" }, presence.note) : null),
    cell("registration", online === undefined ? "" : online ? mark("registered", "devices", "registered") : push ? mark("callback", "devices", "by push") : mark("offline", "devices", "not registered")),
    cell("agent", agent === undefined ? "" : badge(agent, "agents")),
    cell("source", extension.id.split(":")[0]),
  );
}
