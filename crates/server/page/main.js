// The page: one stream into the state of everything, one drawing of it per animation frame.

import { Api } from "./api.js";
import { Calls } from "./calls.js";
import { Connection } from "./connection.js";
import { Entity } from "./entity.js";
import { Events } from "./events.js";
import { Explain } from "./explain.js";
import { Extensions } from "./extensions.js";
import { Journal } from "./journal.js";
import { Queues } from "./queues.js";
import { Rates } from "./rates.js";
import { Session } from "./session.js";
import { Sources } from "./sources.js";
import { Store } from "./store.js";
import { Webhooks } from "./webhooks.js";
import { shell } from "./shell.js";
import { render } from "./render.js";
import { readPreferences } from "./preferences.js";
import { knowNames } from "./parts.js";
import { stateOf } from "./words.js";

/** How long a call that has ended stays to be seen, milliseconds. */
const LINGER = 700;
/** States in which a source is listened to. */
const HEARD = new Set(["connected", "synced", "degraded"]);
/** Events of before that the feed begins with. */
const HISTORY = 1_000;

const app = {
  store: new Store(),
  rates: new Rates(),
  journal: new Journal(),
  api: new Api(),
  session: new Session(),
  preferences: readPreferences(),
  status: { state: "idle" },
  scopes: new Set(),
  /** Calls that have just ended. */
  leaving: new Map(),
  notes: [],
  /** The gateway's clock minus ours, milliseconds: it dates what is shown. */
  offset: 0,
  get dense() {
    return this.preferences.mode === "desk";
  },
  now() {
    return Date.now() + this.offset;
  },
  /** How much a source's entities are to be believed: as they were when it was last heard, or as it says. */
  freshness(source, entity) {
    if (!HEARD.has(app.store.get("sources").get(source)?.state)) return "stale";
    return entity.freshness === "unconfirmed" ? "unconfirmed" : "live";
  },
  may(scope) {
    return this.scopes.has(scope);
  },
  go(where) {
    location.hash = `#/${where.split("/").map(encodeURIComponent).join("/")}`;
  },
  changed,
  later,
  /** Tells how something went that somebody asked for. */
  note(text, tone = "good") {
    const note = { text, tone };
    app.notes.push(note);
    announce(text);
    setTimeout(() => {
      app.notes.splice(app.notes.indexOf(note), 1);
      changed();
    }, 6_000);
    changed();
  },
  complain(error) {
    app.note(error.status === 403 ? `This token may not: ${error.message}` : error.message, "bad");
  },
  async attempt(done, work) {
    try {
      await work();
      if (done !== undefined) app.note(done);
    } catch (error) {
      app.complain(error);
    }
  },
  /** Goes on with a token that somebody entered. */
  enter(token) {
    app.candidate = token;
    app.api.token = token;
    app.session.why = undefined;
    app.asking = false;
    app.connection.open(token);
    changed();
  },
};

app.views = {
  calls: new Calls(app),
  queues: new Queues(app),
  extensions: new Extensions(app),
  events: new Events(app),
  sources: new Sources(app),
  webhooks: new Webhooks(app),
};
app.drawers = { explain: new Explain(app), entity: new Entity(app) };

knowNames(({ id }) => app.store.get("extensions").get(id)?.name);

app.store.ongone = (collection, id, last) => {
  if (collection !== "calls" || document.hidden) return;
  app.leaving.set(id, { freshness: "live", ...last });
  setTimeout(() => {
    app.leaving.delete(id);
    changed();
  }, LINGER);
};

app.connection = new Connection({
  event(event) {
    app.store.apply(event);
    app.journal.add(event);
    app.drawers.entity.take(event);
    const [, kind, source] = event.source.split("/");
    if (kind === "sources") {
      app.rates.count(source, Date.parse(event.recordedtime));
      if (event.type.startsWith("source.")) sourceTold(source, event);
    }
    if (event.type.startsWith("webhook.")) app.views.webhooks.asked = undefined;
    changed();
  },
  snapshot({ collection, items }) {
    app.store.load(collection, items);
    if (collection === "sources") for (const { id } of items) app.views.sources.refresh(id);
    changed();
  },
  reset({ reason }) {
    app.store.clear();
    app.leaving.clear();
    if (reason === "epoch") app.journal.clear();
    if (reason !== "begin") app.note("The gateway could not go on where this page stood: it begins anew.", "warn");
    changed();
  },
  opened({ scopes, scope }) {
    app.scopes = new Set(scopes);
    app.scope = scope;
    if (app.candidate !== undefined) app.session.keep(app.candidate);
    app.candidate = undefined;
    app.asking = false;
  },
  renewed(token) {
    app.session.keep(token);
    app.candidate = undefined;
    app.asking = false;
    app.note("The token is renewed.");
  },
  live() {
    if (!app.begun) void begin();
  },
  time(at) {
    // Messages are late, never early: the earliest one is the truest.
    const offset = at - Date.now();
    app.offset = app.clocked ? Math.max(app.offset, offset) : offset;
    app.clocked = true;
  },
  status(status) {
    if (status.state !== app.status.state || status.live !== app.status.live) announceStatus(status);
    app.status = status;
    if (status.state === "connecting") app.clocked = false;
    changed();
  },
  refused(code, reason) {
    if (code === 4403 && app.session.needsToken === false) return;
    const text = { 4401: "The gateway does not accept the token", 4403: "The token may not do this", 4502: "The token has ended" }[code];
    app.session.forget(`${text}: ${reason}`);
    app.candidate = undefined;
    app.api.token = undefined;
    app.asking = true;
    changed();
  },
});

/** What happened before this page was opened, as far as it is worth a look. */
async function begin() {
  app.begun = true;
  try {
    const { body } = await app.api.get(`/v1/events?order=desc&limit=${HISTORY}&payload=false`);
    for (const event of body) {
      const [, kind, source] = event.source.split("/");
      if (kind === "sources" && !app.journal.known.has(event.id)) app.rates.count(source, Date.parse(event.recordedtime));
    }
    app.journal.older(body);
  } catch {
    app.begun = false;
  }
  app.views.events.stale = true;
  changed();
}

function sourceTold(source, event) {
  app.views.sources.refresh(source);
  const state = event.data.source?.state;
  if (state !== undefined && event.data.change?.to !== undefined) announce(`${source}: ${stateOf(state, "sources").label}`);
}

/** One thing at a time, and not more than a screen reader can say. */
let lastWord = 0;
function announce(text) {
  const wait = Math.max(0, lastWord + 1_500 - Date.now());
  lastWord = Date.now() + wait;
  if (wait > 15_000) return;
  setTimeout(() => (document.getElementById("announcer").textContent = text), wait);
}

function announceStatus(status) {
  if (status.state === "open" && status.live) announce("Live");
  else if (status.state === "waiting" && app.status.state === "open") announce(`Not connected: ${status.reason}`);
}

let frame;
function changed() {
  frame ??= requestAnimationFrame(draw);
}

function draw() {
  frame = undefined;
  render(document.getElementById("app"), shell(app));
  const title = app.status.live ? "Switchhook" : "Not live · Switchhook";
  if (document.title !== title) document.title = title;
}

let timer;
function later(ms) {
  timer ??= setTimeout(() => {
    timer = undefined;
    changed();
  }, ms);
}

/** Timers tick on the gateway's seconds, all at once. */
function tick() {
  changed();
  setTimeout(tick, 1000 - (app.now() % 1000) + 5);
}

/** `#/calls/hq:1` → the view, and what is opened beside it. */
function route() {
  const [view = "", ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  const id = rest.join("/");
  app.route = { view: view || "overview", id };
  const { explain, entity } = app.drawers;
  app.drawer = undefined;
  if (id !== "" && view === "events") {
    explain.open(id);
    app.drawer = explain;
  } else if (id !== "") {
    entity.open(`${view}/${id}`);
    app.drawer = entity;
  } else {
    app.behind = app.route.view;
  }
  app.behind ??= { agents: "queues", devices: "extensions", users: "extensions" }[view] ?? app.route.view;
  changed();
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    // Somebody typed it.
    return text;
  }
}

/** Asks whether a token is needed, until somebody answers. */
async function start(attempt = 1) {
  try {
    await app.session.explore();
  } catch {
    app.status = { state: "waiting", until: Date.now() + 2_000, reason: "the gateway does not answer" };
    changed();
    setTimeout(() => start(attempt + 1), 2_000);
    return;
  }
  const { token, needsToken } = app.session;
  if (needsToken && token === undefined) {
    app.asking = true;
    changed();
    return;
  }
  app.api.token = needsToken ? token : undefined;
  app.connection.open(needsToken ? token : undefined);
}

addEventListener("hashchange", route);
addEventListener("resize", changed);
addEventListener("online", () => app.connection.hurry());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  app.connection.hurry();
  changed();
});
route();
tick();
void start();
