export { connect, StreamError } from "./stream.js";
export type { Filter, Handlers, Options, Status, Stream } from "./stream.js";
export { Store } from "./store.js";
export type { Change, Collection } from "./store.js";
export type * from "./types.js";
