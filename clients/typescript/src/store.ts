// State, kept by the one rule there is: every event carries the whole entity; take it when its version is newer.

import type { Handlers } from "./stream.js";
import type {
  AgentItem,
  CallerItem,
  CallItem,
  ConferenceItem,
  DeviceItem,
  Event,
  ExtensionItem,
  ParticipantItem,
  QueueItem,
  SourceItem,
  TrunkItem,
  UserItem,
} from "./types.js";

interface Entities {
  agents: AgentItem;
  callers: CallerItem;
  calls: CallItem;
  conferences: ConferenceItem;
  devices: DeviceItem;
  extensions: ExtensionItem;
  participants: ParticipantItem;
  queues: QueueItem;
  sources: SourceItem;
  trunks: TrunkItem;
  users: UserItem;
}

export type Collection = keyof Entities;

/** What changed: an entity is new or newer, or it is gone. */
export interface Change {
  collection: Collection;
  id: string;
  gone: boolean;
}

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
const MEMBERS: Array<[string, Collection]> = [
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

/** The state of everything that a stream with `snapshot: true` tells. Pass `store.handlers()` to `connect`. */
export class Store {
  private readonly all = new Map<Collection, Map<string, any>>();
  private readonly listeners = new Set<(change: Change) => void>();

  /** The entities of a collection, by id. */
  get<C extends Collection>(collection: C): ReadonlyMap<string, Entities[C]> {
    let table = this.all.get(collection);
    if (!table) this.all.set(collection, (table = new Map()));
    return table;
  }

  /** Calls `listener` with every change; what it returns ends that. */
  onChange(listener: (change: Change) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Handlers that keep this store, and then call those of `then`. */
  handlers(then: Handlers = {}): Handlers {
    return {
      ...then,
      event: (event) => {
        this.apply(event);
        return then.event?.(event);
      },
      snapshot: (page) => {
        this.load(page.collection, page.items);
        return then.snapshot?.(page);
      },
      reset: (reset) => {
        this.clear();
        return then.reset?.(reset);
      },
    };
  }

  /** Takes what an event tells. */
  apply(event: Event): void {
    const data = event.data as Record<string, any>;
    const subject = event.subject;
    for (const [member, collection] of MEMBERS) {
      const entity = data[member];
      if (!entity) continue;
      const about = subject === `${collection}/${entity.id}`;
      if (about && ENDS.has(event.type)) this.drop(collection, entity.id);
      else if (!(about && AFTERWARDS.has(event.type))) this.put(collection, entity.id, entity, about);
    }
    for (const [member, collection] of [["caller", "callers"], ["participant", "participants"]] as const) {
      // Their ids are their places below a queue or conference.
      const marker = `/${collection}/`;
      if (!data[member] || !subject.includes(marker)) continue;
      const id = subject.slice(subject.indexOf("/") + 1);
      if (ENDS.has(event.type)) this.drop(collection, id);
      else this.put(collection, id, { ...data[member], version: event.subjectversion }, true);
    }
  }

  private load(collection: string | null, items: Array<Record<string, any>>): void {
    if (collection === null) return;
    for (const item of items) {
      const name = collection as Collection;
      this.put(name, identity(name, item), item, true);
    }
  }

  private clear(): void {
    for (const [collection, table] of this.all) {
      for (const id of [...table.keys()]) this.drop(collection, id);
    }
  }

  private put(collection: Collection, id: string, entity: any, about: boolean): void {
    const table = this.get(collection) as Map<string, any>;
    const known = table.get(id);
    // Entities told beside the one an event is about are as true, but do not count up.
    const newer = known?.version === undefined || entity.version === undefined || entity.version > known.version;
    if (known && !newer && (about || entity.version < known.version)) return;
    table.set(id, { freshness: "live", ...entity });
    this.tell({ collection, id, gone: false });
  }

  private drop(collection: Collection, id: string): void {
    if ((this.get(collection) as Map<string, any>).delete(id)) this.tell({ collection, id, gone: true });
  }

  private tell(change: Change): void {
    for (const listener of this.listeners) listener(change);
  }
}

/** The id under which events will speak of an item of a snapshot. */
function identity(collection: Collection, item: Record<string, any>): string {
  if (collection === "callers") return `${item.queue.id}/callers/${item.id}`;
  if (collection === "participants") return `${item.conference}/participants/${item.id}`;
  return item.id;
}
