// hls.js's door to the network. All retries of the player are made here, by the rules of retry.ts, so that
// Retry-After is honoured and a refused signature is renewed once; hls.js's own retries are off.

import type { HlsConfig, Loader, LoaderCallbacks, LoaderConfiguration, LoaderContext, LoaderStats } from 'hls.js';
import type { Delay, Listener } from './engine';
import { online, wait } from '../wait';
import type { Ahead } from './ahead';
import { Patience, read } from './patience';
import { type Outcome, next, retryAfter } from './retry';

type Answer = { outcome: Outcome; response: Response | null } | { data: string | ArrayBuffer; response: Response };

/** Makes a loader class that tells `listener` about delays, asks it for renewals, and takes what was fetched ahead. */
export function patientLoader(listener: Pick<Listener, 'delay' | 'renew'>, ahead: () => Ahead | null) {
  return class PatientLoader implements Loader<LoaderContext> {
    context: LoaderContext | null = null;
    stats: LoaderStats = freshStats();
    #callbacks: LoaderCallbacks<LoaderContext> | null = null;
    #stop = new AbortController();
    #response: Response | null = null;

    constructor(_config: HlsConfig) {}

    load(context: LoaderContext, _config: LoaderConfiguration, callbacks: LoaderCallbacks<LoaderContext>): void {
      this.context = context;
      this.#callbacks = callbacks;
      void this.#run(context);
    }

    abort(): void {
      const callbacks = this.#callbacks;
      this.#cancel();
      if (callbacks?.onAbort && this.context) callbacks.onAbort(this.stats, this.context, this.#response);
    }

    destroy(): void {
      this.#cancel();
      this.context = null;
    }

    getCacheAge(): number | null {
      const age = this.#response?.headers.get('age');
      return age ? Number.parseFloat(age) : null;
    }

    getResponseHeader(name: string): string | null {
      return this.#response?.headers.get(name) ?? null;
    }

    #cancel(): void {
      if (!this.stats.loading.end) this.stats.aborted = true;
      this.#callbacks = null;
      this.#stop.abort();
    }

    async #run(context: LoaderContext): Promise<void> {
      const begun = performance.now();
      let renewed = false;
      let late = false;
      const delay = (reason: Delay | null) => {
        if (reason !== null || late) listener.delay(reason);
        late = reason !== null;
      };
      for (let failures = 1; ; failures++) {
        const answer = (failures === 1 && (await this.#fetched(context))) || (await this.#attempt(context));
        if (this.#stop.signal.aborted) return delay(null);
        this.#response = answer.response;
        if ('data' in answer) {
          delay(null);
          return this.#succeeded(context, answer.data, answer.response);
        }
        const elapsed = performance.now() - begun;
        const history = { failures, renewed, elapsed, offline: !navigator.onLine };
        let { outcome } = answer;
        let step = next(outcome, history, Math.random());
        this.stats.retry = failures;
        if (step.do === 'renew') {
          const renewal = await listener.renew();
          renewed = renewal === 'renewed';
          // Without a sent request nothing was refused: wait for the network.
          if (renewal === 'unknown') {
            outcome = { kind: 'network' };
            step = next(outcome, history, Math.random());
          }
        }
        if (step.do === 'online') {
          delay('offline');
          await online(this.#stop.signal);
          failures = 0;
        } else if (step.do === 'wait') {
          delay(navigator.onLine ? step.reason : 'offline');
          await wait(step.ms, this.#stop.signal);
        } else if (!renewed || step.do === 'fail') {
          delay(null);
          return this.#failed(context, outcome);
        }
        if (this.#stop.signal.aborted) return delay(null);
      }
    }

    async #fetched(context: LoaderContext): Promise<Answer | null> {
      const found = context.rangeEnd ? null : await ahead()?.take(context.url);
      if (!found) return null;
      Object.assign(this.stats.loading, { start: found.start, first: found.first, end: found.end });
      this.stats.loaded = found.data.byteLength;
      const data = context.responseType === 'arraybuffer' ? found.data : new TextDecoder().decode(found.data);
      return { data, response: found.response };
    }

    async #attempt(context: LoaderContext): Promise<Answer> {
      const { stats } = this;
      // Time spent waiting to be let in says nothing about the network's speed.
      Object.assign(stats.loading, { start: performance.now(), first: 0, end: 0 });
      stats.loaded = stats.total = 0;
      const patience = new Patience(this.#stop.signal);
      let response: Response | null = null;
      try {
        const headers = new Headers(context.headers);
        if (context.rangeEnd) headers.set('range', `bytes=${context.rangeStart ?? 0}-${context.rangeEnd - 1}`);
        response = await fetch(context.url, { headers, signal: patience.signal, credentials: 'same-origin' });
        stats.loading.first = Math.max(performance.now(), stats.loading.start);
        patience.heard();
        if (!response.ok) {
          const after = retryAfter(response.headers.get('retry-after'), Date.now());
          return { outcome: { kind: 'status', status: response.status, retryAfter: after }, response };
        }
        stats.total = Number(response.headers.get('content-length') ?? 0);
        const bytes = await read(response, (length) => {
          stats.loaded += length;
          patience.heard();
        });
        const data = context.responseType === 'arraybuffer' ? bytes : new TextDecoder().decode(bytes);
        return { data, response };
      } catch {
        return { outcome: { kind: patience.exhausted ? 'timeout' : 'network' }, response };
      } finally {
        patience.done();
      }
    }

    #succeeded(context: LoaderContext, data: string | ArrayBuffer, response: Response): void {
      const { stats } = this;
      stats.loading.end ||= Math.max(performance.now(), stats.loading.first);
      stats.total = stats.loaded;
      stats.bwEstimate = (stats.total * 8000) / Math.max(1, stats.loading.end - stats.loading.first);
      this.#callbacks?.onProgress?.(stats, context, data, response);
      this.#callbacks?.onSuccess({ url: response.url || context.url, data, code: response.status }, stats, context, response);
    }

    #failed(context: LoaderContext, outcome: Outcome): void {
      if (outcome.kind === 'timeout') return this.#callbacks?.onTimeout(this.stats, context, this.#response);
      const code = outcome.kind === 'status' ? outcome.status : 0;
      const id = this.#response?.headers.get('x-request-id') ?? '';
      this.#callbacks?.onError({ code, text: id }, context, this.#response, this.stats);
    }
  };
}

function freshStats(): LoaderStats {
  return {
    aborted: false,
    loaded: 0,
    retry: 0,
    total: 0,
    chunkCount: 0,
    bwEstimate: 0,
    loading: { start: 0, first: 0, end: 0 },
    parsing: { start: 0, end: 0 },
    buffering: { start: 0, first: 0, end: 0 },
  };
}
