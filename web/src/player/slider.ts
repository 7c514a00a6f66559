// A slider for pointer, touch, keyboard and screen reader: the scrub bar and the volume are made of it.

import { h } from '../dom';

export interface SliderOptions {
  label: string;
  class: string;
  /** Distance of an arrow key. */
  step: number;
  /** Says a value aloud. */
  spoken(value: number): string;
  /** The viewer moves the handle; `done` on letting go. */
  oninput(value: number, done: boolean): void;
  /** The pointer is over the bar at a value; `null` when it leaves. */
  onhover?(value: number | null): void;
}

export class Slider {
  readonly element: HTMLElement;
  /** Whether the viewer holds the handle. */
  held = false;
  #options: SliderOptions;
  #max = 1;
  #value = 0;
  /** The value when it was taken hold of. */
  #before = 0;

  constructor(options: SliderOptions, ...inside: Node[]) {
    this.#options = options;
    this.element = h(
      'div',
      { class: `k-slider ${options.class}`, role: 'slider', tabindex: 0, 'aria-label': options.label, 'aria-valuemin': 0 },
      h('div', { class: 'k-track' }, ...inside, h('div', { class: 'k-fill' })),
      h('div', { class: 'k-handle' }),
    );
    this.element.addEventListener('pointerdown', (e) => this.#down(e));
    this.element.addEventListener('pointermove', (e) => this.#move(e));
    this.element.addEventListener('pointerup', (e) => this.#up(e));
    this.element.addEventListener('pointercancel', () => this.#cancel());
    this.element.addEventListener('pointerleave', () => !this.held && options.onhover?.(null));
    this.element.addEventListener('keydown', (e) => this.#key(e));
    this.set(0, 1);
  }

  get value(): number {
    return this.#value;
  }

  /** Shows a value; ignored while the viewer holds the handle. */
  set(value: number, max: number): void {
    if (this.held) return;
    this.#max = max > 0 && Number.isFinite(max) ? max : 1;
    this.#show(value);
  }

  /** Where a value lies, from 0 to 1. */
  part(value: number): number {
    return Math.min(1, Math.max(0, value / this.#max));
  }

  #show(value: number): void {
    this.#value = Math.min(this.#max, Math.max(0, value));
    this.element.style.setProperty('--at', String(this.part(this.#value)));
    this.element.setAttribute('aria-valuemax', String(round(this.#max)));
    this.element.setAttribute('aria-valuenow', String(round(this.#value)));
    this.element.setAttribute('aria-valuetext', this.#options.spoken(this.#value));
  }

  #valueAt(event: PointerEvent): number {
    const box = this.element.getBoundingClientRect();
    const part = (event.clientX - box.left) / Math.max(1, box.width);
    return Math.min(1, Math.max(0, part)) * this.#max;
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0) return;
    event.preventDefault();
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    this.held = true;
    this.#before = this.#value;
    this.#show(this.#valueAt(event));
    this.#options.onhover?.(this.#value);
    this.#options.oninput(this.#value, false);
  }

  #move(event: PointerEvent): void {
    const value = this.#valueAt(event);
    this.#options.onhover?.(value);
    if (!this.held) return;
    this.#show(value);
    this.#options.oninput(value, false);
  }

  #up(event: PointerEvent): void {
    if (!this.held) return;
    this.held = false;
    this.#show(this.#valueAt(event));
    this.#options.oninput(this.#value, true);
    if (event.pointerType !== 'mouse') this.#options.onhover?.(null);
  }

  /** The browser takes the pointer for itself: nothing was chosen. */
  #cancel(): void {
    if (!this.held) return;
    this.held = false;
    this.#show(this.#before);
    this.#options.oninput(this.#value, false);
    this.#options.onhover?.(null);
  }

  #key(event: KeyboardEvent): void {
    const { step } = this.#options;
    const steps: Record<string, number> = {
      ArrowLeft: -step,
      ArrowDown: -step,
      ArrowRight: step,
      ArrowUp: step,
      PageDown: -step * 4,
      PageUp: step * 4,
      Home: -Infinity,
      End: Infinity,
    };
    const by = steps[event.key];
    if (by === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.#show(Math.min(this.#max, Math.max(0, this.#value + by)));
    this.#options.oninput(this.#value, true);
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
