// The browser's own HLS (Safari): it chooses qualities and retries by itself and tells little.

import type { Engine, Language, Listener } from './engine';
import { failure } from './failure';

export class NativeEngine implements Engine {
  readonly name = 'native';
  readonly auto = true;
  readonly bandwidth = null;
  #video: HTMLVideoElement;
  #listener: Listener;
  #manifest = '';
  #renewed = false;
  #stop = new AbortController();

  constructor(video: HTMLVideoElement, listener: Listener) {
    this.#video = video;
    this.#listener = listener;
    const { signal } = this.#stop;
    video.addEventListener('error', () => void this.#failed(), { signal });
    video.addEventListener('playing', () => (this.#renewed = false), { signal });
    for (const name of ['addtrack', 'removetrack', 'change']) {
      video.textTracks.addEventListener(name, () => this.#captions(), { signal });
    }
  }

  load(manifest: string, at: number): void {
    this.#manifest = manifest;
    this.#video.src = at > 0 ? `${manifest}#t=${at}` : manifest;
  }

  choose(): void {
    // Safari offers no choice of quality.
  }

  hear(): void {
    // Safari offers sounds in its own menus only.
  }

  read(track: number): void {
    this.#texts().forEach((text, n) => (text.mode = n === track ? 'showing' : 'disabled'));
  }

  #texts(): TextTrack[] {
    return [...this.#video.textTracks].filter(({ kind }) => kind === 'subtitles' || kind === 'captions');
  }

  #captions(): void {
    const texts = this.#texts();
    const named = (text: TextTrack, index: number): Language => ({ index, label: text.label, language: text.language });
    this.#listener.captions(texts.map(named), texts.findIndex((text) => text.mode === 'showing'));
  }

  destroy(): void {
    this.#stop.abort();
    // Another engine may have the video by now.
    if (!this.#manifest) return;
    this.#video.removeAttribute('src');
    this.#video.load();
  }

  async #failed(): Promise<void> {
    const error = this.#video.error;
    const detail = `native ${error?.code ?? 0} ${error?.message ?? ''}`;
    // Safari does not tell a refused signature from other faults: renew once, then believe it.
    if (!this.#renewed && error?.code !== MediaError.MEDIA_ERR_DECODE) {
      this.#renewed = true;
      const at = this.#listener.place();
      const renewed = await this.#listener.renew();
      // The video may be another engine's by now.
      if (this.#stop.signal.aborted) return;
      if (renewed === 'renewed') {
        this.load(this.#manifest, at);
        if (this.#listener.plays()) void this.#video.play().catch(() => {});
        return;
      }
    }
    const kind = error?.code === MediaError.MEDIA_ERR_DECODE ? 'decode' : navigator.onLine ? 'server' : 'network';
    this.#listener.failed(failure(kind, detail));
  }
}
