// Follows a gateway with the client and says what it is told, a line each, until it is ended.
// Usage: PEERS=… node follow.mjs DIST URL
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [dist, url] = process.argv.slice(2);
const { connect, Store } = await import(pathToFileURL(`${dist}/index.js`).href);
const WebSocket = globalThis.WebSocket ?? createRequire(`${process.env.PEERS}/`)("ws");
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const store = new Store();
const stream = connect(
  { url, token: process.env.TOKEN, snapshot: true, types: ["call.*", "source.*"], WebSocket, retry: { first: 50, most: 500 } },
  store.handlers({
    event: (event) => say({ event: event.id, type: event.type, open: store.get("calls").size }),
    live: (cursor) => say({ live: cursor, open: store.get("calls").size }),
    reset: (reset) => say({ reset: reset.reason }),
    status: (status) => say({ status: status.state, ...(status.error ? { code: status.error.code } : {}) }),
  }),
);
process.on("SIGTERM", () => stream.close());
await stream.done.catch((error) => {
  say({ refused: error.code });
  process.exitCode = 3;
});
