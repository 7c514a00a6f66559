// What lies over the picture: the turning reel, the answer to a key, the error panel, the list of keys.

import { h } from '../dom';
import type { Failure } from './failure';
import * as icons from './icons';
import { HELP } from './keys';

/** The reel and why it turns. */
export class Waiting {
  readonly element: HTMLElement;
  #text = h('p', { role: 'status' });

  constructor() {
    this.element = h('div', { class: 'k-waiting', hidden: true }, icons.reel(), this.#text);
  }

  show(waiting: boolean, why: string): void {
    this.element.hidden = !waiting;
    if (this.#text.textContent !== why) this.#text.textContent = why;
  }
}

/** A short answer to a key press, gone after a moment. */
export class Bubble {
  readonly element: HTMLElement;
  #text = h('span', { role: 'status' });
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.element = h('div', { class: 'k-bubble', hidden: true }, this.#text);
  }

  say(text: string): void {
    this.#text.textContent = text;
    this.element.hidden = true;
    void this.element.offsetWidth; // starts the animation anew
    this.element.hidden = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.element.hidden = true), 900);
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

  show(failure: Failure, retry: () => void): void {
    this.#title.textContent = failure.title;
    this.#advice.textContent = failure.advice;
    this.#report.textContent = '';
    const again = h('button', { type: 'button', class: 'button' }, 'Try again');
    again.addEventListener('click', retry);
    const back = h('a', { class: 'button quiet', href: '/' }, 'Overview');
    const here = encodeURIComponent(location.pathname + location.search);
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
      h('footer', {}, h('label', {}, this.#switch, 'Use these keys'), close),
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
