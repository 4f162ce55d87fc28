import assert from "node:assert/strict";
import test from "node:test";
import { Connection, backoff } from "../../crates/server/page/connection.js";

/** A gateway at the other end: what it is told, and levers to say something. */
class Socket {
  static all = [];
  constructor(url) {
    this.url = new URL(url);
    this.sent = [];
    this.readyState = 0;
    Socket.all.push(this);
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
  }
  accept() {
    this.readyState = 1;
    this.onopen();
  }
  says(type, data, id = "s-1") {
    this.onmessage({ data: JSON.stringify({ id, type, data, time: "2026-11-20T09:41:07Z" }) });
  }
  ends(code, reason = "") {
    this.onclose({ code, reason });
  }
}

function page() {
  Socket.all = [];
  const told = [];
  const note = (name) => (value, more) => told.push([name, value?.id ?? value?.collection ?? value?.reason ?? value, more]);
  const names = ["event", "snapshot", "reset", "opened", "live", "refused", "renewed"];
  const handlers = Object.fromEntries(names.map((name) => [name, note(name)]));
  const connection = new Connection({ ...handlers, time() {}, status() {} }, { WebSocket: Socket, location: { href: "http://gateway:7575/#/calls" } });
  return { connection, told, names: () => told.map(([name]) => name), socket: () => Socket.all.at(-1) };
}

const handled = () => new Promise((resolve) => setTimeout(resolve, 20));
const opened = { heartbeat_s: 30, scopes: [], scope: {}, cursor: "e-0" };

async function live({ connection, socket }, token) {
  connection.open(token);
  socket().accept();
  socket().says("stream.opened", opened);
  socket().says("stream.snapshot", { collection: "calls", items: [], done: true });
  socket().says("stream.snapshot", { as_of: "e-5", collection: null, items: [], done: true });
  socket().says("stream.live", { cursor: "e-5" });
  await handled();
}

function finish({ connection }) {
  connection.abandon();
  clearTimeout(connection.timer);
  connection.channel.port1.close();
}

test("state comes first, and the position is that of the last event", async () => {
  const it = page();
  await live(it);
  it.socket().says("call.started", {}, "e-6");
  await handled();
  assert.deepEqual(it.names(), ["reset", "opened", "snapshot", "live", "event"]);
  assert.equal(it.connection.cursor, "e-6");
  const { url } = it.socket();
  assert.equal(url.href, "ws://gateway:7575/v1/events?snapshot=true&payload=false");
  finish(it);
});

test("an event within a snapshot is no position", async () => {
  const it = page();
  it.connection.open();
  it.socket().accept();
  it.socket().says("stream.opened", opened);
  it.socket().says("stream.snapshot", { collection: "calls", items: [], done: false });
  it.socket().says("stream.bookmark", { cursor: "e-9" });
  await handled();
  assert.equal(it.connection.cursor, undefined);
  finish(it);
});

test("after a loss it goes on where it stood, and forgets nothing", async () => {
  const it = page();
  await live(it);
  it.socket().ends(4501, "shutting down");
  assert.equal(it.connection.status.state, "waiting");
  it.connection.hurry();
  it.socket().accept();
  it.socket().says("stream.opened", opened);
  await handled();
  assert.equal(it.socket().url.searchParams.get("after"), "e-5");
  assert.equal(it.names().filter((name) => name === "reset").length, 1);
  finish(it);
});

test("a position that is gone is forgotten before the state that follows", async () => {
  const it = page();
  await live(it);
  it.socket().ends(1006);
  it.connection.hurry();
  it.socket().accept();
  it.socket().says("stream.opened", opened);
  it.socket().says("stream.reset", { reason: "epoch" });
  it.socket().says("call.started", {}, "f-1");
  await handled();
  assert.equal(it.connection.cursor, undefined);
  it.socket().says("stream.snapshot", { as_of: "f-1", collection: null, items: [], done: true });
  await handled();
  assert.equal(it.connection.cursor, "f-1");
  finish(it);
});

test("the token is the first frame, and a refusal is told once", async () => {
  const it = page();
  it.connection.open("secret");
  it.socket().accept();
  assert.deepEqual(it.socket().sent, [{ op: "token", token: "secret" }]);
  assert.ok(!it.socket().url.href.includes("secret"));
  it.socket().ends(4401, "not known");
  assert.deepEqual(it.told, [["refused", 4401, "not known"]]);
  assert.equal(it.connection.status.state, "refused");
  assert.equal(Socket.all.length, 1);
  finish(it);
});

test("a token that ends is renewed in place", async () => {
  const it = page();
  await live(it, "old");
  it.socket().says("stream.expiring", { at: "2026-11-20T10:00:00Z" });
  await handled();
  assert.equal(it.connection.status.expires, "2026-11-20T10:00:00Z");
  it.connection.open("new");
  assert.deepEqual(it.socket().sent.slice(1), [{ op: "token", token: "new" }, { op: "ping" }]);
  it.socket().says("stream.bookmark", { cursor: "e-7" });
  await handled();
  assert.equal(it.connection.token, "new");
  assert.equal(it.connection.status.expires, undefined);
  assert.equal(Socket.all.length, 1);
  finish(it);
});

test("a renewal that is refused leaves the stream as it is", async () => {
  const it = page();
  await live(it, "old");
  it.connection.open("wrong");
  it.socket().says("stream.error", { detail: "the token is not known" });
  it.socket().says("stream.bookmark", { cursor: "e-7" });
  await handled();
  assert.equal(it.connection.token, "old");
  assert.equal(it.connection.status.problem, "the token is not known");
  finish(it);
});

test("after the end of a token it goes on with the next one", async () => {
  const it = page();
  await live(it, "old");
  it.socket().ends(4502, "the token has ended");
  it.connection.open("new");
  it.socket().accept();
  assert.deepEqual(it.socket().sent, [{ op: "token", token: "new" }]);
  assert.equal(it.socket().url.searchParams.get("after"), "e-5");
  finish(it);
});

test("a network that fell silent is no connection", async () => {
  const it = page();
  await live(it);
  it.socket().says("stream.opened", { ...opened, heartbeat_s: 0.01 });
  await handled();
  it.socket().says("stream.bookmark", { cursor: "e-6" });
  await new Promise((resolve) => setTimeout(resolve, 80));
  assert.equal(it.connection.status.state, "waiting");
  assert.equal(it.connection.status.reason, "the gateway fell silent");
  assert.equal(it.connection.cursor, "e-6");
  finish(it);
});

test("after a long loss state is taken anew", async () => {
  const it = page();
  await live(it);
  it.socket().ends(1006);
  it.connection.lostAt -= 11 * 60_000;
  it.connection.hurry();
  it.socket().accept();
  it.socket().says("stream.opened", opened);
  await handled();
  assert.equal(it.socket().url.searchParams.get("after"), null);
  assert.equal(it.names().filter((name) => name === "reset").length, 2);
  finish(it);
});

test("what came before the end is handled before it", async () => {
  const it = page();
  await live(it);
  it.socket().says("call.started", {}, "e-6");
  it.socket().ends(4501);
  await handled();
  assert.equal(it.connection.cursor, "e-6");
  assert.equal(it.connection.status.state, "waiting");
  finish(it);
});

test("attempts come ever more slowly, and not at once", () => {
  assert.equal(backoff(1, 0), 250);
  assert.equal(backoff(3, 1), 2_000);
  assert.equal(backoff(50, 1), 15_000);
});
