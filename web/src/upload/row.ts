// One upload on the page: how far it is, what can be done, and what is written about its title.

import * as api from './api';
import { h } from '../dom';
import { sentence } from '../words';
import { size, span } from './pace';
import type { Phase, Sender } from './sender';

const VISIBILITIES = [
  ['private', 'Private – only you and operators'],
  ['members', 'Members – everyone who is signed in'],
  ['public', 'Public – everyone, without signing in'],
] as const;

/** How long after the last key a field is saved, in ms. */
const SAVE_AFTER = 600;

/** What a row asks of the page. */
export interface Wishes {
  resume(row: Row): void;
  gone(row: Row): void;
}

let rows = 0;

export class Row {
  readonly element = h('li', { class: 'upload' });
  private heading = h('h3');
  private figures = h('p', { class: 'number soft' });
  private bar = h('progress', { max: 1000, value: 0 });
  private status = h('p', { class: 'status' });
  private pause = button('Pause');
  private resume = button('Resume');
  private discard = button('Discard');
  private watch = h('a', { class: 'button small', hidden: true }, 'Watch');
  private settings = h('a', { class: 'button quiet small', hidden: true }, 'Settings');
  private saved = h('p', { class: 'hint', role: 'status' });
  private name: HTMLInputElement;
  private description: HTMLTextAreaElement;
  private visibility: HTMLSelectElement;
  private sure = 0;
  /** Why it could not be discarded; said until it is tried again. */
  private kept = '';
  /** Whether one press resumes it: the browser remembers the file, or still has it. */
  remembered = false;

  constructor(
    readonly sender: Sender,
    private wishes: Wishes,
  ) {
    const n = ++rows;
    const { upload } = sender;
    this.element.dataset.upload = upload.id;
    this.heading.id = `upload-${n}`;
    this.name = h('input', { type: 'text', id: `name-${n}`, maxlength: 200, required: true });
    this.description = h('textarea', { id: `description-${n}`, rows: 3, maxlength: 5000 });
    this.visibility = h('select', { id: `visibility-${n}` });
    for (const [value, label] of VISIBILITIES) this.visibility.append(h('option', { value }, label));
    this.name.value = upload.name;
    this.description.value = upload.description;
    this.visibility.value = upload.visibility;
    const field = (label: string, input: HTMLElement) =>
      h('div', { class: 'field' }, h('label', { for: input.id }, label), input);
    const fields = h(
      'fieldset',
      { class: 'about-title' },
      h('legend', { class: 'visually-hidden' }, `About ${upload.file}`),
      field('Name', this.name),
      field('Description', this.description),
      field('Who may watch', this.visibility),
      this.saved,
    );
    this.element.setAttribute('aria-labelledby', this.heading.id);
    this.bar.setAttribute('aria-label', `Progress of ${upload.file}`);
    const actions = h('div', { class: 'actions' }, this.watch, this.pause, this.resume, this.settings, this.discard);
    const top = h('div', { class: 'upload-top' }, h('div', {}, this.heading, this.figures), actions);
    // A finished upload with details is collapsed; it can be opened again.
    const about = h('details', { open: upload.title?.state !== 'published' || upload.visibility === 'private' }, h('summary', {}, 'About the title'), fields);
    this.element.append(top, this.bar, this.status, about);
    this.pause.addEventListener('click', () => this.sender.pause());
    this.resume.addEventListener('click', () => this.wishes.resume(this));
    this.discard.addEventListener('click', () => void this.askDiscard());
    this.edits();
    this.show();
  }

  /** Takes what the server says; what the person is typing stays. */
  take(upload: api.Upload): void {
    this.sender.upload = upload;
    if (upload.complete) this.sender.arrived();
    if (!this.sender.active) this.sender.acknowledged = upload.complete ? upload.size : upload.received;
    this.show();
  }

  /** Writes the present state into the page. */
  show(): void {
    const { sender } = this;
    const { upload, phase } = sender;
    const { title } = upload;
    const done = phase === 'done';
    this.element.dataset.phase = phase;
    write(this.heading, upload.file);
    write(this.figures, this.figuresText());
    this.element.dataset.arrived = String(sender.acknowledged);
    const share = done && title ? title.progress : (sender.sent / upload.size) * 1000;
    const bar = done && title?.state === 'published' ? 1000 : share;
    if (this.bar.value !== bar) this.bar.value = bar;
    const bad = phase === 'failed' || (title !== null && ['failed', 'rejected'].includes(title.state));
    write(this.status, this.statusText());
    this.status.classList.toggle('bad', bad);
    this.bar.hidden = bad || title?.state === 'published';
    this.pause.hidden = !['waiting', 'sending', 'lost'].includes(phase);
    this.resume.hidden = !['paused', 'idle', 'failed', 'elsewhere'].includes(phase);
    write(this.resume, this.remembered ? 'Resume' : 'Choose the file again');
    label(this.pause, `Pause ${upload.file}`);
    label(this.resume, `${this.resume.textContent} (${upload.file})`);
    if (!this.sure) write(this.discard, done ? 'Remove from list' : 'Discard');
    label(this.discard, `${this.discard.textContent} (${upload.file})`);
    this.discard.hidden = phase === 'finishing' || (done && !title);
    this.watch.hidden = !title?.playable;
    this.settings.hidden = !title;
    if (title) {
      this.watch.href = `/watch/${title.id}`;
      this.settings.href = `/title/${title.id}`;
      label(this.watch, `Watch ${upload.name}`);
      label(this.settings, `Settings of ${upload.name}`);
    }
  }

  private figuresText(): string {
    const { sender } = this;
    const { upload, phase } = sender;
    if (phase === 'done') return size(upload.size);
    const text = [`${size(sender.sent)} of ${size(upload.size)}`];
    if (phase === 'sending') {
      const now = performance.now();
      const speed = sender.pace.speed(now);
      const eta = sender.pace.eta(now, upload.size - sender.sent);
      if (speed !== null) text.push(`${size(speed)}/s`);
      if (eta !== null) text.push(`${span(eta)} left`);
    }
    return text.join(' · ');
  }

  private statusText(): string {
    const { phase, message, upload } = this.sender;
    const says: Record<Phase, string> = {
      waiting: 'Waiting for other uploads.',
      sending: 'Uploading. You can fill in the details while it uploads.',
      lost: 'Connection lost. The upload resumes automatically when the server answers.',
      paused: 'Paused.',
      idle: this.remembered ? 'Not finished.' : 'Not finished. Choose or drop the same file to resume; only the missing part is sent.',
      elsewhere: 'Another tab is uploading this file.',
      finishing: 'Everything is sent. Finishing the upload…',
      failed: message,
      done: '',
    };
    return this.kept || (phase === 'done' ? `${stands(upload)}${unseen(upload)}` : says[phase]);
  }

  private async askDiscard(): Promise<void> {
    const over = this.sender.phase === 'done';
    if (!over && !this.sure) {
      write(this.discard, 'Really discard?');
      label(this.discard, `Really discard? (${this.sender.upload.file})`);
      this.sure = window.setTimeout(() => {
        this.sure = 0;
        this.show();
      }, 4000);
      return;
    }
    clearTimeout(this.sure);
    this.kept = '';
    try {
      await this.sender.discard();
      this.wishes.gone(this);
    } catch (error) {
      this.sure = 0;
      const offline = error instanceof api.Refused && error.status === 0;
      this.kept = offline ? 'Not discarded: the server doesn’t answer. Try again.' : `Not discarded: ${words(error)}`;
      this.show();
    }
  }

  /** Saves each field a moment after it was changed. */
  private edits(): void {
    const save = async (changes: Record<string, string>) => {
      try {
        const upload = await api.edit(this.sender.upload.id, changes);
        if (upload) this.take(upload);
        write(this.saved, 'Saved.');
      } catch (error) {
        write(this.saved, `Not saved: ${words(error)}`);
      }
    };
    for (const [field, input] of Object.entries({ name: this.name, description: this.description, visibility: this.visibility })) {
      let timer = 0;
      const now = () => {
        clearTimeout(timer);
        if (timer) void save({ [field]: input.value });
        timer = 0;
      };
      input.addEventListener('input', () => {
        write(this.saved, '');
        clearTimeout(timer);
        timer = window.setTimeout(now, SAVE_AFTER);
      });
      input.addEventListener('change', now);
      addEventListener('pagehide', now);
    }
  }
}

/** Where the title stands, in words. */
export function stands({ title, eta_ms }: Pick<api.Upload, 'title' | 'eta_ms'>): string {
  if (!title) return 'Upload complete. Checking the file…';
  const rest = eta_ms === null ? 'the rest is being encoded' : `HD in about ${span(eta_ms)}`;
  if (title.state === 'rejected') return `${sentence(title.reason)} Choose another file, or save this one as MP4 and try again.`;
  if (title.state === 'failed') return `${sentence(title.reason)} Try again on its settings page.`;
  if (title.state === 'published') return 'Published.';
  return title.playable ? `Ready to play, ${rest}.` : `Upload complete. ${sentence(title.reason)}`;
}

/** Said of a title that can be watched and that others do not see yet. */
export function unseen({ title, visibility }: Pick<api.Upload, 'title' | 'visibility'>): string {
  return title?.playable && visibility === 'private' ? ' Only you and operators can see it until you choose who may watch.' : '';
}

/** An error in words for people. */
function words(error: unknown): string {
  return error instanceof Error && error.message ? error.message : 'Something went wrong.';
}

function button(text: string): HTMLButtonElement {
  return h('button', { type: 'button', class: 'button quiet small' }, text);
}

function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function label(element: HTMLElement, text: string): void {
  if (element.getAttribute('aria-label') !== text) element.setAttribute('aria-label', text);
}
