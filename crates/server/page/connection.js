// One WebSocket that lasts: it connects, goes on where it stood, and says when it cannot. Whatever is told arrives here first;
// the position moves only when it was handled, so what was not handled comes again.

/** Messages that wait to be handled. Beyond it the connection is dropped and taken up again where the page is. */
const QUEUE = 20_000;
/** How long messages are handled before the browser may do something else, milliseconds. */
const SLICE = 8;
/** After so long without a connection state is taken anew, rather than all that was missed, milliseconds. */
const FRESH = 10 * 60_000;
/** Milliseconds before the first and the slowest attempts to come back. */
const RETRY = { first: 500, most: 15_000 };

/** Closed because of the credential: another one is needed. */
const REFUSED = new Set([4401, 4403, 4502]);

export class Connection {
  /**
   * `handlers`: `event(event)`, `snapshot(page)`, `reset(reset)`, `opened(data)`, `live()`, `time(ms)`, `status(status)`, and
   * `refused(code, reason)`, which is told when the gateway wants another token, and `renewed(token)`.
   */
  constructor(handlers, environment = globalThis) {
    this.handlers = handlers;
    this.environment = environment;
    this.cursor = undefined;
    this.token = undefined;
    this.socket = undefined;
    this.queue = [];
    this.at = 0;
    this.isPumping = false;
    this.inSnapshot = false;
    this.attempt = 0;
    this.heartbeat = 30;
    this.lostAt = undefined;
    this.status = { state: "idle" };
    this.channel = new MessageChannel();
    this.channel.port1.onmessage = () => this.pump();
  }

  /** Connects, with a token where one is needed. With an open connection the token is renewed in place. */
  open(token) {
    if (this.status.state === "open" && this.socket?.readyState === 1) {
      // The answer to a good token is silence: the bookmark asked for behind it says that there was no error.
      this.renewal = token;
      this.send({ op: "token", token });
      this.send({ op: "ping" });
    } else {
      this.token = token;
      this.attempt = 0;
      this.connect();
    }
  }

  /** Tries at once rather than when it is time. */
  hurry() {
    if (this.status.state === "waiting") this.connect();
  }

  connect() {
    clearTimeout(this.timer);
    this.abandon();
    this.attempt += 1;
    if (this.lostAt !== undefined && Date.now() - this.lostAt > FRESH) this.cursor = undefined;
    this.tell({ state: "connecting", attempt: this.attempt });
    const socket = new this.environment.WebSocket(this.address(), ["cloudevents.json"]);
    this.socket = socket;
    this.asked = this.cursor;
    this.inSnapshot = false;
    socket.onopen = () => {
      this.listen();
      if (this.token !== undefined) this.send({ op: "token", token: this.token });
    };
    socket.onmessage = ({ data }) => this.take(socket, data);
    socket.onclose = ({ code, reason }) => this.closed(socket, code, reason);
  }

  address() {
    const url = new URL("/v1/events", this.environment.location.href.replace(/^http/, "ws"));
    url.searchParams.set("snapshot", "true");
    url.searchParams.set("payload", "false");
    if (this.cursor !== undefined) url.searchParams.set("after", this.cursor);
    return url.href;
  }

  send(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  /** Each heartbeat brings a bookmark at least: after silence the connection is dead, whatever the network says. */
  listen() {
    clearTimeout(this.silence);
    const { socket } = this;
    this.silence = setTimeout(() => this.lost(socket, 0, "the gateway fell silent"), this.heartbeat * 2500);
  }

  take(socket, text) {
    if (socket !== this.socket) return;
    this.listen();
    this.queue.push(text);
    if (this.queue.length - this.at > QUEUE) this.lost(socket, 0, "this page is too slow");
    else if (!this.isPumping) {
      this.isPumping = true;
      this.goOn();
    }
  }

  /** Handles what waits, a slice at a time: drawing, scrolling and typing go first. */
  pump() {
    const until = performance.now() + SLICE;
    while (this.at < this.queue.length) {
      this.handle(JSON.parse(this.queue[this.at++]));
      if (performance.now() >= until) break;
    }
    if (this.at < this.queue.length) {
      this.goOn();
      return;
    }
    this.queue = [];
    this.at = 0;
    this.isPumping = false;
    if (this.ending !== undefined) this.lost(...this.ending);
  }

  goOn() {
    this.channel.port2.postMessage(null);
  }

  handle(message) {
    const { type, data } = message;
    if (!type.startsWith("stream.")) {
      this.handlers.event(message);
      if (!this.inSnapshot) this.cursor = message.id;
      return;
    }
    if (message.time !== undefined) this.handlers.time(Date.parse(message.time));
    switch (type) {
      case "stream.opened":
        this.heartbeat = data.heartbeat_s;
        this.inSnapshot = this.cursor === undefined;
        // State follows: what is known may be of another time.
        if (this.inSnapshot) this.handlers.reset({ reason: "begin" });
        this.handlers.opened(data);
        this.tell({ state: "open", live: false });
        break;
      case "stream.reset":
        // What was asked for is gone: a snapshot follows.
        this.cursor = undefined;
        this.inSnapshot = true;
        this.handlers.reset(data);
        break;
      case "stream.snapshot":
        this.inSnapshot = true;
        if (data.collection !== null) this.handlers.snapshot(data);
        else if (data.done) {
          this.inSnapshot = false;
          this.cursor = data.as_of;
        }
        break;
      case "stream.live":
        this.inSnapshot = false;
        this.cursor = data.cursor;
        this.attempt = 0;
        this.lostAt = undefined;
        this.handlers.live();
        this.tell({ state: "open", live: true, expires: this.status.expires });
        break;
      case "stream.bookmark":
        if (!this.inSnapshot) this.cursor = data.cursor;
        if (this.renewal !== undefined) this.renewed();
        break;
      case "stream.filtered":
        // The new token may see something else: what is known is taken anew.
        this.renewed();
        this.cursor = undefined;
        this.connect();
        break;
      case "stream.expiring":
        this.tell({ ...this.status, expires: data.at });
        break;
      case "stream.error":
        this.renewal = undefined;
        this.tell({ ...this.status, problem: data.detail ?? data.title });
        break;
      case "stream.closing":
        this.lastWord = data.reason;
        break;
      default:
        break;
    }
  }

  renewed() {
    this.token = this.renewal;
    this.renewal = undefined;
    this.tell({ state: "open", live: this.status.live });
    this.handlers.renewed(this.token);
  }

  /** Drops the socket and what it brought that was not handled: that comes again. */
  abandon() {
    clearTimeout(this.silence);
    const { socket } = this;
    this.socket = undefined;
    this.queue = [];
    this.at = 0;
    this.isPumping = false;
    this.ending = undefined;
    this.renewal = undefined;
    if (socket !== undefined) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  /** What came before the end is handled before it. */
  closed(socket, code, reason) {
    if (this.isPumping) this.ending = [socket, code, reason];
    else this.lost(socket, code, reason);
  }

  lost(socket, code, reason) {
    if (socket !== this.socket) return;
    this.abandon();
    const why = reason || this.lastWord || "the connection is lost";
    this.lastWord = undefined;
    this.lostAt ??= Date.now();
    if (REFUSED.has(code)) {
      this.tell({ state: "refused", code, reason: why });
      this.handlers.refused(code, why);
      return;
    }
    const ms = backoff(this.attempt, Math.random());
    this.tell({ state: "waiting", until: Date.now() + ms, reason: why });
    this.timer = setTimeout(() => this.connect(), ms);
  }

  tell(status) {
    this.status = status;
    this.handlers.status(status);
  }
}

/** When to come back: soon at first, then ever more slowly, and never all pages at once. */
export function backoff(attempt, random) {
  const wait = Math.min(RETRY.most, RETRY.first * 2 ** Math.min(Math.max(attempt - 1, 0), 20));
  return Math.round(wait / 2 + (random * wait) / 2);
}
