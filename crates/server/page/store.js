// State, kept by the one rule there is: every event carries the whole entity; take it when its version is newer.

/** Types that end the life of their entity. */
const ENDS = new Set([
  "call.ended",
  "extension.deleted",
  "queue.deleted",
  "user.deleted",
  "agent.left",
  "device.unregistered",
  "queue.caller_left",
  "conference.participant_left",
]);

/** What comes after an entity's end and does not bring it back. */
const AFTERWARDS = new Set(["call.amended"]);

/** Members of `data` that are entities, with the collections that they live in. */
const MEMBERS = [
  ["call", "calls"],
  ["extension", "extensions"],
  ["agent", "agents"],
  ["queue", "queues"],
  ["device", "devices"],
  ["user", "users"],
  ["trunk", "trunks"],
  ["conference", "conferences"],
  ["source", "sources"],
];

/** Entities that live below another one; their ids are their places. */
const BELOW = [
  ["caller", "callers"],
  ["participant", "participants"],
];

export class Store {
  constructor() {
    this.tables = new Map([...MEMBERS, ...BELOW].map(([, collection]) => [collection, new Map()]));
    /** Counts the changes of each collection: who keeps what follows from it knows when to look again. */
    this.changes = new Map([...this.tables.keys()].map((collection) => [collection, 0]));
    /** Called with every entity that is gone. */
    this.ongone = () => {};
  }

  /** The entities of a collection, by id. */
  get(collection) {
    return this.tables.get(collection);
  }

  /** Takes what an event tells. */
  apply({ type, subject, subjectversion, data }) {
    for (const [member, collection] of MEMBERS) {
      const entity = data[member];
      if (entity === undefined) continue;
      const isAbout = subject === `${collection}/${entity.id}`;
      if (isAbout && ENDS.has(type)) this.drop(collection, entity.id, entity);
      else if (!(isAbout && AFTERWARDS.has(type))) this.put(collection, entity.id, entity, isAbout);
    }
    for (const [member, collection] of BELOW) {
      if (data[member] === undefined || !subject.includes(`/${collection}/`)) continue;
      const id = subject.slice(subject.indexOf("/") + 1);
      const entity = { ...data[member], version: subjectversion };
      if (ENDS.has(type)) this.drop(collection, id, entity);
      else this.put(collection, id, entity, true);
    }
  }

  /** Takes a page of a snapshot. */
  load(collection, items) {
    if (!this.tables.has(collection)) return;
    for (const item of items) this.put(collection, identity(collection, item), item, true);
  }

  /** Forgets everything: a position could not be resumed. */
  clear() {
    for (const [collection, table] of this.tables) {
      table.clear();
      this.touch(collection);
    }
  }

  put(collection, id, entity, isAbout) {
    const table = this.tables.get(collection);
    const known = table.get(id);
    if (known?.version !== undefined && entity.version !== undefined) {
      // An entity told beside the one that an event is about is as true, but does not count up.
      if (isAbout ? entity.version <= known.version : entity.version < known.version) return;
    }
    // What a stream tells is live until it says otherwise.
    table.set(id, entity.freshness === undefined ? { ...entity, freshness: "live" } : entity);
    this.touch(collection);
  }

  drop(collection, id, last) {
    if (!this.tables.get(collection).delete(id)) return;
    this.touch(collection);
    this.ongone(collection, id, last);
  }

  touch(collection) {
    this.changes.set(collection, this.changes.get(collection) + 1);
  }
}

/** The id under which events will speak of an item of a snapshot. */
function identity(collection, item) {
  if (collection === "callers") return `${item.queue.id}/callers/${item.id}`;
  if (collection === "participants") return `${item.conference}/participants/${item.id}`;
  return item.id;
}
