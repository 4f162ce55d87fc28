import assert from "node:assert/strict";
import test from "node:test";
import { age, duration, gist, partyParts } from "../../crates/server/page/format.js";
import { differences } from "../../crates/server/page/explain.js";
import { stateOf } from "../../crates/server/page/words.js";

test("durations stand in columns and are never negative", () => {
  assert.deepEqual([0, 7_900, 247_000, 3_723_000, -5].map(duration), ["0:00", "0:07", "4:07", "1:02:03", "0:00"]);
});

test("ages say enough", () => {
  assert.deepEqual([NaN, 300, 7_000, 240_000, 11_000_000, 200_000_000].map(age), ["never", "now", "7 s", "4 min", "3 h", "2 d"]);
});

test("a party is its name, else its number; a private one is neither", () => {
  assert.deepEqual(partyParts({ private: true, number: { raw: "1" } }), { name: "Private", number: "" });
  assert.deepEqual(partyParts({ name: "Grace", extension: { number: "101" } }), { name: "Grace", number: "101" });
  assert.deepEqual(partyParts({ number: { raw: "02079460018", national: "020 7946 0018" } }), { name: "020 7946 0018", number: "" });
  assert.deepEqual(partyParts({}), { name: "Unknown", number: "" });
});

test("an event of any kind has a line, known or not", () => {
  const gap = { from: "2026-11-20T08:58:20Z", to: "2026-11-20T09:00:00Z", reason: "the connection was lost" };
  assert.match(gist({ type: "source.gap", subject: "sources/hq", data: { gap } }), /^the connection was lost · \d/);
  assert.equal(gist({ type: "new.thing", subject: "things/1", data: {} }), "things/1");
});

test("a state that nobody knows is shown as it is called", () => {
  assert.deepEqual(stateOf("half_open"), { glyph: "hollow", tone: "quiet", label: "half open" });
  assert.notEqual(stateOf("connected", "sources").label, stateOf("connected", "calls").label);
});

test("what differs is named by its place", () => {
  const before = { state: "ringing", legs: [{ id: "a", state: "ringing" }], same: 1 };
  const after = { state: "active", legs: [{ id: "a", state: "connected" }], same: 1, answered_at: "now" };
  assert.deepEqual(differences(before, after, ""), [
    ["state", "ringing", "active"],
    ["legs.0.state", "ringing", "connected"],
    ["answered_at", undefined, "now"],
  ]);
});
