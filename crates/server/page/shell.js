// What is around the views: where one is, how the connection is doing, and the drawer beside.

import { overview } from "./overview.js";
import { button, glyph } from "./parts.js";
import { count, time } from "./format.js";
import { h } from "./render.js";
import { signin } from "./signin.js";
import { turn } from "./preferences.js";
import { wall } from "./wall.js";

const TABS = [
  ["overview", "Overview"],
  ["calls", "Calls"],
  ["queues", "Queues"],
  ["extensions", "Extensions"],
  ["events", "Events"],
  ["sources", "Sources"],
  ["webhooks", "Webhooks"],
];

const THEMES = { auto: ["half", "Light and dark as the system has it"], light: ["sun", "Light"], dark: ["moon", "Dark"] };

export function shell(app) {
  const isWall = app.preferences.mode === "wall";
  return [
    h("a", { key: "skip", class: "skip", href: "#main", onclick: (event) => skip(event) }, "Skip to the content"),
    header(app, isWall),
    warning(app),
    h("main", { key: "main", id: "main", tabindex: -1, class: app.begun && !app.status.live ? "old" : "" }, content(app, isWall)),
    isWall ? null : drawer(app),
    h("div", { key: "notes", class: "notes" }, app.notes.map((note, index) => h("p", { key: index, class: `note-card ${note.tone}` }, note.text))),
  ];
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function header(app, isWall) {
  const tally = { calls: app.store.get("calls").size, queues: app.store.get("queues").size, extensions: app.store.get("extensions").size, sources: app.store.get("sources").size };
  const at = app.behind;
  const [shape, theme] = THEMES[app.preferences.theme];
  return h(
    "header",
    { key: "header", class: "bar" },
    h("h1", null, h("a", { class: "home", href: "#/overview" }, glyph("hook"), "Switchhook")),
    isWall
      ? null
      : h(
          "nav",
          { "aria-label": "Views" },
          TABS.map(([view, name]) => h("a", { key: view, href: `#/${view}`, "aria-current": at === view ? "page" : undefined }, name, tally[view] > 0 ? h("span", { class: "tally" }, count(tally[view])) : null)),
        ),
    h(
      "div",
      { class: "controls" },
      connection(app),
      h("span", { class: "clock" }, time(app.now())),
      button([glyph(isWall ? "desk" : "wall"), h("span", null, isWall ? "Desk" : "Wallboard")], () => change(app, "mode"), { class: "button plain", "aria-label": isWall ? "Desk mode" : "Wallboard mode" }),
      button(glyph(shape), () => change(app, "theme"), { class: "button plain", "aria-label": `Colours: ${theme}`, title: theme }),
    ),
  );
}

function change(app, name) {
  turn(app.preferences, name);
  app.changed();
}

function connection({ status, session, asking }) {
  if (asking || (status.state === "idle" && session.needsToken)) return h("span", { class: "badge quiet", id: "connection", "data-state": "signin" }, glyph("hollow"), h("span", null, "No token"));
  const [word, shape, tone, text] = {
    idle: ["connecting", "dots", "quiet", "Connecting"],
    connecting: ["connecting", "dots", "warn", status.attempt > 1 ? "Reconnecting" : "Connecting"],
    waiting: ["waiting", "cross", "bad", "Not connected"],
    refused: ["refused", "bar", "bad", "Refused"],
    open: status.live ? ["live", "disc", "good", "Live"] : ["catching-up", "dots", "warn", "Catching up"],
  }[status.state];
  return h("span", { class: `badge ${tone}`, id: "connection", "data-state": word }, glyph(shape), h("span", null, text));
}

/** What somebody should know before believing the page. */
function warning(app) {
  const { status, begun } = app;
  if (app.asking && begun) return h("section", { key: "warning", class: "banner warn", "aria-label": "Token" }, signin(app.session.why, app.enter));
  if (status.state === "waiting" || (status.state === "connecting" && status.attempt > 1)) {
    const seconds = Math.max(0, Math.ceil((status.until - Date.now()) / 1000));
    const when = status.state === "waiting" ? `Next attempt ${seconds > 0 ? `in ${seconds} s` : "now"}.` : "Trying now.";
    return h("section", { key: "warning", class: "banner bad" }, glyph("cross"), h("p", null, `Not connected: ${status.reason ?? "the connection is lost"}. ${begun ? "What is shown may be old. " : ""}${when}`), button("Try now", () => app.connection.hurry()));
  }
  if (status.state === "refused" && !app.asking) return h("section", { key: "warning", class: "banner bad" }, glyph("bar"), h("p", null, `The gateway refuses this page: ${status.reason}.`));
  if (status.expires !== undefined) {
    return h("section", { key: "warning", class: "banner warn", "aria-label": "Token" }, h("p", null, `The token ends at ${time(Date.parse(status.expires))}. ${status.problem ?? ""}`), signin(undefined, app.enter));
  }
  if (status.problem !== undefined) return h("section", { key: "warning", class: "banner warn" }, glyph("warn"), h("p", null, status.problem));
  return null;
}

function content(app, isWall) {
  if (app.asking && !app.begun) return h("div", { class: "first" }, signin(app.session.why, app.enter));
  if (isWall) return wall(app);
  const view = app.views[app.behind];
  return view === undefined ? overview(app) : view.view();
}

function drawer(app) {
  const { drawer: shown } = app;
  if (shown === undefined) return null;
  const kind = shown === app.drawers.explain ? "explain" : "entity";
  const title = shown.title();
  return h(
    "aside",
    { key: `drawer-${app.route.view}-${app.route.id}`, class: `drawer ${kind}`, "aria-labelledby": "drawer-title", ref: (node) => requestAnimationFrame(() => node.querySelector("h2")?.focus()), onkeydown: (event) => event.key === "Escape" && close(app) },
    h("header", null, h("h2", { id: "drawer-title", tabindex: -1 }, title), button(glyph("cross"), () => close(app), { class: "button plain", "aria-label": "Close" })),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, shown.view()),
  );
}

/** Back to what was behind, and to the list that it was opened from. */
function close(app) {
  app.go(app.behind);
  requestAnimationFrame(() => document.querySelector(".list")?.focus());
}

