// What plays media behind the player: hls.js where Media Source exists, the browser itself on Safari, an engine of
// our own one day. The player knows only this interface.

import type { Ahead } from './ahead';
import { within } from '../wait';
import { type Failure, failure } from './failure';
import { NativeEngine } from './native-engine';

/** A quality that can be chosen. */
export interface Level {
  index: number;
  width: number;
  height: number;
  frameRate: number;
  /** Bit/s to show: average where it is known, else the peak. */
  bitrate: number;
}

/** A language of sound or captions that can be chosen. */
export interface Language {
  index: number;
  /** What people call it: `English`, `Director's commentary`. */
  label: string;
  /** BCP 47; empty if unknown. */
  language: string;
}

/** Why the next piece of media takes longer. */
export type Delay = 'preparing' | 'network' | 'server' | 'offline';

/** What came of asking for a new signature; `unknown` when no answer came that says. */
export type Renewal = 'renewed' | 'refused' | 'unknown';

/** What an engine tells the player. */
export interface Listener {
  /** The qualities are known; lowest first. */
  levels(levels: Level[]): void;
  /** Another quality is on the screen now. */
  level(index: number): void;
  /** The engine chooses the quality again, because the one that was chosen cannot be had. */
  adapts(): void;
  /** The sounds are known, and which is heard. */
  audio(tracks: Language[], chosen: number): void;
  /** The captions are known, and which are shown; -1: none. */
  captions(tracks: Language[], chosen: number): void;
  /** Media is late, and why; `null` when it flows again. */
  delay(delay: Delay | null): void;
  /** Playback cannot continue by itself. */
  failed(failure: Failure): void;
  /** Whether the film should play: reloading its media pauses it. */
  plays(): boolean;
  /** Where in the film the viewer is, or has jumped to, in seconds: after a fault the video may have forgotten it. */
  place(): number;
  /** The edge refused the signature: renews it. */
  renew(): Promise<Renewal>;
}

export interface Engine {
  /** For reports and tests. */
  readonly name: 'hls.js' | 'native';
  /** Whether the engine chooses the quality. */
  readonly auto: boolean;
  /** Measured bit/s; `null` when the engine does not tell. */
  readonly bandwidth: number | null;
  /** Begins to load `manifest`, to play from `at` seconds; `ahead` has what was fetched already, if anything. */
  load(manifest: string, at: number, ahead: Ahead | null): void;
  /** Chooses a quality from now on, or leaves it to the engine. */
  choose(level: number | 'auto'): void;
  /** Chooses the sound from now on. */
  hear(track: number): void;
  /** Chooses the captions; -1: none. */
  read(track: number): void;
  /** Lets go of the video element. */
  destroy(): void;
}

/** Whether media goes through Media Source here. Safari's own HLS knows AirPlay and saves power; other browsers that
 * claim to play HLS do it worse than hls.js. */
export function usesMediaSource(video: HTMLVideoElement): boolean {
  const source = 'ManagedMediaSource' in globalThis || 'MediaSource' in globalThis;
  const safari = video.canPlayType('application/vnd.apple.mpegurl') !== '' && 'webkitSetPresentationMode' in video;
  return source && !safari;
}

/** Longest time that an engine's script may take, in ms: some 200 kB, over the slowest network that could play. */
const SCRIPT_MS = 60_000;

/** Makes the engine this browser plays best with, hls.js from the script at `address`; `null` when it can play nothing
 * of ours. */
export async function choose(video: HTMLVideoElement, listener: Listener, address: string): Promise<Engine | null> {
  if (usesMediaSource(video)) {
    const late = () => failure('network', 'cannot load the script of the engine');
    // What comes later serves who tries again.
    const { HlsEngine } = await within(SCRIPT_MS, script(address), late);
    if (HlsEngine.supported()) return new HlsEngine(video, listener);
  }
  return video.canPlayType('application/vnd.apple.mpegurl') !== '' ? new NativeEngine(video, listener) : null;
}

let asked = 0;

/** The script of hls.js, asked for twice: a fault of the network that passes costs nobody a click. Many browsers keep a
 * script that did not come as one that never will (until 2026 HTML told them to, whatwg/html#6768), hence another
 * address each time. */
function script(address: string): Promise<typeof import('./hls-engine')> {
  return import('./hls-engine').catch(() => import(`${address}?again=${++asked}`));
}
