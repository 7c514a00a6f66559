// How a file is cut into parts. The server decides the length of a part (crates/upload/src/cut.rs); this finds the
// bytes of each, and what is still to be sent.

export interface Range {
  start: number;
  end: number;
}

/** The bytes of part `number` (from 1) of a file of `size` bytes. */
export function range(size: number, partBytes: number, number: number): Range {
  const start = (number - 1) * partBytes;
  return { start, end: Math.min(size, start + partBytes) };
}

/** How many parts a file has. */
export function count(size: number, partBytes: number): number {
  return Math.ceil(size / partBytes);
}

/** The parts that are not there yet, ascending. */
export function missing(size: number, partBytes: number, have: Iterable<number>): number[] {
  const there = new Set(have);
  const parts = Array.from({ length: count(size, partBytes) }, (_, n) => n + 1);
  return parts.filter((n) => !there.has(n));
}

/** How many bytes the given parts have. */
export function bytesOf(size: number, partBytes: number, parts: Iterable<number>): number {
  let sum = 0;
  for (const n of parts) {
    const { start, end } = range(size, partBytes, n);
    sum += end - start;
  }
  return sum;
}
