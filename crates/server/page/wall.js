// The wallboard: what matters from three metres away. No scrolling, nothing to press; what does not fit is counted.

import { count, duration, partyParts, placeText, rate, since, time } from "./format.js";
import { badge, glyph, known, sparkline } from "./parts.js";
import { LONG, firstWait, readiness, waitingIn } from "./queues.js";
import { destination, enteredAt } from "./calls.js";
import { figures } from "./overview.js";
import { h } from "./render.js";
import { stateOf } from "./words.js";

/** What needs somebody comes first. */
const URGENCY = ["queued", "ringing", "parked", "held", "service", "setup", "active"];
/** Height of a row in rem, of what is around the rows in rem, and the least rows. */
const ROW = 3.1;
const AROUND = 21.5;

export function wall(app) {
  const now = app.now();
  const told = figures(app);
  const isLong = told.longest > LONG;
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const rows = Math.max(3, Math.floor((window.innerHeight / rem - AROUND) / ROW));
  return h(
    "div",
    { key: "wall", class: "wall" },
    h(
      "dl",
      { class: "big" },
      big("Live calls", count(told.calls)),
      big("Waiting", count(told.waiting), told.waiting > 0 ? "warn" : ""),
      big("Longest wait", told.longest === undefined ? "–" : duration(told.longest), isLong ? "bad" : "", isLong ? "over 1 min" : ""),
      big("Agents ready", count(told.ready), told.total > 0 && told.ready === 0 ? "bad" : "", `of ${count(told.total)}`),
    ),
    h("div", { class: "wall-columns" }, queues(app, now, rows), calls(app, now, rows)),
    sources(app, now),
  );
}

function big(name, value, tone = "", note = "") {
  return h("div", { key: name, class: `big-figure ${tone}` }, h("dt", null, name), h("dd", null, tone === "bad" ? glyph("warn", "bad") : null, value, note ? h("small", null, note) : null));
}

function queues(app, now, rows) {
  const all = app.views.queues.queues().map((queue) => ({ ...queue, waits: waitingIn(queue), first: firstWait(queue) }));
  const sorted = all.sort((left, right) => right.waits - left.waits || placeText(left.entity).localeCompare(placeText(right.entity)));
  return h(
    "section",
    { class: "wall-panel", "aria-labelledby": "wall-queues" },
    h("h2", { id: "wall-queues" }, "Queues", more(sorted.length, rows)),
    h(
      "table",
      null,
      h("thead", null, h("tr", null, ["Queue", "Waiting", "Longest", "Ready"].map((name) => h("th", { scope: "col", key: name }, name)))),
      h(
        "tbody",
        null,
        sorted.slice(0, rows).map((queue) => {
          const { ready, total } = readiness(queue);
          const wait = queue.waits > 0 && queue.first !== undefined ? since(queue.first, now) : undefined;
          return h(
            "tr",
            { key: queue.entity.id },
            h("th", { scope: "row" }, placeText(queue.entity)),
            h("td", { class: queue.waits > 0 ? "warn" : "none" }, queue.waits),
            h("td", { class: wait > LONG ? "bad" : wait === undefined ? "none" : "" }, wait === undefined ? "–" : [wait > LONG ? glyph("warn", "bad") : null, duration(wait)]),
            h("td", { class: total > 0 && ready === 0 ? "warn" : "" }, `${ready}/${total}`),
          );
        }),
      ),
    ),
  );
}

function calls(app, now, rows) {
  const all = [...app.store.get("calls").values()].map((call) => ({ call, urgency: URGENCY.indexOf(call.state) }));
  all.sort((left, right) => left.urgency - right.urgency || (left.call.started_at < right.call.started_at ? -1 : 1));
  return h(
    "section",
    { class: "wall-panel", "aria-labelledby": "wall-calls" },
    h("h2", { id: "wall-calls" }, "Calls", more(all.length, rows)),
    h(
      "table",
      null,
      h("thead", null, h("tr", null, ["State", "From", "To", "Time"].map((name) => h("th", { scope: "col", key: name }, name)))),
      h(
        "tbody",
        null,
        all.slice(0, rows).map(({ call }) =>
          h(
            "tr",
            { key: call.id },
            h("td", null, badge(call.state, "calls")),
            h("td", { class: "who" }, partyParts(known(call.caller)).name),
            h("td", { class: "who" }, destination(call)),
            h("td", { class: "timer" }, duration(since(enteredAt(call), now))),
          ),
        ),
      ),
    ),
  );
}

function more(all, rows) {
  return all > rows ? h("small", null, `${count(rows)} of ${count(all)}`) : h("small", null, count(all));
}

/** One line for each source that fits; those that are not well come first. */
function sources(app, now) {
  const all = app.views.sources.all().sort((left, right) => Number(left.source.state === "synced") - Number(right.source.state === "synced"));
  return h(
    "section",
    { class: "wall-sources", "aria-label": "Sources" },
    all.slice(0, 6).map(({ source, rate: told }) => {
      const { glyph: shape, tone, label } = stateOf(source.state, "sources");
      return h("div", { key: source.id, class: `wall-source ${tone}` }, glyph(shape, tone), h("b", null, source.id), h("span", null, label), sparkline(app.rates.series(source.id, now, 30, 10), `events of the last five minutes of ${source.id}`), h("span", { class: "rate" }, `${rate(told)}/s`));
    }),
    all.length > 6 ? h("small", null, `+${all.length - 6}`) : null,
    h("span", { class: "clock" }, time(now)),
  );
}

