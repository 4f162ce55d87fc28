// A webhook receiver for Node.js. Usage: WEBHOOK_SECRET=whsec_… node receiver.mjs [port]
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const seen = new Set();

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString("utf8");
  let event;
  try {
    // Over the raw body: parsing and writing it again would change it.
    event = webhook.verify(body, request.headers);
  } catch {
    response.writeHead(401).end();
    return;
  }
  // Answer soon, and work afterwards. An event that comes twice has the same id.
  response.writeHead(204).end();
  if (seen.has(event.id)) return;
  seen.add(event.id);
  console.log(event.id, event.type, event.subject);
});

server.listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => {
  console.log("listening", server.address().port);
});
