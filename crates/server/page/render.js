// A page as a function of what is known: views make trees of plain objects, and `render` changes the document where they differ.
// Text only ever becomes text. Whatever a PBX says, it cannot become markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element. `key` keeps its place among its siblings; what is null or false is left out. */
export function h(tag, props, ...children) {
  return { tag, props: props ?? {}, key: props?.key, children: flat(children, []) };
}

/** What `view(...args)` makes, made again only when an argument is another one. */
export function lazy(key, view, ...args) {
  return { lazy: view, args, key };
}

/** Makes the children of `root` those of a tree. */
export function render(root, ...children) {
  const tree = flat(children, []);
  reconcile(root, root.rendered ?? [], tree, false);
  root.rendered = tree;
}

function flat(children, into) {
  for (const child of children) {
    if (Array.isArray(child)) flat(child, into);
    else if (child !== null && child !== undefined && child !== false && child !== true) {
      into.push(typeof child === "object" ? child : { text: String(child) });
    }
  }
  return into;
}

function reconcile(parent, before, after, inSvg) {
  const keyed = new Map();
  const plain = [];
  for (const old of before) {
    if (old.key === undefined) plain.push(old);
    else keyed.set(old.key, old);
  }
  let next = 0;
  const kept = new Set();
  const partners = after.map((vnode) => {
    let old;
    if (vnode.key !== undefined) old = keyed.get(vnode.key);
    else if (next < plain.length) old = plain[next++];
    if (old === undefined || kept.has(old) || !isAlike(old, vnode)) return undefined;
    kept.add(old);
    return old;
  });
  // First what is gone, so that what stays need not move.
  for (const old of before) if (!kept.has(old)) nodeOf(old).remove();
  let place = parent.firstChild;
  after.forEach((vnode, index) => {
    const old = partners[index];
    const was = old === undefined ? undefined : nodeOf(old);
    const node = old === undefined ? create(vnode, inSvg) : update(old, vnode, inSvg);
    // A lazy part may have become another element, in the same place.
    if (was !== undefined && was === place) place = node;
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  });
}

function isAlike(old, vnode) {
  return old.tag === vnode.tag && (old.lazy === undefined) === (vnode.lazy === undefined) && (old.lazy === undefined || old.lazy === vnode.lazy);
}

function nodeOf(vnode) {
  return vnode.lazy === undefined ? vnode.node : nodeOf(vnode.made);
}

function create(vnode, inSvg) {
  if (vnode.lazy !== undefined) {
    vnode.made = vnode.lazy(...vnode.args);
    return create(vnode.made, inSvg);
  }
  if (vnode.tag === undefined) {
    vnode.node = document.createTextNode(vnode.text);
    return vnode.node;
  }
  const svg = inSvg || vnode.tag === "svg";
  const node = svg ? document.createElementNS(SVG, vnode.tag) : document.createElement(vnode.tag);
  vnode.node = node;
  for (const child of vnode.children) node.appendChild(create(child, svg));
  for (const name in vnode.props) assign(node, name, undefined, vnode.props[name]);
  vnode.props.ref?.(node);
  return node;
}

function update(old, vnode, inSvg) {
  if (vnode.lazy !== undefined) {
    if (isSame(old.args, vnode.args)) {
      vnode.made = old.made;
      return nodeOf(vnode.made);
    }
    const made = vnode.lazy(...vnode.args);
    vnode.made = made;
    if (isAlike(old.made, made)) return update(old.made, made, inSvg);
    const node = create(made, inSvg);
    nodeOf(old.made).replaceWith(node);
    return node;
  }
  const { node } = old;
  vnode.node = node;
  if (vnode.tag === undefined) {
    if (old.text !== vnode.text) node.data = vnode.text;
    return node;
  }
  reconcile(node, old.children, vnode.children, inSvg || vnode.tag === "svg");
  for (const name in old.props) if (!(name in vnode.props)) assign(node, name, old.props[name], undefined);
  for (const name in vnode.props) assign(node, name, old.props[name], vnode.props[name]);
  return node;
}

function isSame(left, right) {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}

function assign(node, name, old, value) {
  if (name === "key" || name === "ref") return;
  if (name === "value" || name === "checked") {
    // What somebody is typing is not disturbed.
    if (node[name] !== value) node[name] = value ?? "";
  } else if (name === "style") {
    for (const property in old ?? {}) if (!(property in (value ?? {}))) node.style.removeProperty(property);
    for (const property in value ?? {}) if (old?.[property] !== value[property]) node.style.setProperty(property, value[property]);
  } else if (name.startsWith("on")) {
    node[name] = value ?? null;
  } else if (old !== value) {
    if (value === undefined || value === null || value === false) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : value);
  }
}
