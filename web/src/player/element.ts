// <kinora-player>: one title, from asking for permission to the last frame.
//
// State for tests and reports: `data-state`, `data-engine`, `data-height`, `data-auto` on the element, and `.debug`.

import { h } from '../dom';
import { backoff, wait } from '../wait';
import { Ahead } from './ahead';
import { Controls, type Wishes } from './controls';
import { type Delay, type Engine, type Listener, choose, usesMediaSource } from './engine';
import { type Failure, failure, isFailure } from './failure';
import * as icons from './icons';
import { Idle } from './idle';
import * as memory from './memory';
import { Panel, Waiting } from './overlay';
import { Remote } from './remote';
import { Session, reachable, report } from './session';
import { Storyboard } from './storyboard';
import { Tracks } from './tracks';

/** What playing begins with. */
interface Asked {
  session: Session;
  ahead: Ahead | null;
}

type State = 'loading' | 'ready' | 'playing' | 'paused' | 'waiting' | 'ended' | 'error';

const DELAYS: Record<Delay, string> = {
  preparing: 'This part is still being prepared …',
  network: 'Waiting for the network …',
  server: 'The server is busy …',
  offline: "You're offline. Playback resumes when you're back online.",
};

export class KinoraPlayer extends HTMLElement {
  #video!: HTMLVideoElement;
  #controls!: Controls;
  #tracks!: Tracks;
  #remote!: Remote;
  #idle!: Idle;
  #waiting = new Waiting();
  #panel = new Panel();
  #stop = new AbortController();
  #engine: Engine | null = null;
  #session: Session | null = null;
  #storyboard: Storyboard | null = null;
  #delay: Delay | null = null;
  #failure: Failure | null = null;
  #attempt = 0;
  /** How often playing was begun again by itself since it last played. */
  #reconnects = 0;
  #restarted = -Infinity;
  /** Where it is to begin, or was when its engine was destroyed, in seconds. */
  #at = 0;
  /** Whether it should play, even if something pauses it: at first, and until the viewer pauses it. */
  #plays = true;

  connectedCallback(): void {
    if (this.#video) return this.#again();
    const video = this.querySelector('video');
    if (!video) throw new Error('<kinora-player> needs a <video> inside');
    this.#video = video;
    video.controls = false;
    video.volume = memory.volume() ?? 1;
    this.tabIndex = -1;
    this.#controls = new Controls(this.#wishes());
    this.#tracks = new Tracks(this, this.#controls, () => this.#engine);
    this.#remote = new Remote(this, video, this.#tracks);
    this.#idle = new Idle(this, video, this.#controls);
    const big = h('button', { type: 'button', class: 'k-big', 'aria-label': 'Play', tabindex: -1 }, icons.play());
    big.addEventListener('click', () => this.toggle());
    const shade = h('div', { class: 'k-shade' });
    const { bubble, help } = this.#remote;
    this.append(shade, this.#waiting.element, big, bubble.element, this.#controls.element, this.#panel.element, help.element);
    this.#listen();
    this.#controls.sound(video.volume, video.muted);
    this.#controls.levels([], 'auto', -1);
    this.#at = this.#begins();
    this.#showTime();
    void this.#start();
  }

  /** Removing the player from the page ends its listeners, its requests and its playback session. */
  disconnectedCallback(): void {
    if (!this.#video) return;
    this.#stop.abort();
    this.#leave();
    this.#video.pause();
  }

  /** It is on a page once more, or was moved. */
  #again(): void {
    this.#stop = new AbortController();
    this.#listen();
    void this.#start();
  }

  /** Plays or pauses. */
  toggle(): void {
    const video = this.#video;
    this.#plays = video.paused || video.ended;
    if (video.ended) this.#at = 0;
    if (this.#plays) void video.play().catch(() => {});
    else this.pause();
  }

  /** Pauses, whatever the video does at the moment. */
  pause(): void {
    this.#plays = false;
    this.#video.pause();
  }

  /** Where the viewer is, in seconds. */
  get time(): number {
    return this.#engine && this.#knows() ? this.#video.currentTime : this.#at;
  }

  /** Whether the video knows where it is: until the engine has brought it there it says 0, after a fault where it was before
   * a jump. At 0, `#at` is right as well. */
  #knows(): boolean {
    return this.#video.readyState > 0 && this.#video.currentTime > 0 && !this.#video.error;
  }

  /** Jumps to a time in seconds. */
  seek(to: number): void {
    const end = Number.isFinite(this.#video.duration) ? this.#video.duration : to;
    const at = Math.max(0, Math.min(to, end));
    // Before media are loaded, 0 is no place to begin at.
    this.#video.currentTime = this.#video.readyState === 0 ? at || 0.001 : at;
    // Before media are loaded, and when what is there cannot be decoded, the video forgets it.
    this.#at = at;
    this.#show();
  }

  /** Fills the screen, or leaves it. */
  fullscreen(): void {
    const video = this.#video as HTMLVideoElement & { webkitEnterFullscreen?: () => void };
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (this.requestFullscreen) void this.requestFullscreen().catch(() => {});
    else video.webkitEnterFullscreen?.();
  }

  /** Where to begin, in seconds: where the address says, but on a reloaded page where it was left. */
  #begins(): number {
    const { start = 0, duration = 0 } = this.dataset;
    const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
    const again = navigation?.type === 'reload' || navigation?.type === 'back_forward';
    const left = Number(start);
    return again && left > 0 ? left : (startOf(location.search, Number(duration)) ?? left);
  }

  /** What a test or a report wants to know. */
  get debug() {
    const video = this.#video;
    const quality = video.getVideoPlaybackQuality?.();
    const buffered = Array.from({ length: video.buffered.length }, (_, n) => [video.buffered.start(n), video.buffered.end(n)]);
    return {
      state: this.dataset.state,
      time: video.currentTime,
      duration: video.duration,
      paused: video.paused,
      volume: video.volume,
      muted: video.muted,
      speed: video.playbackRate,
      level: this.#tracks.level,
      levels: this.#tracks.levels,
      auto: this.#engine?.auto ?? true,
      sounds: this.#tracks.sounds,
      texts: this.#tracks.texts,
      text: this.#tracks.text,
      buffered,
      decoded: quality?.totalVideoFrames ?? 0,
      dropped: quality?.droppedVideoFrames ?? 0,
      width: video.videoWidth,
      height: video.videoHeight,
      engine: this.#engine?.name ?? null,
      bandwidth: this.#engine?.bandwidth ?? null,
      session: this.#session?.id ?? null,
      delay: this.#delay,
      failure: this.#failure,
    };
  }

  /** Asks for a session and loads; a later call (after an error) starts over. */
  async #start(): Promise<void> {
    const attempt = this.#leave();
    this.#tracks.forget();
    this.#failure = null;
    this.#delay = null;
    // Focus would go to the top of the page with the button that was pressed.
    if (this.#panel.element.contains(document.activeElement)) this.focus({ preventScroll: true });
    this.#panel.hide();
    delete this.dataset.pictured;
    this.#state('loading');
    const asking = this.#ask(attempt);
    const choosing = choose(this.#video, this.#listener(attempt), this.dataset.engine ?? '');
    try {
      const [asked, engine] = await Promise.all([asking, choosing]);
      if (attempt === this.#attempt) return this.#begin(asked, engine);
    } catch (problem) {
      if (attempt === this.#attempt) this.#fail(isFailure(problem) ? problem : failure('session', String(problem)));
    }
    // Whatever came, or comes later, is of no use.
    void asking.then(({ session, ahead }) => (session.end(), ahead?.stop()), () => {});
    void choosing.then((engine) => engine?.destroy(), () => {});
  }

  /** Asks for a session, and for what playback begins with as soon as there is one. */
  async #ask(attempt: number): Promise<Asked> {
    const session = await Session.start(this.dataset.title ?? '');
    // From the middle on, nobody knows yet which segment comes first.
    const first = this.#at === 0 && attempt === this.#attempt && usesMediaSource(this.#video);
    const pixels = this.#video.clientHeight * devicePixelRatio;
    const ahead = first ? new Ahead(session.manifest, memory.bandwidth() ?? memory.UNKNOWN_BANDWIDTH, pixels) : null;
    return { session, ahead };
  }

  #begin({ session, ahead }: Asked, engine: Engine | null): void {
    this.#session = session;
    this.#engine = engine;
    session.onended = (found, again) => {
      if (this.#session === session) this.#ended(found, again);
    };
    session.position = () => this.time;
    this.#storyboard = new Storyboard(session.manifest);
    if (!engine) return this.#fail(failure('unsupported', 'no Media Source, no native HLS'));
    this.dataset.engine = engine.name;
    engine.load(session.manifest, this.#at, ahead);
    // A browser that refuses to play unasked leaves the big button; anything else shows in the engine's events.
    if (this.#plays) void this.#video.play().catch((problem: DOMException) => this.#refused(problem));
    else this.#show();
  }

  #refused(problem: DOMException): void {
    if (problem.name === 'NotAllowedError') this.#plays = false;
    this.#show();
  }

  /** The session was ended elsewhere, as when the title's audience changed: asks once for a new one, unseen. */
  #ended(found: Failure, again: boolean): void {
    const now = performance.now();
    if (!again || now - this.#restarted < 60_000) return this.#fail(found);
    this.#restarted = now;
    void this.#start();
  }

  /** Ends what is under way; answers the number of what comes next. */
  #leave(): number {
    this.#close();
    return ++this.#attempt;
  }

  #close(): void {
    this.#at = this.time;
    this.#session?.end();
    this.#engine?.destroy();
    this.#session = this.#engine = null;
  }

  #listener(attempt: number): Listener {
    const current = () => attempt === this.#attempt;
    return {
      levels: (levels) => current() && this.#tracks.haveLevels(levels),
      level: (index) => current() && this.#tracks.showsLevel(index),
      audio: (tracks, chosen) => current() && this.#tracks.haveSounds(tracks, chosen),
      captions: (tracks, chosen) => current() && this.#tracks.haveTexts(tracks, chosen),
      delay: (delay) => {
        if (!current()) return;
        this.#delay = delay;
        this.#show();
      },
      failed: (found) => current() && this.#fail(found),
      adapts: () => current() && this.#tracks.adapts(),
      plays: () => current() && this.#plays,
      place: () => this.time,
      renew: () => this.#session?.renew() ?? Promise.resolve('refused'),
    };
  }

  #fail(found: Failure): void {
    if (this.#failure) return;
    const session = this.#session?.id ?? null;
    this.#failure = found;
    this.#leave();
    this.#state('error');
    this.#panel.show(found, this.#at, () => {
      this.#plays = true;
      void this.#start();
    });
    if (found.kind === 'network') void this.#reconnect(found);
    void report(this.dataset.title ?? '', session, found).then((id) => {
      if (this.#failure === found) this.#panel.reported(id);
    });
  }

  /** Goes on by itself, where and as it was, once the server answers again; more and more seldom where that does not help. */
  async #reconnect(found: Failure): Promise<void> {
    const { signal } = this.#stop;
    const lost = () => this.#failure === found && !signal.aborted;
    while (lost()) {
      await wait(backoff(this.#reconnects++, 2000), signal);
      if (lost() && (await reachable()) && lost()) return this.#start();
    }
  }

  #listen(): void {
    const { signal } = this.#stop;
    const video = this.#video;
    const on = (target: EventTarget, names: string, act: (event: Event) => void) => {
      for (const name of names.split(' ')) target.addEventListener(name, act, { signal });
    };
    on(video, 'play playing pause waiting stalled seeking seeked ended canplay durationchange emptied', () => this.#show());
    on(video, 'play', () => (this.#plays = true));
    // Faults pause a film, too, and so does whatever takes it off the screen.
    on(video, 'pause', () => {
      if (this.#engine && !video.error) this.#plays = false;
    });
    // Browsers have bars and keys of their own.
    on(video, 'seeking', () => {
      if (this.#engine && video.readyState > 0 && !video.error) this.#at = video.currentTime;
    });
    on(video, 'timeupdate', () => {
      // Where to resume if reloaded media do not arrive.
      if (this.#engine && this.#knows() && !video.seeking) this.#at = video.currentTime;
      this.#showTime();
    });
    on(video, 'progress', () => this.#controls.buffered(video.buffered));
    on(video, 'ratechange', () => {
      // It stays so when media are reloaded.
      video.defaultPlaybackRate = video.playbackRate;
      this.#controls.pace(video.playbackRate);
    });
    on(video, 'volumechange', () => {
      this.#controls.sound(video.volume, video.muted);
      memory.volume(video.volume);
    });
    on(video, 'click', (event) => {
      if ((event as PointerEvent).pointerType === 'touch') this.#idle.tap();
      else this.toggle();
    });
    on(video, 'dblclick', () => this.fullscreen());
    on(document, 'keydown', (event) => {
      if (!this.#panel.open && this.#remote.press(event as KeyboardEvent)) this.#idle.wake();
    });
    on(document, 'fullscreenchange', () => this.#controls.fullscreen(document.fullscreenElement === this));
    on(document, 'visibilitychange', () => this.#show());
    on(window, 'pagehide', () => this.#leave());
    on(window, 'pageshow', (event) => {
      if ((event as PageTransitionEvent).persisted) void this.#start();
    });
    this.#idle.listen(signal);
    for (const button of document.querySelectorAll('[data-player-keys]')) {
      (button as HTMLElement).hidden = false;
      on(button, 'click', () => this.#remote.help.toggle());
    }
  }

  #wishes(): Wishes {
    const video = () => this.#video;
    return {
      toggle: () => this.toggle(),
      jump: (by) => this.#remote.do({ do: 'seek', by }),
      seek: (to) => this.seek(to),
      mute: () => (video().muted = !video().muted),
      volume: (to) => {
        video().muted = false;
        video().volume = to;
      },
      speed: (to) => (video().playbackRate = to),
      quality: (to) => this.#tracks.choose(to),
      audio: (to) => this.#tracks.hear(to),
      captions: (to) => this.#tracks.read(to),
      fullscreen: () => this.fullscreen(),
      thumbnail: (time) => this.#storyboard?.at(time) ?? null,
    };
  }

  #state(state: State): void {
    if (this.dataset.state !== state) this.dataset.state = state;
    const why = this.#delay ? DELAYS[this.#delay] : '';
    this.#waiting.show(state === 'loading' || state === 'waiting', why);
    if (state === 'playing') this.#reconnects = 0;
    if (this.#session) this.#session.active = state === 'playing' || state === 'waiting';
  }

  /** Works the state out from the video: events alone lie when they overtake each other. */
  #show(): void {
    const video = this.#video;
    if (this.#failure) return;
    const data = video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA;
    if (video.ended) this.#state('ended');
    else if (video.paused) this.#state(video.readyState === 0 ? (this.#engine ? 'ready' : 'loading') : video.currentTime > 0 || video.played.length > 0 ? 'paused' : 'ready');
    else this.#state(data && !video.seeking ? 'playing' : 'waiting');
    const pictured = video.videoWidth > 0 && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
    if (pictured && this.dataset.state !== 'ready') this.dataset.pictured = '';
    this.#controls.playing(!video.paused && !video.ended, video.ended);
    this.#showTime();
    this.#idle.plays(!video.paused);
  }

  #showTime(): void {
    const { duration } = this.#video;
    this.#controls.time(this.time, duration || Number(this.dataset.duration ?? 0));
    this.#controls.buffered(this.#video.buffered);
  }
}

/** Seconds of `?t=90`; 0 where the film, if its duration is known, has ended by then, `null` where none are named. */
function startOf(query: string, duration: number): number | null {
  const text = new URLSearchParams(query).get('t');
  const at = Number(text);
  if (text === null || !Number.isFinite(at) || at < 0) return null;
  return duration > 0 && at >= duration ? 0 : at;
}
