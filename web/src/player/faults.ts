// What a decoder takes for broken: mended by a fresh start, but not for ever.

/** Faults within a minute that are mended before the viewer hears of them: of those left to us, and of all. */
const MENDS = 2;
export const RESETS = 5;
const MINUTE_MS = 60_000;
/** hls.js mends what it notices within this. */
const NOTICED_MS = 250;

/** Counts the faults of one engine. */
export class Faults {
  #left: number[] = [];
  #resets: number[] = [];

  /** One is left to us: whether a fresh start may mend it. */
  mendable(): boolean {
    this.#left = within(this.#left);
    return this.#left.length <= MENDS;
  }

  /** The video was reset: whether it may continue. Permanently broken media would be fetched for ever. */
  bearable(): boolean {
    this.#resets = within(this.#resets);
    return this.#resets.length <= RESETS;
  }
}

/** The times of the last minute, and now. */
function within(times: number[]): number[] {
  const now = performance.now();
  return [...times.filter((time) => now - time < MINUTE_MS), now];
}

/**
 * Tells of faults that hls.js does not hear of: a decoder may fail on what was loaded long ago, while there is nothing to
 * append.
 */
export function unnoticed(video: HTMLVideoElement, signal: AbortSignal, tell: (detail: string) => void): void {
  const faulted = () => {
    const { error } = video;
    setTimeout(() => {
      if (!signal.aborted && error && video.error === error) tell(`decoder ${error.code} ${error.message}`);
    }, NOTICED_MS);
  };
  video.addEventListener('error', faulted, { signal });
}
