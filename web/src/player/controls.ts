// The bar under the picture. It shows what it is told and calls back; it knows neither media nor network.

import { h } from '../dom';
import { clock, picture, rate, speed, spoken } from './format';
import type { Language, Level } from './engine';
import * as icons from './icons';
import { SPEEDS } from './keys';
import { Menu } from './menu';
import { Slider } from './slider';
import type { Tile } from './storyboard';

/** What the viewer asks for. */
export interface Wishes {
  toggle(): void;
  jump(by: number): void;
  seek(to: number): void;
  mute(): void;
  volume(to: number): void;
  speed(to: number): void;
  quality(to: number | 'auto'): void;
  audio(to: number): void;
  /** -1: none. */
  captions(to: number): void;
  fullscreen(): void;
  /** The thumbnail of a time in s, where there is one. */
  thumbnail(time: number): Tile | null;
}

export class Controls {
  readonly element: HTMLElement;
  readonly scrub: Slider;
  readonly quality: Menu<number | 'auto'>;
  readonly speed: Menu<number>;
  readonly audio: Menu<number>;
  readonly captions: Menu<number>;
  #play: HTMLButtonElement;
  #mute: HTMLButtonElement;
  #full: HTMLButtonElement;
  #volume: Slider;
  #time = h('span', { class: 'k-now' });
  #length = h('span', { class: 'k-length' });
  #buffered = h('div', { class: 'k-buffered' });
  #thumbnail: Wishes['thumbnail'];
  #picture = h('i', { hidden: true });
  #when = h('span');
  #tip = h('div', { class: 'k-tip', hidden: true, 'aria-hidden': 'true' }, this.#picture, this.#when);
  #duration = 0;

  constructor(wishes: Wishes) {
    this.#thumbnail = wishes.thumbnail;
    this.scrub = new Slider(
      {
        label: 'Position',
        class: 'k-scrub',
        step: 5,
        spoken: (value) => `${spoken(value)} of ${spoken(this.#duration)}`,
        oninput: (value, done) => {
          this.#time.textContent = clock(value);
          if (done) wishes.seek(value);
        },
        onhover: (value) => this.#hover(value),
      },
      this.#buffered,
    );
    this.scrub.element.append(this.#tip);
    this.#volume = new Slider({
      label: 'Volume',
      class: 'k-volume',
      step: 0.05,
      spoken: (value) => `${Math.round(value * 100)} %`,
      oninput: (value) => wishes.volume(value),
    });
    this.quality = new Menu('Quality', 'k-quality', icons.quality(), wishes.quality);
    this.speed = new Menu('Speed', 'k-speed', icons.pace(), wishes.speed);
    this.audio = new Menu('Sound', 'k-audio', icons.voice(), wishes.audio);
    this.captions = new Menu('Captions', 'k-captions', icons.captions(), wishes.captions);
    this.#play = button('k-play', 'Play (K)', wishes.toggle);
    this.#mute = button('k-mute', 'Mute (M)', wishes.mute);
    this.#full = button('k-full', 'Full screen (F)', wishes.fullscreen);
    const back = button('k-jump k-back', 'Back 10 seconds (J)', () => wishes.jump(-10));
    const forward = button('k-jump k-forward', 'Forward 10 seconds (L)', () => wishes.jump(10));
    back.append(icons.back(), h('span', {}, '10'));
    forward.append(icons.forward(), h('span', {}, '10'));
    const time = h('div', { class: 'k-time' }, this.#time, h('span', { class: 'k-of' }, ' / '), this.#length);
    this.element = h(
      'div',
      { class: 'k-controls' },
      this.scrub.element,
      h(
        'div',
        { class: 'k-row' },
        this.#play,
        back,
        forward,
        h('div', { class: 'k-sound' }, this.#mute, this.#volume.element),
        time,
        h('div', { class: 'k-gap' }),
        this.captions.element,
        this.audio.element,
        this.speed.element,
        this.quality.element,
        this.#full,
      ),
    );
    this.playing(false, false);
    this.sound(1, false);
    this.pace(1);
    this.fullscreen(false);
    this.time(0, 0);
    this.sounds([], -1);
    this.texts([], -1);
  }

  /** Whether a menu is open or a handle is held: the bar must stay. */
  get busy(): boolean {
    const menus = [this.quality, this.speed, this.audio, this.captions];
    return menus.some((menu) => menu.open) || this.scrub.held || this.#volume.held;
  }

  playing(playing: boolean, ended: boolean): void {
    const [glyph, label] = playing
      ? [icons.pause(), 'Pause (K)']
      : ended
        ? [icons.replay(), 'Play again (K)']
        : [icons.play(), 'Play (K)'];
    face(this.#play, glyph, label);
  }

  time(now: number, duration: number): void {
    this.#duration = Number.isFinite(duration) ? duration : 0;
    this.#length.textContent = clock(this.#duration);
    this.scrub.set(now, this.#duration);
    if (!this.scrub.held) this.#time.textContent = clock(now);
  }

  buffered(ranges: TimeRanges): void {
    while (this.#buffered.children.length > ranges.length) this.#buffered.lastChild?.remove();
    while (this.#buffered.children.length < ranges.length) this.#buffered.append(h('i'));
    [...this.#buffered.children].forEach((bar, n) => {
      const { style } = bar as HTMLElement;
      style.setProperty('--from', String(this.scrub.part(ranges.start(n))));
      style.setProperty('--to', String(this.scrub.part(ranges.end(n))));
    });
  }

  sound(volume: number, muted: boolean): void {
    const silent = muted || volume === 0;
    face(this.#mute, silent ? icons.muted() : volume < 0.5 ? icons.quiet() : icons.loud(), silent ? 'Sound on (M)' : 'Mute (M)');
    this.#volume.set(silent ? 0 : volume, 1);
  }

  pace(factor: number): void {
    this.speed.caption = speed(factor);
    this.speed.set(
      [...SPEEDS].reverse().map((value) => ({ value, label: value === 1 ? 'Normal' : speed(value) })),
      factor,
    );
  }

  /** Shows the qualities, the chosen one and the one on the screen (-1: not known yet). */
  levels(levels: Level[], chosen: number | 'auto', now: number): void {
    this.quality.element.hidden = levels.length === 0;
    const name = (level: Level) => picture(level.width, level.height, level.frameRate);
    const current = levels.find((level) => level.index === now);
    const picked = levels.find((level) => level.index === chosen);
    const auto = current ? `Auto (now ${name(current)})` : 'Auto';
    this.quality.caption = picked ? name(picked) : auto;
    const choices = [...levels]
      .sort((a, b) => b.height - a.height || b.bitrate - a.bitrate)
      .map((level) => ({ value: level.index as number | 'auto', label: name(level), note: rate(level.bitrate) }));
    const note = current ? `now ${name(current)}` : undefined;
    this.quality.set([{ value: 'auto', label: 'Auto', ...(note ? { note } : {}) }, ...choices], chosen);
  }

  /** Shows the sounds and the one that is heard. */
  sounds(tracks: Language[], now: number): void {
    this.audio.element.hidden = tracks.length < 2;
    this.audio.caption = tracks.find((track) => track.index === now)?.label ?? 'Sound';
    this.audio.set(tracks.map((track) => ({ value: track.index, label: track.label })), now);
  }

  /** Shows the captions and those that are on (-1: none). */
  texts(tracks: Language[], now: number): void {
    this.captions.element.hidden = tracks.length === 0;
    this.captions.caption = tracks.find((track) => track.index === now)?.label ?? 'Captions';
    const choices = tracks.map((track) => ({ value: track.index, label: track.label }));
    this.captions.set([{ value: -1, label: 'Off' }, ...choices], now);
  }

  fullscreen(on: boolean): void {
    face(this.#full, on ? icons.shrink() : icons.expand(), on ? 'Leave full screen (F)' : 'Full screen (F)');
  }

  #hover(value: number | null): void {
    this.#tip.hidden = value === null || this.#duration === 0;
    if (value === null) return;
    this.#when.textContent = clock(value);
    const tile = this.#thumbnail(value);
    this.#picture.hidden = !tile;
    if (tile) {
      const { style } = this.#picture;
      style.inlineSize = `${tile.width}px`;
      style.blockSize = `${tile.height}px`;
      style.backgroundImage = `url("${encodeURI(tile.url)}")`;
      style.backgroundPosition = `${-tile.x}px ${-tile.y}px`;
    }
    this.scrub.element.style.setProperty('--tip', String(this.scrub.part(value)));
  }
}

function button(cls: string, label: string, click: () => void): HTMLButtonElement {
  const made = h('button', { type: 'button', class: `k-button ${cls}`, 'aria-label': label, title: label });
  made.addEventListener('click', click);
  return made;
}

function face(on: HTMLButtonElement, glyph: SVGSVGElement, label: string): void {
  if (on.title === label && on.firstElementChild) return;
  on.replaceChildren(glyph);
  on.setAttribute('aria-label', label);
  on.title = label;
}
