// A list of any length of which only what can be seen is in the document. To a screen reader and to the keyboard it is a grid
// with all of its rows: the grid keeps the focus, and the active row is the one that the arrow keys move.

import { h } from "./render.js";

/** Rows beyond the edges, so that scrolling shows no holes. */
const MORE = 6;

export class List {
  /** `id` is that of the element; `changed` asks for another rendering. */
  constructor(id, changed) {
    this.id = id;
    this.changed = changed;
    this.top = 0;
    this.height = 600;
    this.active = undefined;
    this.node = undefined;
    this.keys = [];
  }

  /**
   * The list. `columns` are `{name, label, title?, sort?, onsort?}`, `items` anything with a key, `row(item)` the cells of one.
   */
  view({ label, columns, items, keyOf, row, rowHeight, onopen, empty, rowClass }) {
    this.keys = items;
    this.keyOf = keyOf;
    this.rowHeight = rowHeight;
    this.onopen = onopen;
    const first = Math.max(0, Math.floor(this.top / rowHeight) - MORE);
    const last = Math.min(items.length, Math.ceil((this.top + this.height) / rowHeight) + MORE);
    const shown = [];
    let activeId;
    for (let index = first; index < last; index += 1) {
      const item = items[index];
      const key = keyOf(item);
      const isActive = key === this.active;
      if (isActive) activeId = this.rowId(key);
      shown.push(
        h(
          "div",
          {
            key,
            id: this.rowId(key),
            role: "row",
            class: `row ${isActive ? "chosen " : ""}${rowClass?.(item) ?? ""}`,
            "aria-rowindex": index + 2,
            "aria-selected": isActive ? "true" : undefined,
            style: { transform: `translateY(${index * rowHeight}px)` },
            onclick: () => this.open(key),
          },
          row(item),
        ),
      );
    }
    return h(
      "div",
      {
        key: this.id,
        id: this.id,
        class: "list",
        role: "grid",
        tabindex: 0,
        "aria-label": label,
        "aria-rowcount": items.length + 1,
        "aria-activedescendant": activeId,
        ref: (node) => this.attach(node),
        onscroll: () => this.scrolled(),
        onkeydown: (event) => this.key(event),
        onfocus: () => this.focused(),
      },
      h("div", { class: "row head", role: "row", "aria-rowindex": 1 }, columns.map((column) => this.head(column))),
      items.length === 0
        ? h("div", { class: "empty", role: "row" }, h("div", { role: "gridcell" }, empty))
        : h("div", { class: "rows", role: "rowgroup", style: { height: `${items.length * rowHeight}px` } }, shown),
    );
  }

  head({ name, label, sort, onsort }) {
    const sorted = { "aria-sort": onsort ? (sort ?? "none") : undefined };
    return h(
      "div",
      { class: `cell ${name}`, role: "columnheader", ...sorted },
      onsort ? h("button", { type: "button", class: "sort", onclick: onsort }, label, h("span", { "aria-hidden": "true" }, sort ? (sort === "ascending" ? " ↑" : " ↓") : "")) : label,
    );
  }

  rowId(key) {
    return `${this.id}-${key}`;
  }

  attach(node) {
    this.node = node;
    this.height = node.clientHeight || this.height;
    this.top = 0;
    new ResizeObserver(() => {
      if (node.clientHeight > 0 && node.clientHeight !== this.height) {
        this.height = node.clientHeight;
        this.changed();
      }
    }).observe(node);
  }

  scrolled() {
    this.top = this.node.scrollTop;
    this.changed();
  }

  toTop() {
    this.top = 0;
    if (this.node) this.node.scrollTop = 0;
  }

  focused() {
    if (this.index() < 0 && this.keys.length > 0) this.activate(Math.floor(this.top / this.rowHeight));
  }

  index() {
    return this.active === undefined ? -1 : this.keys.findIndex((item) => this.keyOf(item) === this.active);
  }

  activate(index) {
    const bounded = Math.max(0, Math.min(this.keys.length - 1, index));
    if (this.keys.length === 0) return;
    this.active = this.keyOf(this.keys[bounded]);
    const head = this.node.querySelector(".head")?.offsetHeight ?? 0;
    const [top, bottom] = [bounded * this.rowHeight, (bounded + 1) * this.rowHeight];
    if (top < this.node.scrollTop) this.node.scrollTop = top;
    else if (bottom > this.node.scrollTop + this.node.clientHeight - head) this.node.scrollTop = bottom - this.node.clientHeight + head;
    this.top = this.node.scrollTop;
    this.changed();
  }

  open(key) {
    this.active = key;
    this.onopen?.(key);
    this.changed();
  }

  key(event) {
    if (event.target !== this.node || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.height / this.rowHeight) - 2);
    const index = this.index();
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + page, PageUp: index - page, Home: 0, End: this.keys.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      this.activate(to);
    } else if ((event.key === "Enter" || event.key === " ") && index >= 0) {
      event.preventDefault();
      this.open(this.active);
    }
  }
}
