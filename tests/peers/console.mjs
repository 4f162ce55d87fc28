// The console of a browser: opens a page, runs each line of stdin (a snippet as a JSON text) as one that is pasted
// there, and prints what the console shows. A snippet that throws shows as `failed: …`.
// Usage: PEERS=… node console.mjs URL
import readline from "node:readline";
import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.env.PEERS}/`)("playwright-core");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const tab = await browser.newPage();
const show = (text) => process.stdout.write(`${text}\n`);
tab.on("console", (message) => show(message.text()));
tab.on("pageerror", (error) => show(`failed: ${error}`));
await tab.goto(process.argv[2]);
const session = await tab.context().newCDPSession(tab);
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { exceptionDetails } = await session.send("Runtime.evaluate", { expression: JSON.parse(line), replMode: true });
  if (exceptionDetails) show(`failed: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
}
await browser.close();
