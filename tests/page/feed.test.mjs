import assert from "node:assert/strict";
import test from "node:test";
import { Journal, KEPT, line, matcher } from "../../crates/server/page/journal.js";
import { Rates } from "../../crates/server/page/rates.js";

const event = (n, more = {}) => ({
  id: `k3v9q2xw-${n.toString(16).padStart(16, "0")}`,
  type: "call.ringing",
  source: "/sources/hq",
  subject: "calls/hq:1",
  correlationid: "hq:1",
  recordedtime: "2026-11-20T09:41:07.412Z",
  data: { call: { caller: { number: { raw: "02079460018", e164: "+442079460018", national: "020 7946 0018" } }, callee: { name: "Grace", extension: { number: "101" } } }, origin: { kind: "inferred" } },
  ...more,
});

test("a line says who, and is found by every spelling", () => {
  const told = line(event(1));
  assert.equal(told.text, "020 7946 0018 → Grace 101");
  assert.equal(told.kind, "inferred");
  for (const text of ["grace", "+442079460018", "02079460018 ringing", "hq:1"]) assert.ok(matcher({ text })(told), text);
  assert.ok(!matcher({ text: "grace missing" })(told));
});

test("filters are those of the gateway", () => {
  const told = line(event(1));
  for (const types of ["call.*", "leg.*, call.ringing", "*", ""]) assert.ok(matcher({ types })(told), types);
  for (const types of ["call", "callxringing", "leg.*"]) assert.ok(!matcher({ types })(told), types);
  assert.ok(matcher({ source: "hq", subject: "calls/hq:1" })(told));
  assert.ok(!matcher({ source: "cph" })(told));
  assert.ok(!matcher({ subject: "calls/hq:2" })(told));
  const caller = line(event(2, { subject: "queues/hq:8/callers/1", type: "queue.caller_joined" }));
  assert.ok(matcher({ subject: "queues/hq:8" })(caller));
});

test("an event is kept once, in the order of the log, and not for ever", () => {
  const journal = new Journal();
  journal.add(event(10));
  journal.add(event(10));
  journal.older([event(9), event(10), event(8)]);
  assert.deepEqual(journal.lines.map(({ id }) => Number.parseInt(id.slice(9), 16)), [8, 9, 10]);
  for (let n = 11; n < 3 * KEPT; n += 1) journal.add(event(n));
  assert.ok(journal.lines.length <= KEPT * 1.2);
  assert.equal(journal.known.size, journal.lines.length);
});

test("rates are of whole seconds, and what was before is not known", () => {
  const rates = new Rates();
  const at = Date.UTC(2026, 10, 20, 9, 0, 0);
  for (let ms = 0; ms < 10_000; ms += 100) rates.count("hq", at + ms);
  assert.equal(rates.rate("hq", at + 10_000), 10);
  assert.equal(rates.rate("hq", at + 20_000), 0);
  assert.equal(rates.last("hq"), at + 9_900);
  const series = rates.series("hq", at + 10_000, 4, 5);
  assert.deepEqual(series, [null, 50, 50, 0]);
  // A late one counts where it belongs; one from too long ago nowhere.
  rates.count("hq", at + 600_000);
  rates.count("hq", at);
  assert.equal(rates.rate("hq", at + 601_000, 1), 1);
  assert.equal(rates.rate("nobody", at), 0);
});
