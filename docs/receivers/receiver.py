"""A webhook receiver for Python. Usage: WEBHOOK_SECRET=whsec_… python receiver.py [port]"""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["WEBHOOK_SECRET"])
seen = set()


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            # Over the raw body: parsing and writing it again would change it.
            event = webhook.verify(body.decode(), headers)
        except WebhookVerificationError:
            self.answer(401)
            return
        # Answer soon, and work afterwards. An event that comes twice has the same id.
        self.answer(204)
        if event["id"] in seen:
            return
        seen.add(event["id"])
        print(event["id"], event["type"], event["subject"], flush=True)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8080), Receiver)
print("listening", server.server_port, flush=True)
server.serve_forever()
