// All at once: how the sources are doing, what is going on in figures, the calls, the queues and the feed.

import { count, duration, rate, since } from "./format.js";
import { figure } from "./parts.js";
import { h } from "./render.js";
import { LONG, firstWait, readiness, waitingIn } from "./queues.js";

/** What is going on in a few figures. */
export function figures(app) {
  const now = app.now();
  const calls = app.store.get("calls");
  let [ringing, talking] = [0, 0];
  for (const call of calls.values()) {
    if (call.state === "ringing") ringing += 1;
    else if (call.state === "active" || call.state === "held") talking += 1;
  }
  const queues = app.views.queues.queues();
  const waiting = queues.reduce((sum, queue) => sum + waitingIn(queue), 0);
  const first = queues.filter((queue) => waitingIn(queue) > 0).map(firstWait).filter(Boolean).sort()[0];
  const longest = first === undefined ? undefined : since(first, now);
  const [ready, total] = queues.reduce(([some, all], queue) => {
    const told = readiness(queue);
    return [some + told.ready, all + told.total];
  }, [0, 0]);
  const events = [...app.store.get("sources").keys()].reduce((sum, id) => sum + app.rates.rate(id, now), 0);
  return { calls: calls.size, ringing, talking, waiting, longest, ready, total, events };
}

export function strip(app) {
  const told = figures(app);
  const isLong = told.longest > LONG;
  return h(
    "dl",
    { key: "figures", class: "figures-strip" },
    figure("Live calls", count(told.calls)),
    figure("Talking", count(told.talking)),
    figure("Ringing", count(told.ringing)),
    figure("Waiting", count(told.waiting), "", told.waiting > 0 ? "warn" : ""),
    figure("Longest wait", told.longest === undefined ? "–" : duration(told.longest), isLong ? "▲ over 1 min" : "", isLong ? "bad" : ""),
    figure("Agents ready", `${told.ready}/${told.total}`, "", told.total > 0 && told.ready === 0 ? "warn" : ""),
    figure("Events", rate(told.events), "/s"),
  );
}

export function overview(app) {
  const { calls, queues, events, sources } = app.views;
  return h("div", { key: "overview", class: "overview" }, sources.strip(), strip(app), h("div", { class: "columns" }, calls.panel(null), h("div", { class: "stack" }, queues.brief(), events.brief())));
}
