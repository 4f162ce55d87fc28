// Webhooks: how each endpoint is doing, what became of the latest deliveries, and another try.

import { age, count, moment } from "./format.js";
import { ago, badge, button, panel, select } from "./parts.js";
import { h } from "./render.js";
import { path } from "./api.js";

/** How often figures are asked for while they are looked at: deliveries are no events. */
const EVERY = 5_000;
/** Deliveries that are shown. */
const DELIVERIES = 50;

export class Webhooks {
  constructor(app) {
    this.app = app;
    this.endpoints = undefined;
    this.deliveries = new Map();
    this.opened = undefined;
    this.status = "";
    this.problem = undefined;
  }

  /** Asks again: when an event of a webhook comes, and now and then while somebody looks. */
  async refresh() {
    if (this.asking || !this.app.may("webhooks:write")) return;
    this.asking = true;
    try {
      const { body } = await this.app.api.get("/v1/webhooks");
      this.endpoints = body.items;
      this.opened ??= this.endpoints.find((endpoint) => endpoint.state !== "enabled" || endpoint.pending > 0)?.id ?? this.endpoints[0]?.id;
      if (this.opened !== undefined) {
        const status = this.status === "" ? "" : `&status=${this.status}`;
        const answer = await this.app.api.get(`${path("webhooks", this.opened, "deliveries")}?limit=${DELIVERIES}${status}`);
        this.deliveries.set(this.opened, answer.body.items);
      }
      this.problem = undefined;
    } catch (error) {
      this.problem = error.message;
    }
    this.asking = false;
    this.asked = performance.now();
    this.app.changed();
  }

  view() {
    if (!this.app.may("webhooks:write")) return panel("webhooks-panel", "Webhooks", null, h("p", { class: "empty" }, "This token may not see webhooks: it lacks the scope webhooks:write."));
    if (this.asked === undefined || performance.now() - this.asked > EVERY) void this.refresh();
    const endpoints = this.endpoints ?? [];
    const none = this.problem ?? (this.endpoints === undefined ? "Asking the gateway…" : "No webhooks. POST /v1/webhooks makes one; /docs says how.");
    return panel(
      "webhooks-panel",
      ["Webhooks ", h("span", { class: "tally" }, endpoints.length)],
      null,
      endpoints.length === 0 ? h("p", { class: "empty" }, none) : h("div", { class: "scroll endpoints", tabindex: 0, role: "region", "aria-label": "Webhooks" }, endpoints.map((endpoint) => this.endpoint(endpoint))),
    );
  }

  endpoint(endpoint) {
    const { id, url, state, since, pending, description, reason } = endpoint;
    const now = this.app.now();
    const isOpen = id === this.opened;
    const again = state === "enabled" || state === "failing" ? "Retry now" : "Enable and retry";
    const chosen = endpoint.types ?? endpoint.profile ?? "all";
    const types = Array.isArray(chosen) ? chosen.join(", ") : String(chosen);
    return h(
      "article",
      { key: id, class: `card endpoint ${state}`, "aria-label": url },
      h(
        "header",
        null,
        h("h3", null, h("button", { type: "button", class: "disclose", "aria-expanded": String(isOpen), onclick: () => this.toggle(id) }, h("span", { "aria-hidden": "true" }, isOpen ? "▾ " : "▸ "), url)),
        badge(state, "webhooks", reason),
        h("span", { class: "number" }, `for ${age(now - Date.parse(since))}`),
      ),
      h("p", { class: "said" }, [description, `types ${types}`, endpoint.order === "none" ? "in any order" : "in order per call", `made by ${endpoint.owner}`].filter(Boolean).join(" · ")),
      reason === undefined ? null : h("p", { class: "said bad" }, reason),
      h(
        "div",
        { class: "tools" },
        h("span", { class: pending > 0 ? "warn" : "" }, h("b", null, count(pending)), " waiting"),
        button(again, () => this.retry(id), { "aria-label": `${again} what waits for ${url}` }),
        button("Send a test", () => this.test(id), { "aria-label": `Send a test to ${url}` }),
      ),
      isOpen ? this.log(endpoint, now) : null,
    );
  }

  log({ id }, now) {
    const items = this.deliveries.get(id);
    const choices = [["", "All"], ["pending", "Pending"], ["failed", "Failed"], ["delivered", "Delivered"], ["expired", "Expired"]];
    return h(
      "div",
      { class: "log" },
      select("Deliveries", this.status, choices, (value) => {
        this.status = value;
        void this.refresh();
      }),
      items === undefined || items.length === 0
        ? h("p", { class: "empty" }, items === undefined ? "Asking the gateway…" : "Nothing: only the latest deliveries, and those that failed, are kept.")
        : h(
            "table",
            { class: "table" },
            h("thead", null, h("tr", null, ["Event", "Outcome", "Last attempt", "Answer", "Took", "Attempts", "Next"].map((name) => h("th", { scope: "col", key: name }, name)), h("td", null))),
            h("tbody", null, items.map((item) => this.delivery(id, item, now))),
          ),
    );
  }

  delivery(id, { event, type, status, attempts, next_attempt_at: due, answer }, now) {
    const last = attempts.at(-1);
    const said = last === undefined ? "–" : last.status === undefined ? last.error : `HTTP ${last.status}`;
    return h(
      "tr",
      { key: event },
      h("th", { scope: "row" }, h("a", { href: `#/events/${event}` }, type), h("small", null, event)),
      h("td", null, badge(status, "deliveries")),
      h("td", { class: "figures" }, last === undefined ? "–" : h("span", { title: moment(Date.parse(last.at), now) }, ago(now - Date.parse(last.at)))),
      h("td", { title: answer }, said),
      h("td", { class: "figures" }, last === undefined ? "–" : `${last.latency_ms} ms`),
      h("td", { class: "figures" }, attempts.length),
      h("td", { class: "figures" }, due === undefined ? "–" : Date.parse(due) <= now ? "now" : `in ${age(Date.parse(due) - now + 1000)}`),
      h("td", null, status !== "failed" && status !== "expired" ? null : button("Deliver again", () => this.again(id, event), { "aria-label": `Deliver again: ${type} ${event}` })),
    );
  }

  toggle(id) {
    this.opened = this.opened === id ? "" : id;
    void this.refresh();
    this.app.changed();
  }

  async retry(id) {
    await this.app.attempt("what waits is tried now", () => this.app.api.post(path("webhooks", id, "enable")));
    void this.refresh();
  }

  async test(id) {
    await this.app.attempt(undefined, async () => {
      const { body } = await this.app.api.post(path("webhooks", id, "test"));
      this.app.note(body.delivered ? `the test was delivered in ${body.latency_ms} ms` : `the test failed: ${body.error ?? `HTTP ${body.status}`}`, body.delivered ? "good" : "bad");
    });
    void this.refresh();
  }

  /** Replays what lies between the neighbours of an event: the event alone. */
  async again(id, event) {
    await this.app.attempt("the event is delivered again", async () => {
      const [before, after] = await Promise.all(["before", "after"].map((where) => this.neighbour(where, event)));
      await this.app.api.post(path("webhooks", id, "replay"), { after: before ?? "earliest", ...(after === undefined ? {} : { before: after }) });
    });
    void this.refresh();
  }

  async neighbour(where, event) {
    let next = `/v1/events?${where}=${event}&order=${where === "before" ? "desc" : "asc"}&limit=1&payload=false`;
    // A page may be short: the log is read for a bounded time.
    for (let pages = 0; next !== undefined && pages < 20; pages += 1) {
      const { body, next: following } = await this.app.api.get(next);
      if (body.length > 0) return body[0].id;
      if (where === "after") return undefined;
      next = following;
    }
    return undefined;
  }
}
