// Talks to the site about uploads (crates/site/src/uploads.rs).

import type { Known } from './match';

export interface Title {
  id: string;
  state: string;
  reason: string | null;
  progress: number;
  playable: boolean;
}

export interface Upload extends Known {
  part_bytes: number;
  parts: number;
  received: number;
  name: string;
  description: string;
  visibility: string;
  title: Title | null;
  eta_ms: number | null;
}

export interface Address {
  number: number;
  url: string;
  crc32: string;
}

/** An answer that is no success: the server's words for people, and whether to try again. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }

  /** Whether the same request may succeed later. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || (this.status >= 500 && this.status !== 507);
  }
}

/** How long an answer may take, in ms: a dead connection says nothing by itself. */
const LONGEST = 60_000;

async function ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), LONGEST);
  const given = () => stop.abort();
  signal?.addEventListener('abort', given);
  // What was typed last is saved while the page is being left.
  const init: RequestInit = { method, cache: 'no-store', signal: stop.signal, keepalive: method === 'PATCH' };
  if (body !== undefined) {
    init.headers = { 'content-type': 'application/json' };
    init.body = JSON.stringify(body);
  }
  let answer: Response;
  let said: Record<string, unknown>;
  try {
    signal?.throwIfAborted();
    answer = await fetch(`/api/uploads${path}`, init);
    if (answer.status === 204) return undefined as T;
    const text = await answer.text();
    said = parsed(text);
  } catch {
    signal?.throwIfAborted();
    throw new Refused(0, 'offline', "The server can't be reached.");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', given);
  }
  if (answer.ok) return said as T;
  const words = [said.detail, said.title].find((text) => typeof text === 'string');
  throw new Refused(answer.status, String(said.code ?? ''), String(words ?? 'Something went wrong.'));
}

/** An answer's JSON; a proxy may answer with something else. */
function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

export const list = () => ask<{ items: Upload[] }>('GET', '').then((found) => found.items);
export const begin = (file: object) => ask<Upload>('POST', '', file);
export const one = (id: string, signal?: AbortSignal) =>
  ask<{ upload: Upload | null; have: number[] }>('GET', `/${id}`, undefined, signal);
export const addresses = (id: string, parts: Array<{ number: number; crc32: string }>, signal?: AbortSignal) =>
  ask<{ items: Address[] }>('POST', `/${id}/parts`, { parts }, signal).then((given) => given.items);
export const edit = (id: string, changes: object) => ask<Upload>('PATCH', `/${id}`, changes);
export const complete = (id: string) => ask<void>('POST', `/${id}/complete`, {});
export const discard = (id: string) => ask<void>('DELETE', `/${id}`);
