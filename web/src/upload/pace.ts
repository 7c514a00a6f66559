// How fast it goes, and how long that will take.

interface Sample {
  at: number;
  bytes: number;
}

/** The time that a speed is taken over, in ms. */
const WINDOW = 8000;
/** Less says nothing yet. */
const LEAST = 1500;

/** Measures a speed from how far a transfer is at moments. */
export class Pace {
  private samples: Sample[] = [];

  /** Says that `bytes` have been sent altogether. A lower figure than before is a new beginning. */
  add(at: number, bytes: number): void {
    const last = this.samples.at(-1);
    if (last && bytes < last.bytes) this.samples = [];
    this.samples.push({ at, bytes });
    // One sample older than the window stays: the window is filled then.
    while (this.samples.length > 2 && at - (this.samples[1] as Sample).at >= WINDOW) this.samples.shift();
  }

  /** Forgets what was: after a pause. */
  clear(): void {
    this.samples = [];
  }

  /** Bytes a second; nothing until that can be told. */
  speed(now: number): number | null {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (!first || !last || now - first.at < LEAST) return null;
    return ((last.bytes - first.bytes) * 1000) / (now - first.at);
  }

  /** Milliseconds until `left` more bytes are sent. */
  eta(now: number, left: number): number | null {
    const speed = this.speed(now);
    return speed && speed > 0 ? (left * 1000) / speed : null;
  }
}

/** `212.9 MB`, `1.5 GB`, as the server writes it (`ByteSize` in crates/model/src/units.rs). */
export function size(bytes: number): string {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1000)} kB`;
  const units: Array<[string, number]> = [['TB', 1e12], ['GB', 1e9]];
  const [word, one] = units.find(([, one]) => bytes >= one) ?? ['MB', 1e6];
  return `${(Math.round((bytes * 10) / one) / 10).toFixed(1)} ${word}`;
}

/** `12 s`, `3 min`, `2 h`. */
export function span(ms: number): string {
  const s = Math.max(1, Math.round(ms / 1000));
  if (s < 90) return `${s} s`;
  return s < 5400 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`;
}
