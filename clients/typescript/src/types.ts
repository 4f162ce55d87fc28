// Generated from openapi/openapi.json by scripts/generate.mjs. Words of open lists may be others than those known here.

export type Action = "created" | "updated" | "deleted" | "other" | (string & {});

/** An extension as a member of a queue. */
export type Agent = {
  /** Busy with a call of this queue, or another. */
  busy_kind?: BusyKind;
  /** The call the agent is busy with. */
  call?: EntityId;
  /** The extension. */
  extension: ExtensionRef;
  /** `<source>:<extension>@<queue>`. */
  id: EntityId;
  /** The queue. */
  queue: QueueRef;
  /** Why not ready. */
  reason?: string;
  /** Since when in this state. */
  since?: Timestamp;
  /** What the agent does. */
  state: AgentState;
  /** What the PBX keeps about the agent in this queue, by its own names in `snake_case`: counters, priority. */
  stats?: Record<string, unknown>;
  /** +1 for each event of this agent. */
  version: number;
};

export type AgentItem = (Agent & Freshness);

export type AgentState = "logged_out" | "not_ready" | "ready" | "reserved" | "busy" | "after_call_work" | "unknown" | (string & {});

/** Something an operator should look at. */
export type Alert = {
  /** More about it. */
  details?: Record<string, unknown>;
  /** What kind. */
  kind: string;
  /** For people. */
  text?: string;
};

export type Basis = "native" | "inferred" | (string & {});

/** A breached service level. */
export type Breach = {
  /** The longest wait that was promised, milliseconds. */
  threshold_ms?: number;
  /** Breaches so far. */
  total?: number;
  /** Callers waiting. */
  waiting?: number;
};

export type BusyKind = "queue" | "other" | (string & {});

/** One session inside one PBX. `caller` and `callee` are as dialled and never change by transfer. */
export type Call = {
  /** First time a person or endpoint answered. */
  answered_at?: Timestamp;
  /** The first person or endpoint that answered. */
  answered_by?: Party;
  /** Who was dialled. */
  callee: Party;
  /** Who called. */
  caller: Party;
  /** The public number that was dialled. */
  did?: Number;
  /** As seen from the PBX. */
  direction: Direction;
  /** Sums, once the call has ended. */
  durations?: Durations;
  /** How it ended. */
  end?: End;
  /** The end. */
  ended_at?: Timestamp;
  /** The party outside the PBX: the caller if inbound, the callee if outbound. */
  external?: Party;
  /** Who has talked, in order. */
  handled_by?: Array<Handled>;
  /** Stable over restarts. */
  id: EntityId;
  /** The id of the interaction's first call: survives transfers. */
  interaction_id: EntityId;
  /** Open legs, answered legs, and at most 32 others, in order of appearance. */
  legs?: Array<Leg>;
  /** How many ended, unanswered legs are left out. */
  legs_omitted?: number;
  /** The PBX's own ids. */
  native?: Native;
  /** The queue that the call is in, or last was in. */
  queue?: QueueRef;
  /** First time in a queue. */
  queued_at?: Timestamp;
  /** Calls that a transfer or pickup links to this one. */
  related_calls?: Array<EntityId>;
  /** First time a person or endpoint alerted. */
  ringing_at?: Timestamp;
  /** Where the call is when it is not with a person. */
  route?: Route;
  /** The PBX. */
  source: SourceId;
  /** First sign of the call. */
  started_at: Timestamp;
  /** A pure function of the legs. */
  state: CallState;
  /** The tenant, by its configured name or native id. */
  tenant?: string;
  /** The trunk to the outside. */
  trunk?: TrunkRef;
  /** +1 for each event of this call. */
  version: number;
};

export type CallItem = (Call & Freshness);

export type CallState = "setup" | "service" | "queued" | "ringing" | "active" | "held" | "parked" | "ended" | (string & {});

/** A caller waiting in a queue. */
export type Caller = {
  /** The call, when it is known. */
  call?: EntityId;
  /** Since when. */
  entered_at?: Timestamp;
  /** Who waits. */
  party: Party;
  /** The place in the queue, from 1. */
  position?: number;
  /** The queue. */
  queue: QueueRef;
  /** How the caller waits. */
  state: CallerState;
  /** +1 for each event of this caller. */
  version: number;
};

export type CallerItem = (Caller & Freshness & {
  /** Unique in its queue: events name it `queues/{queue}/callers/{id}`. */
  id: string;
});

export type CallerState = "waiting" | "callback" | "vip" | (string & {});

export type Capabilities = {
  /** By event type: told by the PBX, concluded by the gateway, or never. */
  capabilities: Record<string, "native" | "inferred" | "never">;
  source: string;
};

export type Catalog = {
  items: Array<{
    class: "guaranteed" | "capability" | "derived";
    dataschema: string;
    description: string;
    example?: Event;
    profiles?: Array<string>;
    schema: string;
    sources: Record<string, "native" | "inferred" | "never">;
    subject: string;
    type: "call.started" | "call.routed" | "call.ringing" | "call.answered" | "call.held" | "call.resumed" | "call.parked" | "call.unparked" | "call.transferred" | "call.updated" | "call.missed" | "call.ended" | "call.amended" | "leg.started" | "leg.ringing" | "leg.answered" | "leg.held" | "leg.resumed" | "leg.updated" | "leg.ended" | "extension.call_state_changed" | "extension.registration_changed" | "extension.presence_changed" | "extension.dnd_changed" | "user.presence_changed" | "extension.created" | "extension.updated" | "extension.deleted" | "queue.created" | "queue.updated" | "queue.deleted" | "user.created" | "user.updated" | "user.deleted" | "device.registered" | "device.unregistered" | "device.registration_failed" | "agent.state_changed" | "agent.joined" | "agent.left" | "agent.updated" | "queue.caller_joined" | "queue.caller_left" | "queue.caller_moved" | "queue.sla_breached" | "trunk.connected" | "trunk.disconnected" | "conference.participant_joined" | "conference.participant_updated" | "conference.participant_left" | "recording.started" | "recording.ended" | "recording.updated" | "recording.deleted" | "voicemail.received" | "voicemail.read" | "voicemail.deleted" | "cdr.created" | "directory.changed" | "variable.changed" | "alert.raised" | "alert.cleared" | "message.received" | "request.received" | "reply.received" | "source.connecting" | "source.connected" | "source.synced" | "source.disconnected" | "source.auth_failed" | "source.limit_reached" | "source.replaced" | "source.degraded" | "source.gap" | "source.unrecognized" | "source.clock_skew" | "command.accepted" | "command.succeeded" | "command.failed" | "webhook.failing" | "webhook.disabled" | "webhook.recovered" | "webhook.lost" | "webhook.test" | (string & {});
  }>;
};

export type Cause = "normal" | "cancelled" | "no_answer" | "busy" | "rejected" | "answered_elsewhere" | "picked_up" | "transferred" | "redirected" | "invalid_number" | "number_changed" | "no_route" | "unreachable" | "dnd" | "barred" | "unwanted" | "congestion" | "network_error" | "incompatible" | "media_error" | "max_duration" | "queue_overflow" | "queue_abandoned" | "queue_callback" | "blocked" | "fraud" | "admin" | "system_restart" | "source_lost" | "unknown" | (string & {});

/** The PBX's own record of a call, normalised. What it does not tell is absent. */
export type Cdr = {
  /** The answer by a person or endpoint. */
  answered_at?: Timestamp;
  /** The first person or endpoint that answered. */
  answered_by?: Party;
  /** The call it records. */
  call?: EntityId;
  /** Who was dialled. */
  callee: Party;
  /** Who called. */
  caller: Party;
  /** The public number that was dialled. */
  did?: Number;
  /** As seen from the PBX. */
  direction: Direction;
  /** Sums. */
  durations?: Durations;
  /** How it ended. */
  end?: End;
  /** The end. */
  ended_at?: Timestamp;
  /** Stable over restarts. */
  id: EntityId;
  /** The legs as recorded. */
  legs?: Array<Leg>;
  /** The PBX's own ids and fields. */
  native?: Native;
  /** First ringing. */
  ringing_at?: Timestamp;
  /** The PBX. */
  source: SourceId;
  /** The start. */
  started_at?: Timestamp;
  /** The tenant. */
  tenant?: string;
  /** The trunk. */
  trunk?: TrunkRef;
  /** +1 for each event of this record. */
  version: number;
};

/** What changed. */
export type Change = {
  /** The names of other fields that changed. */
  fields?: Array<string>;
  /** The state before. */
  from?: string;
  /** The state after. */
  to?: string;
  /** `jump` when the PBX skipped states. */
  transition?: Transition;
};

/** A command to a PBX. */
export type Command = {
  /** When it was accepted. */
  created_at: Timestamp;
  /** The same for people. */
  detail?: string;
  /** When its outcome was known. */
  finished_at?: Timestamp;
  /** Its id. */
  id: string;
  /** What the PBX said of it: ids of what came of it. */
  native?: Native;
  /** Why it failed, or why nobody knows: a word. */
  reason?: string;
  /** The source it goes to. */
  source: SourceId;
  /** How far it is. */
  state: CommandState;
  /** What to do it to. */
  target?: string;
  /** What to do. */
  type: string;
  /** +1 for each event of this command. */
  version: number;
};

export type CommandState = "accepted" | "succeeded" | "failed" | "unknown" | (string & {});

export type CommandTypes = {
  items: Array<{
    schema: Record<string, unknown>;
    target: string;
    timeout_s: number;
    title: string;
    type: string;
  }>;
};

/** A conference. */
export type Conference = {
  /** Stable over restarts. */
  id: EntityId;
  /** Its name. */
  name?: string;
  /** How many take part. */
  participants: number;
  /** Its room. */
  room?: string;
  /** +1 for each event of this conference. */
  version: number;
};

export type ConferenceItem = (Conference & Freshness);

export type ContentType = string;

/** Event id, and the position to resume from. */
export type Cursor = string;

/** What an event carries: whole entities after the change, then facts, then `change`, then `origin`. */
export type Data = {
  agent?: Agent;
  alert?: Alert;
  breach?: Breach;
  call?: Call;
  caller?: Caller;
  cdr?: Cdr;
  change?: Change;
  command?: Command;
  conference?: Conference;
  device?: Device;
  extension?: Extension;
  gap?: Gap;
  leg?: Leg;
  message?: Message;
  missed?: Missed;
  object?: DirectoryObject;
  origin?: Origin;
  participant?: Participant;
  queue?: Queue;
  reason?: string;
  recording?: Recording;
  reply?: Message;
  request?: Message;
  source?: Source;
  transfer?: Transfer;
  trunk?: Trunk;
  user?: User;
  variable?: Variable;
  voicemail?: Voicemail;
  webhook?: Webhook;
};

export type DeliveryList = {
  items: Array<{
    /** The beginning of the last answer. */
    answer?: string;
    /** The latest, in order. */
    attempts: Array<{
      at: string;
      error?: string;
      latency_ms: number;
      status?: number;
    }>;
    event: string;
    next_attempt_at?: string;
    status: "pending" | "delivered" | "failed" | "expired";
    type: string;
  }>;
  next?: string;
};

/** A phone, app or trunk endpoint that has registered. */
export type Device = {
  /** Its network address. */
  address?: string;
  /** When its registration ends. */
  expires_at?: Timestamp;
  /** The extension it registered for. */
  extension?: ExtensionRef;
  /** Stable over restarts. */
  id: EntityId;
  /** What it is. */
  kind: DeviceKind;
  /** The PBX's own ids. */
  native?: Native;
  /** What it calls itself. */
  user_agent?: string;
  /** +1 for each event of this device. */
  version: number;
};

export type DeviceItem = (Device & Freshness);

export type DeviceKind = "phone" | "app" | "mobile" | "trunk" | "unknown" | (string & {});

export type Direction = "inbound" | "outbound" | "internal" | "transit" | "unknown" | (string & {});

/** A configuration object without an entity of its own. */
export type DirectoryObject = {
  /** What happened to it. */
  action: Action;
  /** The PBX's id. */
  id?: string;
  /** What it is, in the PBX's words. */
  kind: string;
  /** Its attributes. */
  native?: Native;
};

/** How long a call spent in what, in milliseconds. */
export type Durations = {
  /** On hold, where the PBX tells. */
  hold_ms?: number;
  /** From first ringing to the answer or the end. */
  ring_ms?: number;
  /** From the answer to the end. */
  talk_ms?: number;
  /** From the start to the end. */
  total_ms?: number;
  /** From the start (or the queue) to the answer or the end. */
  wait_ms?: number;
};

/** How a call or leg ended. */
export type End = {
  /** Told or concluded. */
  basis: Basis;
  /** Why. */
  cause: Cause;
  /** Who ended it. */
  ended_by: EndedBy;
  /** The PBX's own word. */
  native?: string;
  /** What came of it. */
  outcome: Outcome;
  /** The Q.850 cause value, where one was told. */
  q850?: number;
  /** The SIP status, where one was told. */
  sip?: number;
};

export type EndedBy = "caller" | "callee" | "system" | "network" | "unknown";

/** `<source id>:<native key>`, opaque. */
export type EntityId = string;

/** One event, as it is published on every transport. */
export type Event = {
  /** The interaction. */
  correlationid?: string;
  /** Entities and facts. */
  data: Data;
  /** `application/json`. */
  datacontenttype: ContentType;
  /** `urn:switchhook:schema:v1:<entity>`. */
  dataschema: string;
  /** On `*.ringing`: when it is worthless. Equal to `recordedtime` when the step was reconstructed. */
  expirytime?: Timestamp;
  /** Also the position to resume from. */
  id: Cursor;
  /** The entity whose order matters. */
  partitionkey: string;
  /** When the gateway received it. */
  recordedtime: Timestamp;
  /** `/sources/<source id>`, or `/gateway`. */
  source: string;
  /** `1.0`. */
  specversion: SpecVersion;
  /** `<collection>/<entity id>`. */
  subject: string;
  /** From 1, +1 for each event of the subject. */
  subjectversion: number;
  /** The tenant, by configured name, else native id. */
  tenant?: string;
  /** When it happened, by the PBX's clock; where the PBX gives none, `recordedtime`. */
  time: Timestamp;
  /** W3C trace context. */
  traceparent?: string;
  /** From the catalogue. */
  type: EventType;
};

export type EventType = "call.started" | "call.routed" | "call.ringing" | "call.answered" | "call.held" | "call.resumed" | "call.parked" | "call.unparked" | "call.transferred" | "call.updated" | "call.missed" | "call.ended" | "call.amended" | "leg.started" | "leg.ringing" | "leg.answered" | "leg.held" | "leg.resumed" | "leg.updated" | "leg.ended" | "extension.call_state_changed" | "extension.registration_changed" | "extension.presence_changed" | "extension.dnd_changed" | "user.presence_changed" | "extension.created" | "extension.updated" | "extension.deleted" | "queue.created" | "queue.updated" | "queue.deleted" | "user.created" | "user.updated" | "user.deleted" | "device.registered" | "device.unregistered" | "device.registration_failed" | "agent.state_changed" | "agent.joined" | "agent.left" | "agent.updated" | "queue.caller_joined" | "queue.caller_left" | "queue.caller_moved" | "queue.sla_breached" | "trunk.connected" | "trunk.disconnected" | "conference.participant_joined" | "conference.participant_updated" | "conference.participant_left" | "recording.started" | "recording.ended" | "recording.updated" | "recording.deleted" | "voicemail.received" | "voicemail.read" | "voicemail.deleted" | "cdr.created" | "directory.changed" | "variable.changed" | "alert.raised" | "alert.cleared" | "message.received" | "request.received" | "reply.received" | "source.connecting" | "source.connected" | "source.synced" | "source.disconnected" | "source.auth_failed" | "source.limit_reached" | "source.replaced" | "source.degraded" | "source.gap" | "source.unrecognized" | "source.clock_skew" | "command.accepted" | "command.succeeded" | "command.failed" | "webhook.failing" | "webhook.disabled" | "webhook.recovered" | "webhook.lost" | "webhook.test" | (string & {});

export type Explanation = {
  /** What the frame says, decoded. */
  decoded?: unknown;
  event: Event;
  frame: {
    base64?: string;
    id?: string;
    /** `carried`: the event holds the native body itself. `none`: the gateway said it by itself. */
    state: "kept" | "carried" | "evicted" | "none" | "withheld" | (string & {});
    text?: string;
  };
  /** The mapping and its rule, the native event, and how the gateway knows. */
  mapping: Record<string, unknown>;
  subject: {
    /** The entity as this event left it. */
    after?: unknown;
    /** The entity as the event before left it. */
    before?: unknown;
    before_state: "known" | "none" | "expired" | "not_found_in_time" | (string & {});
    change?: unknown;
    name: string;
    version: number;
  };
};

/** An extension and its state. */
export type Extension = {
  /** The state as an agent, where the PBX keeps one per extension. */
  agent_state?: AgentState;
  /** Whether it is in a call. */
  call_state: ExtensionCallState;
  /** Do not disturb. */
  dnd?: boolean;
  /** Enabled by the administrator. */
  enabled?: boolean;
  /** Stable over restarts. */
  id: EntityId;
  /** The display name. */
  name?: string;
  /** The PBX's own ids. */
  native?: Native;
  /** The number inside the PBX. */
  number: string;
  /** Registered. */
  online?: boolean;
  /** What its owner says about himself. */
  presence?: Presence;
  /** Reachable by a push to a mobile. */
  push_online?: boolean;
  /** The SIP URI. */
  uri?: string;
  /** The user it belongs to. */
  user?: UserRef;
  /** +1 for each event of this extension. */
  version: number;
};

export type ExtensionCallState = "idle" | "ringing" | "busy" | "unknown" | (string & {});

export type ExtensionItem = (Extension & Freshness);

/** An extension, by number and, where known, by id. */
export type ExtensionRef = {
  /** The entity, when it is known. */
  id?: EntityId;
  /** The number inside the PBX. */
  number: string;
};

export type Freshness = {
  /** How far the entity can be relied on: the source is connected and would have told; it is not connected; it has not confirmed the entity since it was not. */
  freshness: "live" | "stale" | "unconfirmed";
};

/** A window in which the PBX may have told something that was not heard. */
export type Gap = {
  /** How many events were lost, where that is known. */
  count?: number;
  /** Last sign of the PBX before it. */
  from: Timestamp;
  /** Why. */
  reason: string;
  /** What a snapshot sets right: collections. */
  reconciled: Array<string>;
  /** When the connection stood again. */
  to: Timestamp;
  /** What stays unknown: collections or event types. */
  unknown: Array<string>;
};

/** A person or endpoint that has talked in a call. */
export type Handled = {
  /** From when. */
  from: Timestamp;
  /** Who. */
  party: Party;
  /** Until when; absent while it lasts. */
  to?: Timestamp;
};

export type Ledger = {
  /** Nothing of the span is unknown. */
  complete: boolean;
  from: string;
  /** Where the ledger goes on, when there are more gaps than an answer holds. */
  next?: string;
  /** Without holes, in order of time. */
  periods: Array<{
    from: string;
    /** The gap lasts. */
    open?: boolean;
    reason?: string;
    reconciled?: Array<string>;
    state: "complete" | "gap" | "unheard" | (string & {});
    to: string;
    unknown?: Array<string>;
  }>;
  source: string;
  to: string;
};

/** One endpoint's part in a call (a CSTA connection). */
export type Leg = {
  /** When it was answered. */
  answered_at?: Timestamp;
  /** The device's entity id or address. */
  device?: string;
  /** How it ended. */
  end?: End;
  /** The end. */
  ended_at?: Timestamp;
  /** Stable over restarts. A leg never changes its call. */
  id: EntityId;
  /** The PBX's own ids. */
  native?: Native;
  /** The leg of another call that goes on for this one, or that this one goes on for. */
  other_leg?: EntityId;
  /** Who is at this endpoint. */
  party: Party;
  /** The queue that made this leg, or that this leg is. */
  queue?: QueueRef;
  /** When it first alerted. */
  ringing_at?: Timestamp;
  /** Which side. */
  role: LegRole;
  /** First sign of the leg. */
  started_at: Timestamp;
  /** The CSTA connection state. */
  state: LegState;
};

export type LegRole = "caller" | "callee" | "monitor" | "service" | (string & {});

export type LegState = "initiated" | "queued" | "ringing" | "connected" | "held" | "ended" | (string & {});

export type Live = {
  status: "live";
};

/** A message, request or reply that one client of the PBX sent to another. */
export type Message = {
  /** The body. */
  body?: unknown;
  /** From whom. */
  from?: string;
  /** Links a reply to its request. */
  id?: string;
  /** What kind. */
  kind: string;
};

/** Who did not answer. */
export type Missed = {
  /** The extensions that alerted. */
  extensions: Array<ExtensionRef>;
  /** The queue the call was in. */
  queue?: QueueRef;
  /** The caller reached a voicemail box. */
  voicemail?: boolean;
};

/** The PBX's own ids and attributes, by its own names. */
export type Native = Record<string, unknown>;

export type NewWebhook = (WebhookEndpoint & {
  /** Shown this once. */
  secret: string;
});

/** A number. `raw` is as the PBX sent it; the rest only where libphonenumber finds the number valid. */
export type Number = {
  /** `+442079460000`. */
  e164?: string;
  /** As written inside its country. */
  national?: string;
  /** As the PBX sent it. */
  raw: string;
  /** The ISO 3166 country code. */
  region?: string;
};

/** Where an event comes from. */
export type Origin = {
  /** The native event name. */
  event?: string;
  /** The id of the raw frame. */
  frame?: string;
  /** Told by the PBX, or how else the gateway knows. */
  kind: OriginKind;
  /** The mapping and its version: `portsip/1`. */
  mapping?: string;
  /** The native body. Always the last member of the whole event. */
  payload?: Payload;
  /** The raw body, when it is neither text nor JSON. */
  payload_base64?: string;
  /** How exact the PBX's time is. */
  precision?: Precision;
  /** The mapping rule that made it. */
  rule?: string;
  /** The payload was too large and is cut. */
  truncated?: boolean;
};

export type OriginKind = "native" | "inferred" | "snapshot" | "reconciled" | "unconfirmed" | "gateway" | (string & {});

export type Outcome = "answered" | "missed" | "abandoned" | "voicemail" | "busy" | "rejected" | "failed" | "transferred" | "unknown";

/** One party in a conference. */
export type Participant = {
  /** The call, when it is known. */
  call?: EntityId;
  /** Since when. */
  joined_at?: Timestamp;
  /** Muted. */
  muted?: boolean;
  /** Who. */
  party: Party;
};

export type ParticipantItem = (Participant & Freshness & {
  /** The conference. */
  conference: string;
  /** Unique in its conference: events name it `conferences/{conference}/participants/{id}`. */
  id: string;
});

/** One side of a call. Every field is what the PBX told; nothing is filled in by guess. */
export type Party = {
  /** The extension, when the party is inside the PBX. */
  extension?: ExtensionRef;
  /** The display name. */
  name?: string;
  /** The number or address dialled or shown. */
  number?: Number;
  /** True when the party asked not to be shown: without the scope `pii:read` only this flag remains. */
  private?: boolean;
  /** The SIP URI. */
  uri?: string;
  /** The user behind the extension. */
  user?: UserRef;
};

/** The native body as it came. */
export type Payload = unknown;

export type Precision = "s" | "ms" | "us" | (string & {});

/** What a person says about his availability. */
export type Presence = {
  /** The PBX's own word. */
  native?: string;
  /** Free text. */
  note?: string;
  /** In canonical words. */
  status: PresenceStatus;
  /** Until when. */
  until?: Timestamp;
};

export type PresenceStatus = "available" | "away" | "busy" | "dnd" | "lunch" | "business_trip" | "meeting" | "offline" | "other" | (string & {});

/** An RFC 9457 problem. `type` resolves to what to do. */
export type Problem = {
  detail: string;
  errors?: Array<{
    detail: string;
    /** The query parameter that is wrong. */
    parameter?: string;
    /** The member of the body that is wrong, as a JSON Pointer. */
    pointer?: string;
  }>;
  newest?: string;
  oldest?: string;
  /** Why a position cannot be resumed. */
  reason?: "expired" | "lost" | "epoch" | "ahead";
  /** The same request may succeed later. */
  retryable: boolean;
  status: number;
  title: string;
  /** `/problems/<slug>`; stable. */
  type: string;
};

/** The account of calls held against the PBX's own records, since the start of the gateway. */
export type Quality = {
  /** Those of which the record said nothing else than what had been published. */
  agreed?: number;
  /** `agreed` of `compared`, from 0 to 1. */
  agreement?: number;
  /** Calls of which something had been published when their record came. */
  compared?: number;
  /** How often the record said otherwise, by field of the call. */
  differed?: Record<string, number>;
};

/** A queue or group that distributes calls. */
export type Queue = {
  /** Agents in a call. */
  agents_busy?: number;
  /** Agents that could take a call. */
  agents_ready?: number;
  /** All agents. */
  agents_total?: number;
  /** Stable over restarts. */
  id: EntityId;
  /** How it distributes. */
  kind: QueueKind;
  /** Since when the caller waits who has waited longest. */
  longest_waiting_since?: Timestamp;
  /** Its name. */
  name?: string;
  /** The PBX's own ids. */
  native?: Native;
  /** The number to dial it. */
  number?: string;
  /** +1 for each event of this queue. */
  version: number;
  /** Callers waiting now. */
  waiting?: number;
};

export type QueueItem = (Queue & Freshness);

export type QueueKind = "queue" | "ring_group" | "hunt_group" | (string & {});

/** A queue, as named in calls and legs. */
export type QueueRef = {
  /** The entity. */
  id: EntityId;
  /** Its name. */
  name?: string;
  /** The number to dial it. */
  number?: string;
};

export type Ready = {
  log_writable?: boolean;
  sources?: Record<string, {
    connected: boolean;
    required: boolean;
    state?: string;
  }>;
  state_rebuilt?: boolean;
  status: "ready" | "unavailable";
};

export type Reconnecting = {
  source: string;
  state: string;
};

/** A recording of a call. */
export type Recording = {
  /** The call. */
  call?: EntityId;
  /** Milliseconds. */
  duration_ms?: number;
  /** The end. */
  ended_at?: Timestamp;
  /** The first id the PBX gave; a later one is `native.recording_id`. */
  id: EntityId;
  /** The leg. */
  leg?: EntityId;
  /** The PBX's own ids. */
  native?: Native;
  /** The start. */
  started_at?: Timestamp;
  /** Its state. */
  state: RecordingState;
  /** Where it can be fetched. */
  uri?: string;
  /** +1 for each event of this recording. */
  version: number;
};

export type RecordingState = "recording" | "ended" | "deleted" | (string & {});

export type Replay = {
  after: string;
  until: string;
};

export type ReplayCount = {
  /** False when counting took too long: there are more. */
  complete: boolean;
  dry_run: true;
  events: number;
};

/** Where a call is when it is not with a person. */
export type Route = {
  /** The PBX's id or the entity's. */
  id?: string;
  /** The kind of destination. */
  kind: RouteKind;
  /** Its name. */
  name?: string;
  /** Its number. */
  number?: string;
};

export type RouteKind = "user" | "group" | "queue" | "ivr" | "voicemail" | "conference" | "park" | "external" | "system" | (string & {});

/** A configured source and how it is doing. */
export type Source = {
  /** The adapter that speaks to it. */
  adapter: string;
  /** The PBX's clock minus ours, milliseconds. */
  clock_skew_ms?: number;
  /** Counters since the start of the gateway. */
  counters?: SourceCounters;
  /** The dialect, configured or detected. */
  dialect?: string;
  /** Its configured name. */
  id: SourceId;
  /** When the PBX last told something. */
  last_event_at?: Timestamp;
  /** How what was told of calls compares with the PBX's own records of them; absent as long as there is none. */
  quality?: Quality;
  /** What is wrong, when something is. */
  reason?: string;
  /** Since when. */
  since: Timestamp;
  /** The state of the connection. */
  state: SourceState;
  /** What the adapter does not know: shapes, and how often each was heard since the start of the gateway. Those beyond the first 64 are counted under `…`. */
  unrecognized?: Record<string, number>;
};

/** Counters since the start of the gateway. */
export type SourceCounters = {
  /** Events published. */
  events?: number;
  /** Frames received. */
  frames?: number;
  /** Frames that told nothing new. */
  no_ops?: number;
  /** Connections made after the first. */
  reconnects?: number;
  /** Frames, events or keys the adapter does not know. */
  unrecognized?: number;
};

/** Name of a configured source. */
export type SourceId = string;

export type SourceItem = (Source & Freshness);

export type SourceState = "connecting" | "connected" | "synced" | "degraded" | "disconnected" | "auth_failed" | "limit_reached" | "replaced" | (string & {});

export type SpecVersion = string;

export type TestDelivery = {
  answer?: string;
  delivered: boolean;
  error?: string;
  event: string;
  latency_ms?: number;
  status?: number;
};

export type Ticket = {
  expires_at: string;
  ticket: string;
};

/** RFC 3339, UTC. */
export type Timestamp = string;

/** A transfer. */
export type Transfer = {
  /** Who left. */
  from?: Party;
  /** How. */
  kind: TransferKind;
  /** The consultation call. */
  related_call?: EntityId;
  /** Who came. */
  to?: Party;
};

export type TransferKind = "blind" | "attended" | "pickup" | "unknown" | (string & {});

export type Transition = string;

/** A line to the outside. */
export type Trunk = {
  /** The address of the far end. */
  address?: string;
  /** Stable over restarts. */
  id: EntityId;
  /** Its name. */
  name?: string;
  /** The PBX's own ids. */
  native?: Native;
  /** Whether it works. */
  state: TrunkState;
  /** +1 for each event of this trunk. */
  version: number;
};

export type TrunkItem = (Trunk & Freshness);

/** A trunk, as named in calls. */
export type TrunkRef = {
  /** The PBX's id. */
  id?: string;
  /** Its name. */
  name?: string;
};

export type TrunkState = "connected" | "disconnected" | "unknown" | (string & {});

/** A person. */
export type User = {
  /** The e-mail address. */
  email?: string;
  /** Enabled by the administrator. */
  enabled?: boolean;
  /** The extensions. */
  extensions?: Array<ExtensionRef>;
  /** Stable over restarts. */
  id: EntityId;
  /** The name. */
  name?: string;
  /** The PBX's own ids. */
  native?: Native;
  /** What the person says about himself, where the PBX keeps it per person. */
  presence?: Presence;
  /** +1 for each event of this user. */
  version: number;
};

export type UserItem = (User & Freshness);

/** A user, by id and name. */
export type UserRef = {
  /** The entity, when it is known. */
  id?: EntityId;
  /** The name. */
  name?: string;
};

/** A variable or switch of the PBX. */
export type Variable = {
  /** Its name. */
  name: string;
  /** What it belongs to. */
  owner?: string;
  /** Whose: `call`, `user`, `system`. */
  scope: string;
  /** Its value. */
  value?: unknown;
};

/** A voicemail message. */
export type Voicemail = {
  /** The box: an extension or number. */
  box: string;
  /** Who left it. */
  caller?: Party;
  /** How many messages the box holds. */
  counters?: VoicemailCounters;
  /** Milliseconds. */
  duration_ms?: number;
  /** Stable over restarts. */
  id: EntityId;
  /** Heard. */
  read?: boolean;
  /** When. */
  received_at?: Timestamp;
  /** Where it can be fetched. */
  uri?: string;
  /** +1 for each event of this message. */
  version: number;
};

/** How many messages a box holds. */
export type VoicemailCounters = {
  /** Not heard. */
  new: number;
  /** Heard. */
  old: number;
};

/** A webhook, as far as its events tell. */
export type Webhook = {
  /** Its id. */
  id: string;
  /** Since when. */
  since: Timestamp;
  /** How it is doing. */
  state: WebhookState;
  /** The host of its URL. */
  url_host: string;
};

export type WebhookEndpoint = {
  created_at: string;
  cursor: string;
  description?: string;
  id: string;
  order: "partition" | "none";
  /** The name of the token that made it. */
  owner: string;
  /** Events that wait to be delivered. */
  pending: number;
  reason?: string;
  retry_for_s?: number;
  since: string;
  state: "enabled" | "failing" | "disabled" | "paused" | (string & {});
  url: string;
};

export type WebhookList = {
  items: Array<WebhookEndpoint>;
};

export type WebhookState = "enabled" | "failing" | "disabled" | "paused" | (string & {});
