// Waiting longer and longer, for a time that may end early.

/** How often it is looked whether there is a network, in ms, where no event tells. */
const LOOK = 5000;

/** Waits so long; ends early when the network comes back or it is given up. */
export function wait(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener('online', done);
      stop.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener('online', done);
    stop.addEventListener('abort', done);
    if (stop.aborted) done();
  });
}

/** Waits for the network, as far as the browser knows of it; ends early when it is given up. */
export async function online(stop: AbortSignal): Promise<void> {
  while (!navigator.onLine && !stop.aborted) await wait(LOOK, stop);
}

/** How long to wait before trying again, in ms: doubling from `first` to `most`, and never all at once. */
export function backoff(tries: number, first = 1000, most = 30_000, random = Math.random()): number {
  return Math.min(most, first * 2 ** tries) * (0.5 + random / 2);
}

/** What comes in so many ms; rejects with what `late` makes where nothing does. */
export function within<T>(ms: number, what: Promise<T>, late: () => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), ms);
    void what.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
