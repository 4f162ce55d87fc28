// Requests beside the stream: history, explanations, gaps, webhooks.

/** What the gateway answered instead (RFC 9457). */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

export class Api {
  constructor() {
    this.token = undefined;
  }

  /** The body of an answer, and the address of the next page where there is one. */
  async get(path) {
    return this.ask("GET", path);
  }

  async post(path, body) {
    return this.ask("POST", path, body);
  }

  async ask(method, path, body) {
    const headers = { Accept: "application/json, application/cloudevents-batch+json" };
    if (this.token !== undefined) headers.Authorization = `Bearer ${this.token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let answer;
    try {
      answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    } catch {
      throw new Refused(0, { detail: "the gateway does not answer" });
    }
    const text = await answer.text();
    const told = text === "" ? {} : parsed(text);
    if (!answer.ok) throw new Refused(answer.status, told);
    const next = /<([^>]+)>;\s*rel="?next"?/.exec(answer.headers.get("link") ?? "");
    return { body: told, next: next?.[1] ?? told.next };
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { detail: text.slice(0, 200) };
  }
}

/** A path below `/v1`, its segments escaped. */
export function path(...segments) {
  return `/v1/${segments.map(encodeURIComponent).join("/")}`;
}
