// Thumbnails for the scrub bar: a WebVTT file whose cues name pieces of sprites, `storyboard/0.jpg#xywh=160,90,160,90`.

/** A piece of a sprite. */
export interface Tile {
  /** In s: shown from here until the next one starts. */
  start: number;
  url: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Reads a storyboard; cues that are not understood are left out. Pure. */
export function parse(text: string, base: string): Tile[] {
  const tiles: Tile[] = [];
  const cue = /^(?:(\d+):)?(\d\d):(\d\d\.\d{3}) --> .*\n(\S+?)#xywh=(\d+),(\d+),(\d+),(\d+)$/gm;
  for (const [, hours = '0', minutes, seconds, file, x, y, width, height] of text.replaceAll('\r', '').matchAll(cue)) {
    const start = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
    const url = new URL(file!, base).href;
    tiles.push({ start, url, x: Number(x), y: Number(y), width: Number(width), height: Number(height) });
  }
  return tiles.sort((a, b) => a.start - b.start);
}

/** The tile of a time in s; `null` where there is none. Pure. */
export function tileAt(tiles: Tile[], time: number): Tile | null {
  let [low, high] = [0, tiles.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tiles[middle]!.start <= time) low = middle + 1;
    else high = middle;
  }
  return tiles[low - 1] ?? null;
}

/** How long after one attempt to fetch it the next may begin: so long the first may take. */
const AGAIN_MS = 15_000;

/** Fetched when somebody first points at the bar: most viewers never do. */
export class Storyboard {
  #address: string;
  #tiles: Tile[] | null = null;
  #again = 0;

  /** `manifest` is the address of the playlist that it lies beside. */
  constructor(manifest: string) {
    this.#address = new URL('storyboard.vtt', new URL(manifest, location.href)).href;
  }

  /** The tile of a time, if it is there already. */
  at(time: number): Tile | null {
    if (!this.#tiles) void this.#load();
    return tileAt(this.#tiles ?? [], time);
  }

  async #load(): Promise<void> {
    const now = performance.now();
    if (now < this.#again) return;
    // A title has its storyboard some time after its first frames.
    this.#again = now + AGAIN_MS;
    try {
      const answer = await fetch(this.#address, { signal: AbortSignal.timeout(AGAIN_MS) });
      if (answer.ok) this.#tiles = parse(await answer.text(), this.#address);
    } catch {
      // Without it the bar shows times only.
    }
  }
}
