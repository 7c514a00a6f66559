// A button that opens a list to choose one from (WAI-ARIA menu button): quality, speed, sound, captions.

import { h } from '../dom';
import { check } from './icons';

export interface Choice<T> {
  value: T;
  label: string;
  /** Smaller text beside the label: a rate. */
  note?: string;
}

export class Menu<T> {
  readonly element: HTMLElement;
  readonly button: HTMLButtonElement;
  #list: HTMLElement;
  #caption: HTMLElement;
  #name: string;
  #choices: Array<Choice<T>> = [];
  #chosen: T | undefined;
  #choose: (value: T) => void;

  constructor(name: string, cls: string, glyph: SVGSVGElement, choose: (value: T) => void) {
    this.#name = name;
    this.#choose = choose;
    const id = `k-${cls}-menu`;
    this.#caption = h('span', { class: 'k-caption' });
    this.button = h(
      'button',
      { type: 'button', class: 'k-button k-text', 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'aria-controls': id },
      glyph,
      this.#caption,
    );
    this.#list = h('div', { id, class: 'k-menu', role: 'menu', 'aria-label': name, hidden: true });
    this.element = h('div', { class: `k-menu-box ${cls}` }, this.button, this.#list);
    this.button.addEventListener('click', () => this.toggle(!this.open));
    this.button.addEventListener('keydown', (e) => {
      if (e.key !== 'ArrowUp' && e.key !== 'ArrowDown') return;
      e.preventDefault();
      e.stopPropagation();
      this.toggle(true);
    });
    this.#list.addEventListener('keydown', (e) => this.#key(e));
    this.element.addEventListener('focusout', (e) => {
      if (!this.element.contains(e.relatedTarget as Node | null)) this.toggle(false, false);
    });
  }

  get open(): boolean {
    return !this.#list.hidden;
  }

  /** Shows what the button says: `Auto (now 720p)`. */
  set caption(text: string) {
    this.#caption.textContent = text;
    this.button.setAttribute('aria-label', `${this.#name}: ${text}`);
  }

  /** Replaces the choices and marks one. Items in place are changed, not replaced, so that focus stays. */
  set(choices: Array<Choice<T>>, chosen: T): void {
    const same = choices.length === this.#choices.length;
    this.#choices = choices;
    this.#chosen = chosen;
    if (!same) this.#list.replaceChildren(...choices.map(() => this.#item()));
    [...this.#list.children].forEach((item, n) => {
      const choice = choices[n]!;
      item.setAttribute('aria-checked', String(choice.value === chosen));
      item.children[1]!.textContent = choice.label;
      item.children[2]!.textContent = choice.note ?? '';
    });
  }

  /** Opens or closes; on closing focus goes back to the button unless it moved elsewhere by itself. */
  toggle(open: boolean, refocus = true): void {
    if (open === this.open) return;
    this.#list.hidden = !open;
    this.button.setAttribute('aria-expanded', String(open));
    if (open) {
      const at = this.#choices.findIndex((c) => c.value === this.#chosen);
      (this.#list.children[Math.max(0, at)] as HTMLElement | undefined)?.focus();
    } else if (refocus) {
      this.button.focus();
    }
  }

  #item(): HTMLElement {
    const item = h('button', { type: 'button', role: 'menuitemradio', tabindex: -1 }, check(), h('span'), h('small'));
    item.addEventListener('click', () => {
      const choice = this.#choices[[...this.#list.children].indexOf(item)];
      this.toggle(false);
      if (choice) this.#choose(choice.value);
    });
    return item;
  }

  #key(event: KeyboardEvent): void {
    const items = [...this.#list.children] as HTMLElement[];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const to: Record<string, number> = {
      ArrowDown: (at + 1) % items.length,
      ArrowUp: (at + items.length - 1) % items.length,
      Home: 0,
      End: items.length - 1,
    };
    const target = to[event.key];
    if (event.key === 'Escape') {
      this.toggle(false);
    } else if (target !== undefined) {
      items[target]?.focus();
    } else if (event.key === 'Tab') {
      this.toggle(false);
      return;
    } else if (event.key !== 'Enter' && event.key !== ' ') {
      return;
    }
    event.stopPropagation();
    if (event.key !== 'Enter' && event.key !== ' ') event.preventDefault();
  }
}
