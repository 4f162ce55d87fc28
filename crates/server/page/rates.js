// How many events each source tells, second by second, and when it last told one.

/** Seconds that are remembered. */
export const SPAN = 300;

export class Rates {
  constructor() {
    this.sources = new Map();
    /** Before this second (since 1970) nothing is known. */
    this.since = Infinity;
  }

  /** An event that the gateway received at a time, milliseconds. */
  count(source, at) {
    const second = Math.floor(at / 1000);
    this.since = Math.min(this.since, second);
    let pulse = this.sources.get(source);
    if (pulse === undefined) this.sources.set(source, (pulse = { last: 0, ring: new Uint32Array(SPAN), newest: second }));
    if (at > pulse.last) pulse.last = at;
    if (second > pulse.newest) {
      for (let gone = Math.max(pulse.newest + 1, second - SPAN + 1); gone <= second; gone += 1) pulse.ring[gone % SPAN] = 0;
      pulse.newest = second;
    }
    if (second > pulse.newest - SPAN) pulse.ring[second % SPAN] += 1;
  }

  /** When a source last told something, milliseconds; undefined when it never did. */
  last(source) {
    return this.sources.get(source)?.last;
  }

  /** Events a second over the last `seconds` whole ones before `now` (milliseconds). */
  rate(source, now, seconds = 10) {
    return this.sum(source, Math.floor(now / 1000) - seconds, seconds) / seconds;
  }

  /** Sums of `width` seconds each, the oldest first, up to `now`; null where nothing is known. Steps stand still while they fill. */
  series(source, now, bars = 60, width = 5) {
    const end = (Math.floor(now / 1000 / width) + 1) * width;
    return Array.from({ length: bars }, (_, index) => {
      const from = end - (bars - index) * width;
      return from + width <= this.since ? null : this.sum(source, from, width);
    });
  }

  sum(source, from, seconds) {
    const pulse = this.sources.get(source);
    if (pulse === undefined) return 0;
    let sum = 0;
    for (let second = from; second < from + seconds; second += 1) {
      if (second <= pulse.newest && second > pulse.newest - SPAN) sum += pulse.ring[second % SPAN];
    }
    return sum;
  }
}
