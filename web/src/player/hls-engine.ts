// hls.js behind the engine interface.

import Hls, { ErrorDetails, ErrorTypes, Events, type ErrorData, type HlsConfig } from 'hls.js';
import type { Ahead } from './ahead';
import type { Engine, Language, Level, Listener } from './engine';
import { failure, ofStatus } from './failure';
import { Faults, RESETS, unnoticed } from './faults';
import { patientLoader } from './loader';
import * as memory from './memory';

/** hls.js gives up at the first report of the loader, which has tried long enough. */
const ONCE = { default: { maxTimeToFirstByteMs: Infinity, maxLoadTimeMs: Infinity, timeoutRetry: null, errorRetry: null } };

/** The network expected before anything was measured, in bit/s. */
function estimate(): number {
  return memory.bandwidth() ?? memory.UNKNOWN_BANDWIDTH;
}

export class HlsEngine implements Engine {
  readonly name = 'hls.js';
  #hls: Hls;
  #video: HTMLVideoElement;
  #listener: Listener;
  #faults = new Faults();
  #attached = false;
  #stop = new AbortController();
  #chosen: number | 'auto' = 'auto';
  #ahead: Ahead | null = null;
  #variant: string | null = null;
  #gone = false;

  static supported(): boolean {
    return Hls.isSupported();
  }

  constructor(video: HTMLVideoElement, listener: Listener) {
    this.#video = video;
    this.#listener = listener;
    const config: Partial<HlsConfig> = {
      loader: patientLoader(listener, () => this.#ahead),
      manifestLoadPolicy: ONCE,
      playlistLoadPolicy: ONCE,
      fragLoadPolicy: ONCE,
      // Our segments are fragmented MP4, which needs no transmuxing: a worker would only cost memory.
      enableWorker: false,
      lowLatencyMode: false,
      startFragPrefetch: true,
      capLevelToPlayerSize: true,
      // Half a minute ahead rides out most trouble; what a viewer leaves unseen is wasted for both sides.
      maxBufferLength: 30,
      maxMaxBufferLength: 45,
      backBufferLength: 60,
      abrEwmaDefaultEstimate: estimate(),
    };
    this.#hls = new Hls(config);
    this.#hls.on(Events.MEDIA_ATTACHED, () => this.#attach());
    this.#hls.on(Events.MANIFEST_PARSED, () => this.#parsed());
    this.#hls.on(Events.LEVEL_SWITCHED, (_, { level }) => {
      this.#freed();
      listener.level(level);
    });
    // hls.js makes its own choice after it has told of new tracks: the listener's comes after that.
    this.#hls.on(Events.AUDIO_TRACKS_UPDATED, () => queueMicrotask(() => this.#audio()));
    this.#hls.on(Events.AUDIO_TRACK_SWITCHED, () => this.#audio());
    this.#hls.on(Events.SUBTITLE_TRACKS_UPDATED, () => queueMicrotask(() => this.#captions()));
    this.#hls.on(Events.SUBTITLE_TRACK_SWITCH, () => this.#captions());
    this.#hls.on(Events.FRAG_BUFFERED, () => memory.bandwidth(this.#hls.bandwidthEstimate));
    this.#hls.on(Events.ERROR, (_, data) => this.#error(data));
    unnoticed(video, this.#stop.signal, (detail) => this.#mend(detail));
    this.#hls.attachMedia(video);
  }

  get auto(): boolean {
    return this.#hls.autoLevelEnabled;
  }

  get bandwidth(): number | null {
    return Number.isFinite(this.#hls.bandwidthEstimate) ? this.#hls.bandwidthEstimate : null;
  }

  load(manifest: string, at: number, ahead: Ahead | null): void {
    this.#hls.config.startPosition = at > 0 ? at : -1;
    this.#ahead = ahead;
    const begin = (variant: string | null) => {
      this.#variant = variant;
      if (!this.#gone) this.#hls.loadSource(new URL(manifest, location.href).href);
    };
    if (ahead) void ahead.beginning.then((found) => begin(found?.variant ?? null));
    else begin(null);
  }

  choose(level: number | 'auto'): void {
    this.#chosen = level;
    // The current picture plays on; the buffer ahead is fetched again in the chosen quality.
    this.#hls.nextLevel = level === 'auto' ? -1 : level;
  }

  hear(track: number): void {
    this.#hls.audioTrack = track;
  }

  read(track: number): void {
    this.#hls.subtitleDisplay = track >= 0;
    this.#hls.subtitleTrack = track;
  }

  destroy(): void {
    this.#gone = true;
    this.#stop.abort();
    this.#ahead?.stop();
    this.#hls.destroy();
  }

  /** Once more, it is after a fault that hls.js or we mended so: the browser paused the film, and may have lost a jump. */
  #attach(): void {
    const again = this.#attached;
    this.#attached = true;
    if (!again) return;
    if (!this.#faults.bearable()) return this.#listener.failed(failure('decode', `more than ${RESETS} faults within a minute`));
    // Another rendition, if hls.js has left the broken one: beginning to load would go back to the first.
    if (this.#hls.nextLoadLevel >= 0) this.#hls.startLevel = this.#hls.nextLoadLevel;
    this.#hls.startLoad(this.#listener.place());
    if (this.#listener.plays()) void this.#video.play().catch(() => {});
  }

  #mend(detail: string): void {
    if (this.#faults.mendable()) this.#hls.recoverMediaError();
    else this.#listener.failed(failure('decode', detail));
  }

  /** After a fault hls.js leaves the quality that was chosen: it adapts again, and the listener has to know. */
  #freed(): void {
    if (this.#chosen === 'auto' || !this.#hls.autoLevelEnabled) return;
    this.#chosen = 'auto';
    this.#listener.adapts();
  }

  #parsed(): void {
    // Begins with the variant whose segments are already there.
    const first = this.#hls.levels.findIndex((level) => level.url.includes(this.#variant ?? ''));
    if (this.#variant && first >= 0) this.#hls.startLevel = first;
    this.#listener.levels(this.#levels());
  }

  #audio(): void {
    if (this.#gone) return;
    this.#listener.audio(this.#hls.audioTracks.map(language), this.#hls.audioTrack);
  }

  #captions(): void {
    if (this.#gone) return;
    this.#listener.captions(this.#hls.subtitleTracks.map(language), this.#hls.subtitleTrack);
  }

  #levels(): Level[] {
    return this.#hls.levels.map((level, index) => ({
      index,
      width: level.width,
      height: level.height,
      frameRate: level.frameRate,
      bitrate: level.averageBitrate || level.bitrate,
    }));
  }

  #error(data: ErrorData): void {
    // hls.js decides first what to do about it.
    queueMicrotask(() => this.#gone || this.#freed());
    if (!data.fatal) return;
    const code = data.response?.code;
    const where = data.url ?? data.frag?.relurl ?? '';
    const detail = [data.details, code ?? '', data.response?.text ?? '', where, data.error?.message ?? ''].join(' ');
    if (data.details === ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR) {
      this.#listener.failed(failure('unsupported', detail));
    } else if (data.type === ErrorTypes.MEDIA_ERROR) {
      this.#mend(detail);
    } else if (data.type === ErrorTypes.NETWORK_ERROR) {
      this.#listener.failed(ofStatus(code ?? 0, detail));
    } else {
      this.#listener.failed(failure('server', detail));
    }
  }
}

function language(track: { name: string; lang?: string }, index: number): Language {
  return { index, label: track.name, language: track.lang ?? '' };
}
