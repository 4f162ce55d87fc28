// The same in a browser: a page of another origin that follows the gateway, and says so on its console.
// Usage: PEERS=… node browser.mjs DIST URL PORT
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";

const [dist, url, port] = process.argv.slice(2);
const { chromium } = createRequire(`${process.env.PEERS}/`)("playwright-core");
const page = `<!doctype html><title>follow</title><script type="module">
import { connect, Store } from "/index.js";
const say = (line) => console.log(JSON.stringify(line));
const store = new Store();
connect({ url: ${JSON.stringify(url)}, snapshot: true, types: ["call.*"], retry: { first: 50, most: 500 } }, store.handlers({
  event: (event) => say({ event: event.id, type: event.type, open: store.get("calls").size }),
  live: (cursor) => say({ live: cursor, open: store.get("calls").size }),
  status: (status) => say({ status: status.state }),
}));
</script>`;
const server = http.createServer((request, response) => {
  const name = request.url === "/" ? undefined : `${dist}${request.url}`;
  if (name && !fs.existsSync(name)) {
    response.writeHead(404).end();
    return;
  }
  response.setHeader("content-type", name ? "text/javascript" : "text/html");
  response.end(name ? fs.readFileSync(name) : page);
});
await new Promise((resolve) => server.listen(Number(port), "127.0.0.1", resolve));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const tab = await browser.newPage();
tab.on("console", (message) => process.stdout.write(`${message.text()}\n`));
tab.on("pageerror", (error) => process.stdout.write(`${JSON.stringify({ failed: String(error) })}\n`));
process.on("SIGTERM", async () => {
  await browser.close();
  server.close();
});
await tab.goto(`http://127.0.0.1:${port}/`);
