import assert from "node:assert/strict";
import test, { before } from "node:test";
import { h, lazy, render } from "../../crates/server/page/render.js";

/** As much of a document as the renderer uses, and a count of what it did. */
let did = 0;
class Node {
  constructor(name) {
    this.name = name;
    this.childNodes = [];
    this.attributes = {};
    this.style = { setProperty: (key, value) => (this.style[key] = value), removeProperty: (key) => delete this.style[key] };
  }
  get firstChild() {
    return this.childNodes[0] ?? null;
  }
  get nextSibling() {
    const { childNodes } = this.parent;
    return childNodes[childNodes.indexOf(this) + 1] ?? null;
  }
  insertBefore(node, place) {
    did += 1;
    assert.ok(place === null || this.childNodes.includes(place), "the place is a child");
    node.remove();
    const at = place === null ? this.childNodes.length : this.childNodes.indexOf(place);
    this.childNodes.splice(at, 0, node);
    node.parent = this;
  }
  appendChild(node) {
    this.insertBefore(node, null);
  }
  remove() {
    if (this.parent === undefined) return;
    did += 1;
    this.parent.childNodes.splice(this.parent.childNodes.indexOf(this), 1);
    this.parent = undefined;
  }
  replaceWith(node) {
    this.parent.insertBefore(node, this);
    this.remove();
  }
  setAttribute(name, value) {
    did += 1;
    this.attributes[name] = value;
  }
  removeAttribute(name) {
    did += 1;
    delete this.attributes[name];
  }
  get text() {
    return this.data ?? this.childNodes.map((node) => node.text).join("");
  }
}

before(() => {
  globalThis.document = {
    createElement: (name) => new Node(name),
    createElementNS: (_, name) => new Node(name),
    createTextNode: (text) => Object.assign(new Node("#text"), { data: text }),
  };
});

const rows = (...keys) => h("ul", null, keys.map((key) => h("li", { key, class: "row" }, key)));

function count(work) {
  did = 0;
  work();
  return did;
}

test("what is the same is not touched", () => {
  const root = new Node("root");
  render(root, rows("a", "b", "c"));
  assert.equal(count(() => render(root, rows("a", "b", "c"))), 0);
});

test("rows keep their elements when others come and go", () => {
  const root = new Node("root");
  render(root, rows("a", "b", "c", "d"));
  const [list] = root.childNodes;
  const kept = list.childNodes[2];
  // One is gone at the beginning, one is new at the end: one removal, one element with its text and class.
  assert.ok(count(() => render(root, rows("b", "c", "d", "e"))) <= 5);
  assert.equal(list.text, "bcde");
  assert.equal(list.childNodes[1], kept);
  render(root, rows("e", "c", "b"));
  assert.equal(list.text, "ecb");
  assert.equal(list.childNodes[1], kept);
});

test("text stays text, and what is nothing is left out", () => {
  const root = new Node("root");
  render(root, h("p", { title: null, hidden: false }, "<b>", null, false, 0));
  assert.deepEqual(root.childNodes[0].attributes, {});
  assert.equal(root.text, "<b>0");
  assert.equal(root.childNodes[0].childNodes[0].name, "#text");
});

test("a lazy part is made again only for other arguments", () => {
  const root = new Node("root");
  let made = 0;
  const view = (n) => {
    made += 1;
    return h("b", null, n);
  };
  for (const n of [1, 1, 2, 2]) render(root, lazy("part", view, n));
  assert.equal(made, 2);
  assert.equal(root.text, "2");
  const either = (tag) => h(tag, null, tag);
  for (const tag of ["b", "i"]) render(root, lazy("either", either, tag), h("u", { key: "next" }, "u"));
  assert.equal(root.text, "iu");
  render(root, h("i", { key: "part" }, "other"));
  assert.equal(root.text, "other");
});
