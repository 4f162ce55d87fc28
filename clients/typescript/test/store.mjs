// What the store makes of a snapshot and of events.
// Usage: DIST=… node --test store.mjs
import assert from "node:assert/strict";
import test from "node:test";
import { pathToFileURL } from "node:url";

const { Store } = await import(pathToFileURL(`${process.env.DIST}/index.js`).href);

const told = (type, subject, subjectversion, data) => ({ type, subject, subjectversion, data });
const loaded = (collection, items) => {
  const store = new Store();
  store.handlers().snapshot({ collection, items, done: true });
  return store;
};

test("a caller of a snapshot is the one of whom events speak", () => {
  const store = loaded("callers", [{ id: "77", queue: { id: "hq:8" }, party: {}, freshness: "stale", version: 1 }]);
  assert.equal(store.get("callers").get("hq:8/callers/77").freshness, "stale");
  store.apply(told("queue.caller_left", "queues/hq:8/callers/77", 2, { caller: { queue: { id: "hq:8" }, party: {} } }));
  assert.equal(store.get("callers").size, 0);
});

test("a participant of a snapshot is the one of whom events speak", () => {
  const store = loaded("participants", [{ id: "1/a", conference: "hq:5", call: "hq:9", party: {}, freshness: "live" }]);
  const left = { participant: { call: "hq:9", party: {} }, conference: { id: "hq:5", participants: 0, version: 3 } };
  store.apply(told("conference.participant_left", "conferences/hq:5/participants/1/a", 2, left));
  assert.equal(store.get("participants").size, 0);
  assert.equal(store.get("conferences").get("hq:5").participants, 0);
});

test("the newer version is taken, an older one is not, and what has ended is gone", () => {
  const store = loaded("calls", [{ id: "hq:1", state: "ringing", version: 2, legs: [], freshness: "live" }]);
  const call = (version, state) => ({ call: { id: "hq:1", state, version, legs: [] } });
  store.apply(told("call.ringing", "calls/hq:1", 1, call(1, "setup")));
  assert.equal(store.get("calls").get("hq:1").state, "ringing");
  store.apply(told("call.answered", "calls/hq:1", 3, call(3, "active")));
  assert.equal(store.get("calls").get("hq:1").state, "active");
  store.apply(told("call.ended", "calls/hq:1", 4, call(4, "ended")));
  assert.equal(store.get("calls").size, 0);
});
