// The latest events, each as one line: what else it carries is asked for when somebody looks.

import { gist, partyText } from "./format.js";

/** Events that are kept, and as many again that somebody asked for from before. */
export const KEPT = 5_000;

export class Journal {
  constructor() {
    /** The oldest first. */
    this.lines = [];
    this.known = new Set();
    /** How many were ever told. */
    this.count = 0;
    /** Lines that somebody asked for. */
    this.asked = 0;
  }

  /** Takes an event as it happens. */
  add(event) {
    if (this.known.has(event.id)) return;
    this.known.add(event.id);
    this.lines.push(line(event));
    this.count += 1;
    const most = KEPT + Math.min(this.asked, KEPT);
    if (this.lines.length > most + KEPT / 5) {
      for (const gone of this.lines.splice(0, this.lines.length - most)) this.known.delete(gone.id);
    }
  }

  /** Takes a page of history: what is older than all that is kept, whatever its order. */
  older(events) {
    const fresh = events.filter(({ id }) => !this.known.has(id)).map(line);
    if (fresh.length === 0) return;
    for (const { id } of fresh) this.known.add(id);
    // Ids of one log sort as its positions do.
    this.asked += fresh.length;
    this.lines = [...fresh, ...this.lines].sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  clear() {
    this.lines = [];
    this.known.clear();
    this.asked = 0;
  }
}

/** What is kept of an event. */
export function line(event) {
  const { id, type, source, subject, recordedtime, data } = event;
  const origin = data.origin ?? {};
  const text = gist(event);
  return {
    id,
    type,
    source: source.replace(/^\/sources\//, ""),
    subject,
    interaction: event.correlationid,
    at: Date.parse(recordedtime),
    kind: origin.kind ?? "native",
    jump: data.change?.transition === "jump",
    text,
    // Everything that somebody may look for.
    haystack: `${type} ${source} ${subject} ${text} ${origin.event ?? ""} ${numbers(data)}`.toLowerCase(),
  };
}

function numbers({ call, caller, extension }) {
  const parties = call ? [call.caller, call.callee, call.answered_by] : [caller?.party];
  const told = parties.filter(Boolean).map((party) => `${partyText(party)} ${party.number?.raw ?? ""} ${party.number?.e164 ?? ""}`);
  return [...told, extension?.number ?? ""].join(" ");
}

/** Which lines: `types` are globs, `source` one or nothing, `subject` a subject with what belongs to it, `text` words that must all be there. */
export function matcher({ types, source, subject, text }) {
  const globs = (types ?? "").split(",").map((glob) => glob.trim()).filter(Boolean).map(glob);
  const words = (text ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const id = subject?.slice(subject.indexOf("/") + 1);
  return (line) =>
    (globs.length === 0 || globs.some((pattern) => pattern.test(line.type))) &&
    (!source || line.source === source) &&
    (!subject || line.subject === subject || line.interaction === id || line.subject.startsWith(`${subject}/`)) &&
    words.every((word) => line.haystack.includes(word));
}

function glob(text) {
  return new RegExp(`^${text.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`);
}
