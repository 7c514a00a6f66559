// hls.js behind the engine interface.

import Hls, { ErrorDetails, ErrorTypes, Events, type ErrorData, type HlsConfig } from 'hls.js';
import type { Engine, Level, Listener } from './engine';
import { failure, ofStatus } from './failure';
import { patientLoader } from './loader';
import * as memory from './memory';

/** hls.js gives up at the first report of the loader, which has tried long enough. */
const ONCE = { default: { maxTimeToFirstByteMs: Infinity, maxLoadTimeMs: Infinity, timeoutRetry: null, errorRetry: null } };
/** Decoder faults that are mended by a fresh start before the viewer hears of them. */
const MENDS = 2;

export class HlsEngine implements Engine {
  readonly name = 'hls.js';
  #hls: Hls;
  #video: HTMLVideoElement;
  #listener: Listener;
  #mended = 0;

  static supported(): boolean {
    return Hls.isSupported();
  }

  constructor(video: HTMLVideoElement, listener: Listener) {
    this.#video = video;
    this.#listener = listener;
    const known = memory.bandwidth();
    const config: Partial<HlsConfig> = {
      loader: patientLoader(listener),
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
      abrEwmaDefaultEstimate: known ?? 1_500_000,
      testBandwidth: known === null,
    };
    this.#hls = new Hls(config);
    this.#hls.on(Events.MANIFEST_PARSED, () => listener.levels(this.#levels()));
    this.#hls.on(Events.LEVEL_SWITCHED, (_, { level }) => listener.level(level));
    this.#hls.on(Events.FRAG_BUFFERED, () => memory.bandwidth(this.#hls.bandwidthEstimate));
    this.#hls.on(Events.ERROR, (_, data) => this.#error(data));
    this.#hls.attachMedia(video);
  }

  get auto(): boolean {
    return this.#hls.autoLevelEnabled;
  }

  get bandwidth(): number | null {
    return Number.isFinite(this.#hls.bandwidthEstimate) ? this.#hls.bandwidthEstimate : null;
  }

  load(manifest: string, at: number): void {
    this.#hls.config.startPosition = at > 0 ? at : -1;
    this.#hls.loadSource(manifest);
  }

  choose(level: number | 'auto'): void {
    // What is on the screen plays on; what lies ahead is fetched anew in the chosen quality.
    this.#hls.nextLevel = level === 'auto' ? -1 : level;
  }

  destroy(): void {
    this.#hls.destroy();
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
    if (!data.fatal) return;
    const code = data.response?.code;
    const where = data.url ?? data.frag?.relurl ?? '';
    const detail = [data.details, code ?? '', data.response?.text ?? '', where, data.error?.message ?? ''].join(' ');
    if (data.details === ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR) {
      this.#listener.failed(failure('unsupported', detail));
    } else if (data.type === ErrorTypes.MEDIA_ERROR && this.#mended < MENDS) {
      this.#mended += 1;
      this.#hls.recoverMediaError();
      void this.#video.play().catch(() => {});
    } else if (data.type === ErrorTypes.NETWORK_ERROR) {
      this.#listener.failed(ofStatus(code ?? 0, detail));
    } else {
      this.#listener.failed(failure(data.type === ErrorTypes.MEDIA_ERROR ? 'decode' : 'server', detail));
    }
  }
}
