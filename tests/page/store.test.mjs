import assert from "node:assert/strict";
import test from "node:test";
import { Store } from "../../crates/server/page/store.js";

const call = (version, state = "ringing") => ({ id: "hq:1", source: "hq", state, version, legs: [] });
const event = (type, data, subject = "calls/hq:1", subjectversion = data.call?.version) => ({ type, subject, subjectversion, data });

test("the newer version is taken, an equal or older one is not", () => {
  const store = new Store();
  store.apply(event("call.started", { call: call(2) }));
  store.apply(event("call.ringing", { call: call(1, "setup") }));
  assert.equal(store.get("calls").get("hq:1").version, 2);
  store.apply(event("call.answered", { call: call(3, "active") }));
  assert.equal(store.get("calls").get("hq:1").state, "active");
  assert.equal(store.get("calls").get("hq:1").freshness, "live");
});

test("what has ended is gone, and what is amended afterwards does not come back", () => {
  const store = new Store();
  const gone = [];
  store.ongone = (collection, id) => gone.push(`${collection}/${id}`);
  store.apply(event("call.started", { call: call(1) }));
  store.apply(event("call.ended", { call: call(2, "ended") }));
  store.apply(event("call.amended", { call: call(3, "ended") }));
  assert.equal(store.get("calls").size, 0);
  assert.deepEqual(gone, ["calls/hq:1"]);
});

test("an entity told beside another one is taken at the same version", () => {
  const store = new Store();
  store.apply(event("queue.updated", { queue: { id: "hq:8", waiting: 0, version: 5 } }, "queues/hq:8"));
  store.apply(event("queue.caller_joined", { queue: { id: "hq:8", waiting: 1, version: 5 }, caller: { queue: { id: "hq:8" }, party: {} } }, "queues/hq:8/callers/77", 1));
  assert.equal(store.get("queues").get("hq:8").waiting, 1);
  assert.ok(store.get("callers").has("hq:8/callers/77"));
  store.apply(event("queue.caller_left", { caller: { queue: { id: "hq:8" }, party: {} } }, "queues/hq:8/callers/77", 2));
  assert.equal(store.get("callers").size, 0);
});

test("items of a snapshot are known by the names that events have for them", () => {
  const store = new Store();
  store.load("callers", [{ id: "77", queue: { id: "hq:8" }, party: {}, freshness: "stale", version: 1 }]);
  assert.equal(store.get("callers").get("hq:8/callers/77").freshness, "stale");
  const before = store.changes.get("callers");
  store.clear();
  assert.equal(store.get("callers").size, 0);
  assert.ok(store.changes.get("callers") > before);
});
