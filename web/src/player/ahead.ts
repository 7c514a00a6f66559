// Fetches what playback begins with – playlists, init and first segments – while the engine itself is still being
// loaded. What was fetched is handed to the engine's loader once; whatever fails here is simply fetched there again.

import { Patience, read } from './patience';

/** Something that was fetched, with its times for the engine's estimate of the network. */
export interface Fetched {
  response: Response;
  data: ArrayBuffer;
  start: number;
  first: number;
  end: number;
}

/** What playback begins with. */
export interface Beginning {
  /** Address of the media playlist of the first picture. */
  variant: string;
  /** Address of the media playlist of the default sound, if it has one of its own. */
  audio: string | null;
}

export class Ahead {
  /** The variant that the engine should begin with; `null` when there is no saying. */
  readonly beginning: Promise<Beginning | null>;
  #fetched = new Map<string, Promise<Fetched | null>>();
  #stop = new AbortController();

  /** Begins at once. `estimate` is the expected network in bit/s, `pixels` the height of the player's picture. */
  constructor(manifest: string, estimate: number, pixels: number) {
    this.beginning = this.#begin(new URL(manifest, location.href).href, estimate, pixels).catch(() => null);
  }

  /** Hands over what was fetched from an address, once. */
  take(url: string): Promise<Fetched | null> | null {
    const found = this.#fetched.get(url) ?? null;
    this.#fetched.delete(url);
    return found;
  }

  /** Ends what is still under way. */
  stop(): void {
    this.#stop.abort();
    this.#fetched.clear();
  }

  async #begin(manifest: string, estimate: number, pixels: number): Promise<Beginning | null> {
    const text = await this.#text(manifest);
    const found = text === null ? null : choose(text, manifest, estimate, pixels);
    if (!found) return null;
    for (const playlist of [found.variant, found.audio]) {
      if (playlist) void this.#head(playlist).catch(() => {});
    }
    return found;
  }

  async #head(playlist: string): Promise<void> {
    const text = await this.#text(playlist);
    if (text !== null) for (const url of head(text, playlist)) void this.#get(url);
  }

  async #text(url: string): Promise<string | null> {
    const got = await this.#get(url);
    return got ? new TextDecoder().decode(got.data) : null;
  }

  #get(url: string): Promise<Fetched | null> {
    const run = async (): Promise<Fetched | null> => {
      const start = performance.now();
      const patience = new Patience(this.#stop.signal);
      try {
        const response = await fetch(url, { credentials: 'same-origin', signal: patience.signal });
        const first = performance.now();
        patience.heard();
        if (!response.ok) return null;
        const data = await read(response, () => patience.heard());
        return { response, data, start, first, end: performance.now() };
      } catch {
        return null;
      } finally {
        patience.done();
      }
    };
    const fetched = run();
    this.#fetched.set(url, fetched);
    return fetched;
  }
}

/** Attributes of a playlist line (RFC 8216 §4.2). */
function attributes(line: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name, quoted, plain] of line.matchAll(/([A-Z0-9-]+)=(?:"([^"]*)"|([^",]*))/g)) {
    found.set(name!, quoted ?? plain ?? '');
  }
  return found;
}

/** Chooses the best variant of a multivariant playlist that the network and the picture's size allow. Pure. */
export function choose(text: string, base: string, estimate: number, pixels: number): Beginning | null {
  const lines = text.split(/\r?\n/);
  const variants: Array<{ rate: number; height: number; group: string; uri: string }> = [];
  const sounds = new Map<string, string>();
  lines.forEach((line, n) => {
    const of = attributes(line);
    if (line.startsWith('#EXT-X-STREAM-INF:')) {
      const height = Number(of.get('RESOLUTION')?.split('x')[1] ?? 0);
      const uri = lines[n + 1]?.trim() ?? '';
      variants.push({ rate: Number(of.get('BANDWIDTH') ?? 0), height, group: of.get('AUDIO') ?? '', uri });
    }
    const group = of.get('GROUP-ID') ?? '';
    const usual = of.get('DEFAULT') === 'YES' || !sounds.has(group);
    if (line.startsWith('#EXT-X-MEDIA:') && of.get('TYPE') === 'AUDIO' && of.has('URI') && usual) {
      sounds.set(group, of.get('URI')!);
    }
  });
  variants.sort((a, b) => a.rate - b.rate);
  const enough = variants.find((v) => v.height >= pixels)?.height ?? Infinity;
  const able = variants.filter((v) => v.rate <= estimate * 0.8 && v.height <= enough);
  const chosen = able.at(-1) ?? variants[0];
  if (!chosen?.uri || chosen.uri.startsWith('#')) return null;
  const sound = sounds.get(chosen.group);
  const full = (uri: string) => new URL(uri, base).href;
  return { variant: full(chosen.uri), audio: sound ? full(sound) : null };
}

/** The init segment and the first segment of a media playlist; nothing where byte ranges are used. Pure. */
export function head(text: string, base: string): string[] {
  if (text.includes('#EXT-X-BYTERANGE') || text.includes('BYTERANGE=')) return [];
  const lines = text.split(/\r?\n/);
  const map = lines.find((line) => line.startsWith('#EXT-X-MAP:'));
  const first = lines.find((line) => line.trim() !== '' && !line.startsWith('#'));
  const uris = [map ? attributes(map).get('URI') : undefined, first?.trim()];
  return uris.filter((uri) => uri !== undefined).map((uri) => new URL(uri, base).href);
}
