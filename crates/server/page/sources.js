// Sources: how each connection is doing, what it tells, and when it could not be heard.

import { age, count, rate, words } from "./format.js";
import { ago, badge, button, gapText, link, panel, sparkline, timeline } from "./parts.js";
import { h } from "./render.js";
import { path } from "./api.js";

/** The span of the timeline. */
const SPAN = 3_600_000;
/** A source that was silent for so long is worth a look. */
const SILENT = 300_000;

export class Sources {
  constructor(app) {
    this.app = app;
    /** What the gateway says of the last hour, by source. */
    this.ledgers = new Map();
    this.due = new Map();
  }

  /** Asks for the ledger of a source: soon, and once for all that happens until then. */
  refresh(id) {
    if (this.due.has(id)) return;
    this.due.set(id, setTimeout(() => {
      this.due.delete(id);
      void this.load(id);
    }, 500));
  }

  async load(id) {
    const from = new Date(this.app.now() - SPAN).toISOString();
    try {
      const { body } = await this.app.api.get(`${path("sources", id, "gaps")}?from=${encodeURIComponent(from)}`);
      this.ledgers.set(id, body);
      this.app.changed();
    } catch {
      // The timeline stays as it was; the next event of the source asks again.
    }
  }

  /** The sources in view, with everything that is known of them. */
  all() {
    const now = this.app.now();
    const sources = [...this.app.store.get("sources").values()].sort((left, right) => (left.id < right.id ? -1 : 1));
    return sources.map((source) => {
      const heard = Math.max(Date.parse(source.last_event_at) || 0, this.app.rates.last(source.id) ?? 0);
      const periods = this.ledgers.get(source.id)?.periods;
      return { source, heard: heard || undefined, periods, rate: this.app.rates.rate(source.id, now) };
    });
  }

  strip() {
    const all = this.all();
    return h("section", { key: "sources", class: "strip", "aria-labelledby": "title-strip" }, h("h2", { id: "title-strip", class: "unseen" }, "Sources"), all.length === 0 ? h("p", { class: "empty" }, "No sources are configured.") : all.map((known) => this.card(known)));
  }

  card({ source, heard, periods, rate: now }) {
    const at = this.app.now();
    const gaps = gapText(periods, at - SPAN, at);
    const quiet = heard === undefined ? NaN : at - heard;
    const reason = source.reason ?? (source.state === "synced" ? "" : words(source.state));
    return h(
      "article",
      { key: source.id, class: `card source ${source.state}`, "aria-label": source.id },
      h("header", null, h("h3", null, link(`sources/${source.id}`, source.id)), h("span", { class: "number" }, [source.adapter, source.dialect].filter(Boolean).join(" ")), badge(source.state, "sources", reason)),
      h(
        "div",
        { class: "pulse" },
        h("span", { class: "rate" }, h("b", null, rate(now)), " events/s"),
        sparkline(this.app.rates.series(source.id, at), `events of the last five minutes, now ${rate(now)} a second`),
        h("span", { class: `last ${quiet > SILENT ? "warn" : ""}` }, Number.isFinite(quiet) ? ["last ", h("b", null, ago(quiet))] : "nothing yet"),
      ),
      timeline(periods, at - SPAN, at, gaps.text),
      source.state === "synced" || reason === "" ? h("p", { class: "said" }, gaps.text) : h("p", { class: "said bad", title: reason }, reason),
    );
  }

  view() {
    const at = this.app.now();
    const rows = this.all().map(({ source, heard, periods, rate: now }) => {
      const gaps = gapText(periods, at - SPAN, at);
      const { counters } = source;
      return h(
        "tr",
        { key: source.id, class: source.state },
        h("th", { scope: "row" }, link(`sources/${source.id}`, source.id), h("small", null, [source.adapter, source.dialect].filter(Boolean).join(" "))),
        h("td", null, badge(source.state, "sources"), h("small", null, `for ${age(at - Date.parse(source.since))}`), source.reason ? h("small", { class: "bad" }, source.reason) : null),
        h("td", { class: "figures" }, h("b", null, rate(now)), h("small", null, "events/s")),
        h("td", { class: "wide" }, sparkline(this.app.rates.series(source.id, at), `events of the last five minutes of ${source.id}`)),
        h("td", { class: "figures" }, heard === undefined ? "–" : ago(at - heard)),
        h("td", { class: "wide" }, timeline(periods, at - SPAN, at, gaps.text), h("small", null, gaps.text)),
        h("td", { class: "figures" }, count(counters.events), h("small", null, `of ${count(counters.frames)} frames`)),
        h("td", { class: "figures" }, count(counters.reconnects), h("small", null, "reconnects")),
        h("td", { class: `figures ${counters.unrecognized > 0 ? "warn" : ""}` }, count(counters.unrecognized), h("small", null, "unknown")),
        h("td", null, this.app.may("sources:operate") ? button("Reconnect", () => this.reconnect(source.id), { "aria-label": `Reconnect ${source.id}` }) : null),
      );
    });
    const columns = ["Source", "State", "Rate", "Last five minutes", "Last event", "Last hour: heard and missed", "Events", "Link", "Unknown", ""];
    return panel(
      "sources-panel",
      ["Sources ", h("span", { class: "tally" }, rows.length)],
      null,
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Sources" }, h("table", { class: "table" }, h("thead", null, h("tr", null, columns.map((name) => (name === "" ? h("td", null) : h("th", { scope: "col" }, name))))), h("tbody", null, rows))),
    );
  }

  reconnect(id) {
    return this.app.attempt(`${id} connects anew`, () => this.app.api.post(path("sources", id, "reconnect")));
  }
}
