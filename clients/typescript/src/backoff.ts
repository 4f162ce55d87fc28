// When to come back: soon at first, then ever more slowly, and never all clients at once.

export function backoff(attempt: number, retry: { first: number; most: number } | undefined, random: number): number {
  const { first, most } = retry ?? { first: 500, most: 30_000 };
  const wait = Math.min(most, first * 2 ** Math.min(Math.max(attempt - 1, 0), 20));
  return Math.round(wait / 2 + (random * wait) / 2);
}
