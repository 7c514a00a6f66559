// When a media request is tried again. Pure: the one owner of the player's network retries.

import { backoff } from '../wait';

/** What came of one attempt. */
export type Outcome =
  | { kind: 'status'; status: number; retryAfter: number | null }
  | { kind: 'network' }
  | { kind: 'timeout' };

/** What to do next; `online`: wait until there is a network. `reason` tells the viewer why it takes longer. */
export type Next =
  | { do: 'wait'; ms: number; reason: 'preparing' | 'network' | 'server' }
  | { do: 'renew' }
  | { do: 'online' }
  | { do: 'fail' };

/** What happened so far to one request. */
export interface History {
  /** Attempts that ended badly, this one included. */
  failures: number;
  /** Whether the signature was renewed for it already. */
  renewed: boolean;
  /** Milliseconds since the first attempt. */
  elapsed: number;
  /** Whether the browser knows that there is no network: attempts tell nothing then. */
  offline: boolean;
}

/** Attempts in all when the server gives no time to come back. */
export const ATTEMPTS = 6;
/** Longest time that a server's `Retry-After` is honoured, in ms: chunks that are still being encoded. */
export const PATIENCE_MS = 10 * 60_000;
const LONGEST_WAIT_MS = 30_000;

/** Decides about the next attempt. `random` is in [0, 1). */
export function next(outcome: Outcome, history: History, random: number): Next {
  if (outcome.kind === 'status') {
    const { status, retryAfter } = outcome;
    if (status === 403) return history.renewed ? { do: 'fail' } : { do: 'renew' };
    const asked = retryAfter !== null && (status === 503 || status === 429);
    if (asked) {
      if (history.elapsed > PATIENCE_MS) return { do: 'fail' };
      // A little later than asked, so that viewers who wait for the same chunk do not come back at once.
      const ms = Math.min(retryAfter * 1000, LONGEST_WAIT_MS) + Math.floor(random * 250);
      return { do: 'wait', ms, reason: status === 503 ? 'preparing' : 'server' };
    }
    const passing = status >= 500 || status === 408 || status === 429;
    if (!passing) return { do: 'fail' };
  }
  if (outcome.kind !== 'status' && history.offline) return { do: 'online' };
  if (history.failures >= ATTEMPTS) return { do: 'fail' };
  const ms = Math.floor(backoff(history.failures - 1, 500, 8000, random));
  return { do: 'wait', ms, reason: outcome.kind === 'status' ? 'server' : 'network' };
}

/** Seconds of a `Retry-After` header, given as seconds or as a date. */
export function retryAfter(value: string | null, now: number): number | null {
  if (value === null || value.trim() === '') return null;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, Math.ceil((date - now) / 1000));
}
