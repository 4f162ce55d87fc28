// A browser that does what it is told, one line of JSON at a time, and answers each with a line: `{ok}` or `{failed}`.
// Usage: PEERS=… node browser.mjs WIDTH HEIGHT
import fs from "node:fs";
import readline from "node:readline";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.PEERS}/`);
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [width, height] = process.argv.slice(2).map(Number);
/** Less than that of the test, so that it learns what was to be seen instead. */
const patience = 45_000;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const context = await browser.newContext({ viewport: { width, height }, reducedMotion: "reduce" });
const page = await context.newPage();
page.setDefaultTimeout(patience);
const cdp = await context.newCDPSession(page);
await cdp.send("Performance.enable", { timeDomain: "threadTicks" });

/** What the page said on its console, what it asked for and of whom. */
const told = { complaints: [], requests: [] };
page.on("console", (message) => {
  if (message.type() === "error" || message.type() === "warning") told.complaints.push(message.text());
});
page.on("pageerror", (error) => told.complaints.push(String(error)));
page.on("request", (request) => told.requests.push(request.url()));
page.on("websocket", (socket) => told.requests.push(socket.url()));

const doings = {
  open: ({ url }) => page.goto(url).then(() => null),
  /** Waits until an expression is true in the page, and gives its value. */
  see: async ({ expression }) => {
    // Playwright's own waiting makes code of text within the page, which the page's policy forbids.
    const deadline = Date.now() + patience;
    while (Date.now() < deadline) {
      const value = await page.evaluate(expression);
      if (value) return value;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`not seen in ${patience} ms; on the page: ${await page.evaluate("document.body.innerText")}`);
  },
  evaluate: ({ expression }) => page.evaluate(expression),
  click: ({ selector }) => page.locator(selector).first().click().then(() => null),
  fill: ({ selector, text }) => page.locator(selector).first().fill(text).then(() => null),
  choose: ({ selector, text }) => page.locator(selector).first().selectOption(text).then(() => null),
  press: ({ key }) => page.keyboard.press(key).then(() => null),
  rest: () => page.mouse.move(1, 1).then(() => null),
  resize: ({ width, height }) => page.setViewportSize({ width, height }).then(() => null),
  shot: ({ path }) => page.screenshot({ path }).then(() => null),
  told: () => told,
  /** Seconds of a processor that the page's main thread has used. */
  effort: async () => {
    const { metrics } = await cdp.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration").value;
  },
  /** What axe-core calls serious or worse. */
  axe: async () => {
    // By the debugger, which the page's policy does not concern.
    await page.evaluate(axe);
    const { violations } = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })");
    const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    return grave.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(" | ")}`);
  },
};

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
say({ ok: "ready" });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const wish = JSON.parse(line);
  try {
    say({ ok: (await doings[wish.do](wish)) ?? null });
  } catch (error) {
    say({ failed: `${wish.do}: ${error}` });
  }
}
await browser.close();
