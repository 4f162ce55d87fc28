// What views are made of.

import { age, duration, partyParts, time } from "./format.js";
import { h } from "./render.js";
import { stateOf } from "./words.js";

/** A shape of the sprite in `index.html`. */
export function glyph(name, tone = "") {
  return h("svg", { class: `glyph ${tone}`, viewBox: "0 0 16 16", "aria-hidden": "true" }, h("use", { href: `#g-${name}` }));
}

/** A state: its shape, and its word. */
export function badge(word, of, extra) {
  const { glyph: shape, tone, label } = stateOf(word, of);
  return h("span", { class: `badge ${tone}`, "data-state": word, title: extra }, glyph(shape), h("span", null, label));
}

/** Only the shape; the word is there for those who ask. */
export function mark(word, of, text) {
  const { glyph: shape, tone, label } = stateOf(word, of);
  return h("span", { class: `mark ${tone}`, title: `${text ?? ""} ${label}`.trim() }, glyph(shape), text === undefined ? h("span", { class: "unseen" }, label) : h("span", { class: "text" }, text));
}

export function party(who) {
  const { name, number } = partyParts(known(who));
  return h("span", { class: "party", title: `${name} ${number}`.trim() }, h("span", { class: "name" }, name), number === "" ? null : h("span", { class: "number" }, number));
}

let nameOf = () => undefined;

/** How the names of extensions are found that the PBX does not tell along with their numbers. */
export function knowNames(lookup) {
  nameOf = lookup;
}

/** A party, with the name of its extension where it has none of its own. */
export function known(who) {
  if (who === undefined || who.name !== undefined || who.private || who.extension === undefined) return who;
  return { ...who, name: who.user?.name ?? nameOf(who.extension) };
}

/** A link to an entity, by its subject. */
export function link(subject, ...text) {
  return h("a", { href: `#/${subject.split("/").map(encodeURIComponent).join("/")}`, onclick: (event) => event.stopPropagation() }, text);
}

/** How long since a time, ticking; an em dash when there is none. */
export function timer(ms, label) {
  return h("span", { class: "timer", title: label }, Number.isFinite(ms) ? duration(ms) : "–");
}

export function button(text, onclick, props) {
  return h("button", { type: "button", class: "button", onclick, ...props }, text);
}

export function panel(name, title, extra, ...content) {
  return h("section", { key: name, class: `panel ${name}`, "aria-labelledby": `title-${name}` }, h("header", null, h("h2", { id: `title-${name}` }, title), extra), content);
}

/** A number with its name. */
export function figure(name, value, unit, tone = "") {
  return h("div", { key: name, class: `figure ${tone}` }, h("dt", null, name), h("dd", null, value, unit ? h("small", null, ` ${unit}`) : null));
}

/** Bars of numbers; null is not known. `label` says the same in words. */
export function sparkline(series, label) {
  const most = Math.max(4, ...series.map((n) => n ?? 0));
  const [height, width] = [24, 4];
  const bars = series.map((n, index) => {
    const top = n ? Math.max(1.5, (n / most) * height) : 0;
    return top === 0 ? "" : `M${index * width} ${height}v${-top.toFixed(1)}h${width - 1}v${top.toFixed(1)}z`;
  });
  const unknown = series.findLastIndex((n) => n === null) + 1;
  return h(
    "svg",
    { class: "spark", viewBox: `0 0 ${series.length * width} ${height + 1}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    h("path", { class: "known", d: `M${unknown * width} ${height + 0.5}H${series.length * width}` }),
    h("path", { class: "unknown", d: `M0 ${height + 0.5}H${unknown * width}` }),
    h("path", { class: "bars", d: bars.join("") }),
  );
}

/** What was heard of a source in a span of time: a line where everything was, hatched blocks where something may be missing. */
export function timeline(periods, from, to, label) {
  const span = to - from;
  const x = (at) => ((Math.min(Math.max(at, from), to) - from) / span) * 600;
  const blocks = (periods ?? []).map((period) => {
    const [left, right] = [x(Date.parse(period.from)), x(period.open ? to : Date.parse(period.to))];
    if (right <= left && period.state !== "gap") return null;
    const isGap = period.state === "gap";
    const width = Math.max(isGap ? 4 : 0.5, right - left);
    return h("rect", { class: period.state, x: Math.min(left, 600 - width).toFixed(1), width: width.toFixed(1), y: isGap ? 0 : 5, height: isGap ? 12 : 2 });
  });
  return h("svg", { class: "timeline", viewBox: "0 0 600 12", preserveAspectRatio: "none", role: "img", "aria-label": label }, blocks);
}

/** The gaps of a ledger in a span, in words. */
export function gapText(periods, from, to) {
  const gaps = (periods ?? []).filter((period) => period.state === "gap" && (period.open || Date.parse(period.to) > from));
  if (gaps.length === 0) return { gaps, text: begun(periods) };
  const told = gaps.slice(-3).map((gap) => `${time(Date.parse(gap.from))} to ${gap.open ? "now" : time(Date.parse(gap.to))}, ${gap.reason}`);
  const many = gaps.length === 1 ? "1 gap" : `${gaps.length} gaps`;
  return { gaps, text: `${many} in the last hour: ${told.join("; ")}`, lasts: gaps.some((gap) => gap.open), to };
}

function begun(periods) {
  const [first] = periods ?? [];
  if (first === undefined) return "what was heard is not known yet";
  return first.state === "unheard" ? `complete since ${time(Date.parse(first.to))}` : "complete in the last hour";
}

/** `4 s ago`. */
export function ago(ms) {
  const text = age(ms);
  return text === "never" || text === "now" ? text : `${text} ago`;
}

/** A field of a form with its label. */
export function field(label, control) {
  return h("label", { class: "field" }, h("span", null, label), control);
}

/** A list of choices of which one holds. */
export function select(label, value, choices, onchange) {
  return field(
    label,
    h("select", { onchange: (event) => onchange(event.target.value) }, choices.map(([name, text]) => h("option", { key: name, value: name, selected: name === value }, text))),
  );
}

export function search(label, value, oninput, props) {
  return field(label, h("input", { type: "search", value, autocomplete: "off", spellcheck: "false", oninput: (event) => oninput(event.target.value), ...props }));
}

/** JSON as people read it, in colours; nothing but text. */
export function json(value) {
  const text = JSON.stringify(value, null, 2) ?? "";
  const parts = [];
  let at = 0;
  const tokens = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  for (const match of text.matchAll(tokens)) {
    if (match.index > at) parts.push(text.slice(at, match.index));
    const kind = match[1] === undefined ? "value" : match[2] === undefined ? "string" : "member";
    parts.push(h("span", { class: kind }, match[1] ?? match[0]), match[2] ?? "");
    at = match.index + match[0].length;
  }
  parts.push(text.slice(at));
  return h("pre", { class: "json", tabindex: 0 }, h("code", null, parts));
}
