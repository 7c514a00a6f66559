// Hides the controls while a film plays and nobody moves. `data-idle` on the player says that they are hidden.

const IDLE_MS = 2800;

export class Idle {
  #player: HTMLElement;
  #video: HTMLVideoElement;
  #controls: { element: HTMLElement; busy: boolean };
  #mouse = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(player: HTMLElement, video: HTMLVideoElement, controls: { element: HTMLElement; busy: boolean }) {
    this.#player = player;
    this.#video = video;
    this.#controls = controls;
  }

  /** Watches mouse, fingers and focus until `signal` says so. */
  listen(signal: AbortSignal): void {
    const on = (name: 'pointerdown' | 'pointermove' | 'pointerleave', act: (event: PointerEvent) => void) =>
      this.#player.addEventListener(name, act, { signal });
    on('pointerdown', (event) => (this.#mouse = event.pointerType === 'mouse'));
    on('pointermove', (event) => {
      this.#mouse = event.pointerType === 'mouse';
      if (event.pointerType !== 'touch') this.wake();
    });
    on('pointerleave', () => this.sleep(600));
    this.#player.addEventListener('focusin', () => this.wake(), { signal });
    signal.addEventListener('abort', () => clearTimeout(this.#timer));
  }

  /** A finger on the picture shows the controls, or hides them while it plays. */
  tap(): void {
    if (this.#player.hasAttribute('data-idle')) this.wake();
    else this.#player.toggleAttribute('data-idle', !this.#video.paused);
  }

  /** Shows the controls for a while. */
  wake(): void {
    this.#player.removeAttribute('data-idle');
    this.sleep();
  }

  /** Hides the controls later, unless somebody is at them or nothing plays. */
  sleep(after = IDLE_MS): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const { element, busy } = this.#controls;
      // A finger leaves its last target hovered.
      const held = busy || (this.#mouse && element.matches(':hover')) || element.querySelector(':focus-visible');
      if (held) this.sleep();
      else if (!this.#video.paused) this.#player.setAttribute('data-idle', '');
    }, after);
  }

  /** Shows the controls of what stands still; lets those of what began to play go. */
  plays(playing: boolean): void {
    if (!playing) this.#player.removeAttribute('data-idle');
    else if (!this.#player.hasAttribute('data-idle')) this.sleep();
  }
}
