// What lies over the picture: the turning reel, the answer to a key, the error panel, the list of keys.

import { h } from '../dom';
import type { Failure } from './failure';
import * as icons from './icons';
import { HELP } from './keys';

/** The reel and why it turns. What a screen reader is to say must change in a part of the page that is always there. */
export class Waiting {
  readonly element: HTMLElement;
  #reel = icons.reel();
  #text = h('p', { role: 'status' });

  constructor() {
    this.element = h('div', { class: 'k-waiting' }, this.#reel, this.#text);
    this.show(false, '');
  }

  show(waiting: boolean, why: string): void {
    this.#reel.toggleAttribute('hidden', !waiting);
    const text = waiting ? why : '';
    if (this.#text.textContent !== text) this.#text.textContent = text;
  }
}

/** A short answer to a key press, gone after a moment. */
export class Bubble {
  readonly element = h('div', { class: 'k-bubble', role: 'status' });
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(text: string): void {
    // A new element restarts the animation.
    this.element.replaceChildren(h('span', {}, text));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.element.replaceChildren(), 900);
  }
}

/** What went wrong, what to do, and the id to quote. */
export class Panel {
  readonly element: HTMLElement;
  #title = h('h2');
  #advice = h('p');
  #report = h('p', { class: 'k-report' });
  #actions = h('div', { class: 'k-actions' });

  constructor() {
    this.element = h('div', { class: 'k-panel', role: 'alert', hidden: true }, this.#title, this.#advice, this.#actions, this.#report);
  }

  get open(): boolean {
    return !this.element.hidden;
  }

  /** `at` is where the film stopped, in s: it resumes there after a sign-in. */
  show(failure: Failure, at: number, retry: () => void): void {
    this.#title.textContent = failure.title;
    this.#advice.textContent = failure.advice;
    this.#report.textContent = '';
    const again = h('button', { type: 'button', class: 'button' }, 'Try again');
    again.addEventListener('click', retry);
    const back = h('a', { class: 'button quiet', href: '/' }, 'Overview');
    const here = encodeURIComponent(`${location.pathname}?t=${Math.floor(at)}`);
    const signIn = h('a', { class: 'button', href: `/signin?next=${here}` }, 'Sign in');
    this.#actions.replaceChildren(failure.signIn ? signIn : again, back);
    this.element.hidden = false;
    (this.#actions.firstElementChild as HTMLElement).focus({ preventScroll: true });
  }

  /** Adds the report's id once the server has it; without one, says so. */
  reported(id: string | null): void {
    const text = id ? ['Report ', h('code', {}, id)] : ['The report could not be sent.'];
    this.#report.replaceChildren(...text);
  }

  hide(): void {
    this.element.hidden = true;
  }
}

/** The list of keys, and the switch that turns them off. */
export class Help {
  readonly element: HTMLDialogElement;
  #switch: HTMLInputElement;

  constructor(enabled: boolean, onswitch: (enabled: boolean) => void) {
    const rows = HELP.map(([keys, what]) =>
      h('div', {}, h('dt', {}, ...keys.map((key) => (key === '–' ? key : h('kbd', {}, key)))), h('dd', {}, what)),
    );
    this.#switch = h('input', { type: 'checkbox', role: 'switch' });
    this.#switch.checked = enabled;
    this.#switch.addEventListener('change', () => onswitch(this.#switch.checked));
    const close = h('button', { type: 'button', class: 'button' }, 'Close');
    this.element = h(
      'dialog',
      { class: 'k-help', 'aria-label': 'Keys' },
      h('h2', {}, 'Keys'),
      h('dl', {}, ...rows),
      h('footer', {}, h('label', {}, this.#switch, 'Use these shortcuts'), close),
    );
    close.addEventListener('click', () => this.element.close());
    this.element.addEventListener('click', (e) => e.target === this.element && this.element.close());
    this.element.addEventListener('keydown', (e) => e.stopPropagation());
  }

  toggle(): void {
    if (this.element.open) this.element.close();
    else this.element.showModal();
  }
}
