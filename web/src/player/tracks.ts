// Qualities, sounds and captions: what there is, what is on, what somebody chose, and what is remembered of that.

import type { Controls } from './controls';
import type { Engine, Language, Level } from './engine';
import { picture } from './format';
import * as memory from './memory';

export class Tracks {
  levels: Level[] = [];
  /** The quality on the screen; -1: not known yet. */
  level = -1;
  sounds: Language[] = [];
  texts: Language[] = [];
  /** The captions that are shown; -1: none. */
  text = -1;
  /** What was chosen on this page: of one language there may be several, and some name none. */
  #sound: Language | null = null;
  #caption: Language | null = null;
  #chosen: number | 'auto' = 'auto';
  #player: HTMLElement;
  #controls: Controls;
  #engine: () => Engine | null;

  constructor(player: HTMLElement, controls: Controls, engine: () => Engine | null) {
    this.#player = player;
    this.#controls = controls;
    this.#engine = engine;
  }

  /** The quality on the screen, once it is known. */
  get now(): Level | undefined {
    return this.levels.find(({ index }) => index === this.level);
  }

  /** Another engine starts: the remembered choice is applied when its tracks arrive. */
  forget(): void {
    this.sounds = this.texts = [];
    this.text = -1;
  }

  /** The qualities are known; one that was chosen stays so. */
  haveLevels(levels: Level[]): void {
    const height = this.levels.find(({ index }) => index === this.#chosen)?.height;
    this.levels = levels;
    const again = levels.find((level) => level.height === height);
    this.#chosen = again?.index ?? 'auto';
    if (again) this.#engine()?.choose(again.index);
    this.#show();
  }

  /** Another quality is on the screen. */
  showsLevel(index: number): void {
    this.level = index;
    this.#show();
  }

  /** The quality that was chosen cannot be had. */
  adapts(): void {
    this.#chosen = 'auto';
    this.#show();
  }

  haveSounds(tracks: Language[], chosen: number): void {
    const first = this.sounds.length === 0;
    this.sounds = tracks;
    this.#controls.sounds(tracks, chosen);
    const wanted = same(tracks, this.#sound) ?? remembered(tracks, memory.audio());
    if (first && wanted && wanted.index !== chosen) this.#engine()?.hear(wanted.index);
  }

  haveTexts(tracks: Language[], chosen: number): void {
    const first = this.texts.length === 0;
    this.texts = tracks;
    this.text = chosen;
    this.#controls.texts(tracks, chosen);
    const wanted = memory.captioned() ? (same(tracks, this.#caption) ?? remembered(tracks, memory.captions())) : undefined;
    if (first && wanted && wanted.index !== chosen) this.#engine()?.read(wanted.index);
  }

  /** Somebody chooses a quality. */
  choose(to: number | 'auto'): void {
    this.#chosen = to;
    this.#engine()?.choose(to);
    this.#show();
  }

  /** Somebody chooses a sound. */
  hear(to: number): void {
    this.#sound = this.sounds.find(({ index }) => index === to) ?? null;
    memory.audio(this.#sound?.language ?? '');
    this.#engine()?.hear(to);
  }

  /** Somebody chooses captions; -1: none. */
  read(to: number): void {
    const chosen = this.texts.find(({ index }) => index === to);
    if (chosen) {
      this.#caption = chosen;
      memory.captions(chosen.language);
    }
    memory.captioned(chosen !== undefined);
    this.#engine()?.read(to);
  }

  /** Shows the captions of last time, or none; answers what is on now, in a word. */
  switchCaptions(): string {
    const wanted = same(this.texts, this.#caption) ?? remembered(this.texts, memory.captions()) ?? this.texts[0];
    if (!wanted) return 'No captions';
    const on = this.text < 0;
    this.read(on ? wanted.index : -1);
    return on ? wanted.label : 'Captions off';
  }

  #show(): void {
    this.#controls.levels(this.levels, this.#chosen, this.level);
    this.#player.dataset.auto = String(this.#chosen === 'auto');
    if (!this.now) return;
    this.#player.dataset.height = String(this.now.height);
    this.#player.dataset.quality = picture(this.now.width, this.now.height, this.now.frameRate);
  }
}

/** The track that was chosen, whatever its number is now. */
function same(tracks: Language[], chosen: Language | null): Language | undefined {
  return tracks.find(({ label, language }) => label === chosen?.label && language === chosen.language);
}

/** The track in a language, if one is named at all. */
function remembered(tracks: Language[], wanted: string): Language | undefined {
  return tracks.find(({ language }) => language !== '' && language === wanted);
}
