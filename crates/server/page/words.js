// Every state has a word, a shape and a tone: who cannot tell the colours apart reads the shape.

/** Shapes are symbols of `index.html`; tones are classes of `base.css`. */
const STATES = {
  // Calls and legs.
  setup: ["dots", "quiet", "Setting up"],
  initiated: ["dots", "quiet", "Initiated"],
  service: ["diamond", "quiet", "In service"],
  queued: ["stack", "warn", "Queued"],
  ringing: ["ring", "info", "Ringing"],
  active: ["disc", "good", "Talking"],
  connected: ["disc", "good", "Connected"],
  held: ["pause", "hold", "On hold"],
  parked: ["square", "hold", "Parked"],
  ended: ["dash", "quiet", "Ended"],
  // Extensions.
  idle: ["hollow", "quiet", "Idle"],
  busy: ["disc", "good", "In a call"],
  // Agents.
  logged_out: ["dash", "quiet", "Logged out"],
  not_ready: ["pause", "hold", "Not ready"],
  ready: ["tick", "good", "Ready"],
  reserved: ["ring", "info", "Offered a call"],
  after_call_work: ["diamond", "warn", "Wrapping up"],
  registered: ["tick", "quiet", "Registered"],
  // Presence.
  available: ["tick", "quiet", "Available"],
  away: ["pause", "hold", "Away"],
  dnd: ["bar", "bad", "Do not disturb"],
  lunch: ["pause", "hold", "Lunch"],
  business_trip: ["pause", "hold", "Business trip"],
  meeting: ["pause", "hold", "Meeting"],
  offline: ["dash", "quiet", "Offline"],
  other: ["hollow", "quiet", "Other"],
  // Callers.
  waiting: ["stack", "warn", "Waiting"],
  callback: ["back", "info", "Callback"],
  vip: ["star", "warn", "VIP"],
  // Webhooks and deliveries.
  enabled: ["tick", "good", "Enabled"],
  failing: ["cross", "bad", "Failing"],
  disabled: ["bar", "bad", "Disabled"],
  paused: ["pause", "hold", "Paused"],
  pending: ["dots", "warn", "Pending"],
  delivered: ["tick", "good", "Delivered"],
  failed: ["cross", "bad", "Failed"],
  expired: ["dash", "quiet", "Expired"],
  unknown: ["hollow", "quiet", "Unknown"],
};

/** Words that say something else of a source. */
const SOURCES = {
  connecting: ["dots", "warn", "Connecting"],
  connected: ["disc", "info", "Taking state"],
  synced: ["tick", "good", "Live"],
  degraded: ["warn", "warn", "Degraded"],
  disconnected: ["cross", "bad", "Disconnected"],
  auth_failed: ["bar", "bad", "Login refused"],
  limit_reached: ["bar", "bad", "Limit reached"],
  replaced: ["bar", "bad", "Replaced"],
};

/** `{glyph, tone, label}` of a state; one that is not known is shown as it is called. */
export function stateOf(word, of) {
  const known = (of === "sources" ? SOURCES[word] : undefined) ?? (of === "agents" && word === "busy" ? STATES.active : undefined) ?? STATES[word];
  if (known === undefined) return { glyph: "hollow", tone: "quiet", label: String(word).replaceAll("_", " ") };
  const [glyph, tone, label] = known;
  return { glyph, tone, label };
}

/** Shape and tone of an event type. */
export function typeOf(type) {
  const [entity, what] = type.split(".");
  if (/^(source\.(gap|disconnected|auth_failed|replaced|limit_reached))$/.test(type) || what === "failing" || what === "disabled" || what === "lost") return { glyph: "cross", tone: "bad" };
  if (/degraded|unrecognized|clock_skew|raised|sla_breached|failed|missed/.test(what)) return { glyph: "warn", tone: "warn" };
  const glyph = { call: "disc", leg: "hollow", queue: "stack", agent: "tick", extension: "square", source: "diamond" }[entity] ?? "diamond";
  const tone = /answered|synced|connected|resumed|recovered/.test(what) ? "good" : /ringing/.test(what) ? "info" : /ended|left|deleted/.test(what) ? "quiet" : "plain";
  return { glyph, tone };
}
