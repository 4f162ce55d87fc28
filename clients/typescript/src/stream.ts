// One stream that lasts: it connects, goes on where it stood, and says when it cannot.

import { backoff } from "./backoff.js";
import type { Event, Problem } from "./types.js";

/** Which events. What is left out limits nothing. */
export interface Filter {
  /** Globs over types: `call.*`. Together with `profile`, their union. */
  types?: string[];
  profile?: "crm" | "wallboard" | "all";
  sources?: string[];
  tenants?: string[];
  /** Numbers, canonical ids or native ids. */
  extensions?: string[];
  queues?: string[];
  subjects?: string[];
  /** `false` leaves native bodies out. */
  payload?: boolean;
}

export interface Options extends Filter {
  /** Where the gateway is: `http://127.0.0.1:7575`. */
  url: string;
  /** A token, or what fetches one: asked again before it ends and after it was refused. Sent as the first frame, never in the URL. */
  token?: string | (() => string | Promise<string>);
  /** Go on after this event id, RFC 3339 time, `earliest` or `latest`. */
  after?: string;
  /** State first, then exactly the events after it. */
  snapshot?: boolean;
  /** For runtimes without a `WebSocket` of their own. */
  WebSocket?: new (url: string, protocols?: string[]) => WebSocket;
  /** Milliseconds before the first and the slowest attempts to come back. */
  retry?: { first: number; most: number };
}

/** What is told. Each is awaited before the next; a position counts as handled when `event` has returned. */
export interface Handlers {
  event?(event: Event): void | Promise<void>;
  /** A page of state. `collection` is null on the last. */
  snapshot?(page: SnapshotPage): void | Promise<void>;
  /** The position could not be resumed: forget versions and state. State follows, or what the log still has. */
  reset?(reset: Reset): void | Promise<void>;
  /** What was missed has been told; from here on events come as they happen. */
  live?(cursor: string): void | Promise<void>;
  status?(status: Status): void;
}

export interface SnapshotPage {
  as_of: string;
  collection: string | null;
  items: Array<Record<string, unknown>>;
  done: boolean;
}

export interface Reset {
  reason: "expired" | "lost" | "epoch" | "ahead";
  requested: string;
  oldest: string;
  newest: string;
}

export type Status =
  | { state: "connecting"; attempt: number }
  | { state: "open"; warnings: Array<{ source: string; type: string; reason: string }> }
  | { state: "waiting"; ms: number; reason: string }
  | { state: "closed"; error?: StreamError };

/** The gateway does not want this client as it is. */
export class StreamError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
    this.name = "StreamError";
  }
}

export interface Stream {
  /** The position that was handled last; where another stream would go on. */
  readonly cursor: string | undefined;
  /** Another filter, from here on. */
  subscribe(filter: Filter): void;
  /** Ends it for good. */
  close(): void;
  /** Resolves when it was closed; rejects when the gateway refuses it for good or a handler throws. */
  readonly done: Promise<void>;
}

/** Messages that wait for their handlers. Beyond it the connection is dropped and taken up again where the handlers are. */
const QUEUE = 10_000;

/** Opens a stream that comes back by itself until it is closed. */
export function connect(options: Options, handlers: Handlers): Stream {
  return new Lasting(options, handlers);
}

class Lasting implements Stream {
  cursor: string | undefined;
  readonly done: Promise<void>;

  private filter: Filter;
  private socket: WebSocket | undefined;
  private queue: Message[] = [];
  private working = false;
  /** A snapshot is under way: until its end there is no position. */
  private inSnapshot = false;
  private wantsSnapshot: boolean;
  private attempt = 0;
  private heartbeat = 30;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private refusals = 0;
  private over = false;
  private settle!: { resolve(): void; reject(error: unknown): void };

  constructor(
    private readonly options: Options,
    private readonly handlers: Handlers,
  ) {
    this.filter = options;
    this.cursor = options.after;
    this.wantsSnapshot = options.snapshot ?? false;
    this.done = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    // Whoever does not ask how it ended shall not be surprised by an unhandled rejection.
    this.done.catch(() => undefined);
    this.open();
  }

  subscribe(filter: Filter): void {
    this.filter = filter;
    this.send({ op: "subscribe", ...members(filter) });
  }

  close(): void {
    this.end();
  }

  private open(): void {
    this.attempt += 1;
    this.handlers.status?.({ state: "connecting", attempt: this.attempt });
    const Socket = this.options.WebSocket ?? WebSocket;
    const socket = new Socket(this.address(), ["cloudevents.json"]);
    this.socket = socket;
    this.inSnapshot = false;
    socket.onopen = () => {
      this.listen();
      void this.authenticate(socket);
    };
    socket.onmessage = (message) => this.take(socket, String(message.data));
    socket.onclose = (closed) => this.lost(socket, closed.code, closed.reason);
    // A close follows, and says what there is to say.
    socket.onerror = () => undefined;
  }

  private address(): string {
    const url = new URL("/v1/events", this.options.url.replace(/^ws/, "http"));
    for (const [name, value] of Object.entries(members(this.filter))) {
      url.searchParams.set(name, Array.isArray(value) ? value.join(",") : String(value));
    }
    if (this.cursor !== undefined) url.searchParams.set("after", this.cursor);
    if (this.wantsSnapshot) url.searchParams.set("snapshot", "true");
    return url.toString().replace(/^http/, "ws");
  }

  private async authenticate(socket: WebSocket): Promise<void> {
    const { token } = this.options;
    if (token === undefined) return;
    try {
      const text = typeof token === "function" ? await token() : token;
      if (socket === this.socket) this.send({ op: "token", token: text });
    } catch (error) {
      socket.close(4000, "no token");
      this.lost(socket, 4000, `no token: ${String(error)}`);
    }
  }

  private send(frame: object): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(frame));
  }

  /** Each heartbeat brings a bookmark at least: after silence the connection is dead, whatever the network says. */
  private listen(): void {
    clearTimeout(this.silence);
    const socket = this.socket;
    this.silence = setTimeout(() => {
      if (socket && socket === this.socket) {
        socket.close(4000, "silence");
        this.lost(socket, 4000, "the gateway fell silent");
      }
    }, this.heartbeat * 2500);
  }

  private take(socket: WebSocket, text: string): void {
    if (socket !== this.socket) return;
    this.listen();
    this.queue.push(JSON.parse(text) as Message);
    if (this.queue.length > QUEUE) {
      this.queue.length = 0;
      socket.close(4000, "too slow");
      this.lost(socket, 4000, "the handlers are too slow");
    } else {
      void this.work();
    }
  }

  private async work(): Promise<void> {
    if (this.working) return;
    this.working = true;
    try {
      for (let message = this.queue.shift(); message; message = this.queue.shift()) {
        await this.handle(message);
        if (this.over) return;
      }
    } catch (error) {
      this.end(error);
    } finally {
      this.working = false;
    }
  }

  private async handle(message: Message): Promise<void> {
    const { type } = message;
    if (!type.startsWith("stream.")) {
      await this.handlers.event?.(message as Event);
      if (!this.inSnapshot) this.cursor = message.id;
      return;
    }
    const data = message.data as Record<string, any>;
    switch (type) {
      case "stream.opened":
        this.heartbeat = data.heartbeat_s;
        this.refusals = 0;
        this.inSnapshot = this.wantsSnapshot;
        if (!this.inSnapshot) this.cursor ??= data.cursor;
        this.handlers.status?.({ state: "open", warnings: data.warnings });
        break;
      case "stream.reset":
        // What was asked for is gone: a snapshot follows, or else the log from `oldest`.
        this.cursor = undefined;
        this.inSnapshot = true;
        await this.handlers.reset?.(data as Reset);
        break;
      case "stream.snapshot":
        this.inSnapshot = true;
        await this.handlers.snapshot?.(data as SnapshotPage);
        if (data.collection === null && data.done) {
          this.inSnapshot = false;
          this.wantsSnapshot = false;
          this.cursor = data.as_of;
        }
        break;
      case "stream.live":
        this.inSnapshot = false;
        this.attempt = 0;
        this.cursor = data.cursor;
        await this.handlers.live?.(data.cursor);
        break;
      case "stream.bookmark":
        if (!this.inSnapshot) this.cursor = data.cursor;
        break;
      case "stream.expiring":
        if (typeof this.options.token === "function" && this.socket) void this.authenticate(this.socket);
        break;
      case "stream.error":
        this.handlers.status?.({ state: "closed", error: new StreamError(4400, (data as Problem).detail) });
        break;
      default:
        break;
    }
  }

  private lost(socket: WebSocket, code: number, reason: string): void {
    if (socket !== this.socket || this.over) return;
    this.socket = undefined;
    clearTimeout(this.silence);
    // What was received and not handled yet comes again.
    this.queue.length = 0;
    const renewable = code === 4401 && typeof this.options.token === "function" && this.refusals++ < 3;
    if (code >= 4400 && code < 4500 && !renewable) {
      this.end(new StreamError(code, reason || `closed with ${code}`));
      return;
    }
    const ms = backoff(this.attempt, this.options.retry, Math.random());
    this.handlers.status?.({ state: "waiting", ms, reason: reason || `closed with ${code}` });
    this.timer = setTimeout(() => this.open(), ms);
  }

  private end(error?: unknown): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.silence);
    clearTimeout(this.timer);
    this.socket?.close(1000);
    this.socket = undefined;
    this.handlers.status?.(error instanceof StreamError ? { state: "closed", error } : { state: "closed" });
    if (error === undefined) this.settle.resolve();
    else this.settle.reject(error);
  }
}

interface Message {
  id: string;
  type: string;
  data: unknown;
}

function members(filter: Filter): Record<string, unknown> {
  const { types, profile, sources, tenants, extensions, queues, subjects, payload } = filter;
  const all = { types, profile, sources, tenants, extensions, queues, subjects, payload };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
