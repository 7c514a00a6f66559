// Does what keys ask for, wherever on the page they are pressed, and says so over the picture.

import type { KinoraPlayer } from './element';
import { clock, speed } from './format';
import { type Command, command, faster } from './keys';
import * as memory from './memory';
import { Bubble, Help } from './overlay';
import type { Tracks } from './tracks';

export class Remote {
  readonly help = new Help(memory.keys(), (on) => memory.keys(on));
  readonly bubble = new Bubble();
  #player: KinoraPlayer;
  #video: HTMLVideoElement;
  #tracks: Tracks;

  constructor(player: KinoraPlayer, video: HTMLVideoElement, tracks: Tracks) {
    this.#player = player;
    this.#video = video;
    this.#tracks = tracks;
  }

  /** Does what a key stands for; answers whether it stands for anything here. */
  press(event: KeyboardEvent): boolean {
    if (event.defaultPrevented || this.help.element.open || !memory.keys()) return false;
    const found = command(event);
    const target = event.target as HTMLElement;
    if (!found || target.closest('input, textarea, select, [contenteditable], dialog')) return false;
    if (event.key === ' ' && target.closest('button, a, summary')) return false;
    // Elsewhere on the page these scroll.
    if (found.do === 'volume' && !this.#player.contains(target) && document.fullscreenElement !== this.#player) return false;
    event.preventDefault();
    this.do(found);
    return true;
  }

  do(what: Command): void {
    const said = this.#done(what);
    if (said) this.bubble.say(said);
  }

  /** Does it; answers what is to be said of it. */
  #done(what: Command): string | void {
    const video = this.#video;
    switch (what.do) {
      case 'toggle': {
        const said = video.paused ? 'Play' : 'Pause';
        this.#player.toggle();
        return said;
      }
      case 'seek':
        this.#player.seek(this.#player.time + what.by);
        return `${what.by < 0 ? '−' : '+'}${Math.abs(what.by)} s`;
      case 'part':
        this.#player.seek((video.duration || Number(this.#player.dataset.duration) || 0) * what.of);
        return clock(this.#player.time);
      case 'volume':
        video.muted = false;
        video.volume = Math.min(1, Math.max(0, Math.round((video.volume + what.by) * 100) / 100));
        return `${Math.round(video.volume * 100)} %`;
      case 'mute':
        video.muted = !video.muted;
        return video.muted ? 'Muted' : 'Sound on';
      case 'speed':
        video.playbackRate = faster(video.playbackRate, what.by);
        return speed(video.playbackRate);
      case 'frame': {
        // Of the page: engines round it, or do not tell it at all.
        const perSecond = Number(this.#player.dataset.rate) || 25;
        this.#player.pause();
        // A millisecond into the frame: rounding must not fall back to the one before.
        const frame = Math.floor(this.#player.time * perSecond + 0.01) + what.by;
        this.#player.seek(Math.max(0, frame) / perSecond + 0.001);
        return what.by < 0 ? '−1 frame' : '+1 frame';
      }
      case 'captions':
        return this.#tracks.switchCaptions();
      case 'fullscreen':
        return this.#player.fullscreen();
      case 'help':
        return this.help.toggle();
    }
  }
}
