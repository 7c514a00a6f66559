// A playback session: permission to watch one title, as cookies that the edge checks. Asked for at the start, renewed
// by a heartbeat before they expire, given back at the end.

import type { Renewal } from './engine';
import { type Failure, failure, isFailure } from './failure';

/** What `POST /api/playback` answers. */
interface Grant {
  /** The playback session's id. */
  session: string;
  /** Path of the multivariant playlist. */
  manifest: string;
  /** Seconds between heartbeats. */
  heartbeat_s: number;
  /** Seconds until the cookies expire. */
  expires_in_s: number;
}

/** RFC 9457 problem details, as every API error comes. */
interface Problem {
  detail?: string;
  code?: string;
  request_id?: string;
}

/** Cookies younger than this are not the reason for a refusal that was under way: trying again is enough. */
const FRESH_MS = 5000;
/** A place so far from the one that was told last is worth telling, in s. */
const MOVED_S = 1;
/** Longest time that a whole answer may take, in ms. */
const ANSWER_MS = 15_000;

export class Session {
  readonly id: string;
  readonly manifest: string;
  /** Called when a heartbeat says that this session has ended. A new one may be given all the same: `again`. */
  onended: (failure: Failure, again: boolean) => void = () => {};
  /** The viewer's position in s, `null` while it is unknown: sent with every heartbeat, so that they can resume elsewhere. */
  position: () => number | null = () => null;

  #heartbeatMs: number;
  #expires: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renewing: Promise<Renewal> | null = null;
  #renewed = -Infinity;
  /** The place of the last beat, in s. */
  #told = -Infinity;
  #active = false;
  #over = false;

  private constructor(grant: Grant) {
    this.id = grant.session;
    this.manifest = grant.manifest;
    this.#heartbeatMs = Math.max(1, grant.heartbeat_s) * 1000;
    this.#expires = performance.now() + grant.expires_in_s * 1000;
  }

  /** Asks for permission. Rejects with a [`Failure`]. */
  static async start(title: string): Promise<Session> {
    try {
      const answer = await post('/api/playback', { title });
      if (!answer.ok) throw await refusal(answer);
      return new Session((await answer.json()) as Grant);
    } catch (problem) {
      // No answer, or not all of one, or not Kinora's.
      throw isFailure(problem) ? problem : failure('network', String(problem));
    }
  }

  /** Says whether the viewer is watching: only then the heart beats. */
  set active(active: boolean) {
    if (active === this.#active || this.#over) return;
    this.#active = active;
    clearTimeout(this.#timer);
    // After a pause the cookies may be about to expire: renew them before the player finds out.
    const soon = this.#expires - performance.now() < 2 * this.#heartbeatMs;
    if (active) this.#schedule(soon ? 0 : this.#heartbeatMs);
    // A viewer who pauses may continue on another device, from here.
    else if (Math.abs((this.position() ?? this.#told) - this.#told) > MOVED_S) void this.#share();
  }

  /** Renews the cookies. Many callers share one request. */
  renew(): Promise<Renewal> {
    const fresh = !this.#renewing && performance.now() - this.#renewed < FRESH_MS;
    return fresh ? Promise.resolve('renewed') : this.#share();
  }

  #share(): Promise<Renewal> {
    this.#renewing ??= this.#beat().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  /** Gives the session back; also while the page is being left. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    void post(`/api/playback/${this.id}/end`, this.#place(), true).catch(() => {});
  }

  #place(): { position_ms?: number } {
    const at = this.position();
    if (at === null) return {};
    this.#told = at;
    return { position_ms: Math.round(at * 1000) };
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#over || !this.#active) return;
    this.#timer = setTimeout(() => {
      void this.renew().then(() => this.#schedule(this.#heartbeatMs));
    }, ms);
  }

  async #beat(): Promise<Renewal> {
    let answer: Response;
    let grant: { expires_in_s: number } | null = null;
    try {
      answer = await post(`/api/playback/${this.id}/heartbeat`, this.#place());
      if (answer.ok) grant = (await answer.json()) as { expires_in_s: number };
    } catch {
      return 'unknown'; // offline: the next beat, or the next refused segment, tries again
    }
    // After it was given back, its end is not reported.
    if (this.#over) return 'refused';
    if (grant) {
      this.#expires = performance.now() + grant.expires_in_s * 1000;
      this.#renewed = performance.now();
      return 'renewed';
    }
    if (answer.status >= 500 || answer.status === 429) return 'unknown';
    this.#over = true;
    // Of a guest's playback that is forgotten nobody knows any more whose it was: a new start says whether to sign in.
    this.onended(await refusal(answer), answer.status === 410 || answer.status === 401);
    return 'refused';
  }
}

/** Whether the server answers at all. */
export async function reachable(): Promise<boolean> {
  try {
    await fetch('/favicon.svg', { method: 'HEAD', cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) });
    return true;
  } catch {
    return false;
  }
}

/** Sends a failure to the server's log; the answer is the id to quote, `null` when it could not be sent. */
export async function report(title: string, session: string | null, found: Failure): Promise<string | null> {
  try {
    const { kind, detail } = found;
    const body = { title, session, kind, detail: detail.slice(0, 500) };
    const answer = await post('/api/playback/report', body);
    return answer.ok ? ((await answer.json()) as { report: string }).report : null;
  } catch {
    return null;
  }
}

/** The answer's body, too, comes in time or not at all. */
function post(path: string, body: unknown, keepalive = false): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  const signal = AbortSignal.timeout(ANSWER_MS);
  return fetch(path, { method: 'POST', headers, body: JSON.stringify(body), keepalive, cache: 'no-store', signal });
}

async function refusal(answer: Response): Promise<Failure> {
  const problem = (await answer.json().catch(() => ({}))) as Problem;
  const detail = `${answer.status} ${problem.code ?? ''} ${problem.request_id ?? ''}`.trim();
  if (answer.status === 401) {
    return failure('session', detail, { title: 'You are signed out.', advice: 'Sign in to continue.', signIn: true });
  }
  if (answer.status >= 500 || !problem.detail) return failure('session', detail);
  return failure('session', detail, { title: problem.detail, advice: 'Go back to Home, or try again.' });
}
