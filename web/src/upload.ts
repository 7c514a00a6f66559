// The upload page: takes files, keeps the list, warns before leaving.

import { copyButtons } from './islands/copy';
import * as api from './upload/api';
import { fingerprint } from './upload/crc32';
import * as handles from './upload/handles';
import { alike, match } from './upload/match';
import { Row } from './upload/row';
import { Sender } from './upload/sender';
import { backoff, wait } from './wait';

/** How often states of titles are asked for, in ms. */
const LOOK = 2000;
/** How often figures are updated, in ms. */
const TICK = 500;

type Picker = (options: { multiple: boolean }) => Promise<FileSystemFileHandle[]>;

class Page {
  private rows = new Map<string, Row>();
  private news: HTMLElement;
  private list: HTMLElement;
  private none: HTMLElement;
  private input: HTMLInputElement;
  /** Files of uploads whose handles the browser does not keep. */
  private files = new Map<string, File>();
  /** The upload whose file is being chosen again. */
  private wanted: Row | undefined;
  /** Files whose uploads wait to begin. */
  private pending = new Set<AbortController>();
  /** Fulfilled when the page knows what was begun: only then a file can be told from one that is new. */
  private known: Promise<void> = Promise.resolve();

  constructor(private root: HTMLElement) {
    const find = <T extends HTMLElement>(name: string) => root.querySelector(`[data-${name}]`) as T;
    this.news = find('news');
    this.list = find('list');
    this.none = find('none');
    this.input = find<HTMLInputElement>('files');
    find('choose').addEventListener('click', () => void this.choose(undefined));
    this.input.addEventListener('change', () => {
      const given = [...(this.input.files ?? [])].map((file) => ({ file }));
      this.input.value = '';
      void this.take(given);
    });
    this.drops();
    addEventListener('beforeunload', (event) => {
      const sending = [...this.rows.values()].some((row) => row.sender.active);
      if (sending || this.pending.size > 0) event.preventDefault();
    });
    root.hidden = false;
  }

  /** Shows what the server knows, then keeps it current. */
  async begin(): Promise<void> {
    this.known = this.first();
    await this.known;
    this.empty();
    this.root.dataset.ready = '';
    const look = async () => {
      if (!document.hidden && this.moving()) await this.refresh();
      setTimeout(look, LOOK);
    };
    setTimeout(look, LOOK);
    setInterval(() => this.rows.forEach((row) => row.sender.active && row.show()), TICK);
  }

  /** Waits for the first list, however long that takes. */
  private async first(): Promise<void> {
    const note = document.createElement('p');
    note.className = 'status bad';
    for (let tries = 0; !(await this.refresh()); tries++) {
      note.textContent = 'Your uploads can’t be listed because the server doesn’t answer. Trying again…';
      this.list.before(note);
      this.say(note.textContent);
      await wait(backoff(tries), new AbortController().signal);
    }
    note.remove();
  }

  /** Whether something may change that this page does not do itself. */
  private moving(): boolean {
    return [...this.rows.values()].some(({ sender: { phase, upload } }) => {
      const over = upload.title && ['published', 'failed', 'rejected'].includes(upload.title.state);
      return phase === 'elsewhere' || (phase === 'done' && !over);
    });
  }

  /** Asks for the list; `false` if it did not come. */
  private async refresh(): Promise<boolean> {
    let items: api.Upload[];
    try {
      items = await api.list();
    } catch (error) {
      if (error instanceof api.Refused && error.status === 401) location.reload();
      return false;
    }
    const held = new Set((await navigator.locks?.query())?.held?.map((lock) => lock.name));
    for (const upload of items) {
      const row = await this.add(upload);
      const { sender } = row;
      const elsewhere = !sender.active && !upload.complete && held.has(`kinora-upload-${upload.id}`);
      if (elsewhere) sender.phase = 'elsewhere';
      else if (sender.phase === 'elsewhere') sender.phase = 'idle';
      row.take(upload);
    }
    return true;
  }

  /** The row of an upload; a new one if there is none yet. */
  private async add(upload: api.Upload): Promise<Row> {
    const known = this.rows.get(upload.id);
    if (known) return known;
    const sender = new Sender(upload, () => this.changed(upload.id));
    const row = new Row(sender, { resume: (row) => void this.resume(row), gone: (row) => this.gone(row) });
    // Before any waiting, so that concurrent calls find this row.
    this.rows.set(upload.id, row);
    this.list.prepend(row.element);
    this.empty();
    row.remembered = this.files.has(upload.id) || (!upload.complete && (await handles.has(upload.id)));
    row.show();
    return row;
  }

  private changed(id: string): void {
    const row = this.rows.get(id);
    if (!row) return;
    const { phase, upload, message } = row.sender;
    const before = row.element.dataset.phase;
    row.show();
    if (before === phase) return;
    if (phase === 'done') {
      void handles.forget(id);
      this.files.delete(id);
      this.say(`${upload.file} is uploaded.`);
      void this.refresh();
    } else if (phase === 'failed') this.say(`${upload.file}: ${message}`);
    else if (phase === 'lost') this.say('Connection lost.');
  }

  private gone(row: Row): void {
    const { id, file } = row.sender.upload;
    void handles.forget(id);
    this.files.delete(id);
    this.rows.delete(id);
    row.element.remove();
    this.empty();
    this.say(`${file} was removed.`);
    document.querySelector<HTMLElement>('[data-choose]')?.focus();
  }

  private async resume(row: Row): Promise<void> {
    const { id } = row.sender.upload;
    const file = this.files.get(id) ?? (await handles.file(id));
    if (file && alike(row.sender.upload, { name: file.name, size: file.size, lastModified: file.lastModified })) {
      return this.send(row, file);
    }
    row.remembered = false;
    row.show();
    await this.choose(row);
  }

  private send(row: Row, file: File): void {
    row.remembered = true;
    this.files.set(row.sender.upload.id, file);
    void row.sender.start(file);
  }

  /** Opens the picker; the one that gives handles, where there is one. */
  private async choose(wanted: Row | undefined): Promise<void> {
    this.wanted = wanted;
    const picker = (window as unknown as { showOpenFilePicker?: Picker }).showOpenFilePicker;
    if (!picker) return this.input.click();
    let chosen: FileSystemFileHandle[];
    try {
      chosen = await picker({ multiple: !wanted });
    } catch {
      return; // Closed without a choice.
    }
    try {
      await this.take(await Promise.all(chosen.map(async (handle) => ({ file: await handle.getFile(), handle }))));
    } catch (error) {
      this.say(`The file can’t be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Takes files: resumes those that were started, starts the others. */
  private async take(given: handles.Given[]): Promise<void> {
    const wanted = this.wanted;
    this.wanted = undefined;
    await this.known;
    for (const { file, handle } of given) {
      try {
        await this.one(file, handle, wanted);
      } catch (error) {
        if (error instanceof api.Refused && error.passing) void this.later(file, handle, wanted);
        else this.refuse(file, error instanceof Error ? error.message : 'Something went wrong.');
      }
    }
  }

  /** A file whose upload cannot begin for a reason that passes: it waits, and begins by itself. */
  private async later(file: File, handle: FileSystemFileHandle | undefined, wanted: Row | undefined): Promise<void> {
    const stop = new AbortController();
    const gone = () => {
      stop.abort();
      this.pending.delete(stop);
    };
    this.pending.add(stop);
    const item = this.note(file, "The server can't be reached. The upload starts automatically when it answers.", 'Cancel', gone);
    item.dataset.phase = 'lost';
    for (let tries = 0; ; tries++) {
      await wait(backoff(tries), stop.signal);
      if (stop.signal.aborted) return;
      try {
        await this.one(file, handle, wanted);
        break;
      } catch (error) {
        if (error instanceof api.Refused && error.passing) continue;
        this.refuse(file, error instanceof Error ? error.message : 'Something went wrong.');
        break;
      }
    }
    gone();
    item.remove();
    this.empty();
  }

  private async one(file: File, handle: FileSystemFileHandle | undefined, wanted: Row | undefined): Promise<void> {
    const print = () => fingerprint(file);
    const known = await match([...this.rows.values()].map((row) => row.sender.upload), file, print);
    if (wanted && known?.id !== wanted.sender.upload.id) {
      return this.refuse(file, `This isn’t the same file as “${wanted.sender.upload.file}”: its name, size or content differs.`);
    }
    let row = known && this.rows.get(known.id);
    if (!row) {
      const { name, size, lastModified, type } = file;
      const begun = { file: name, size, modified_ms: lastModified, fingerprint: await print(), media_type: type };
      row = await this.add(await api.begin(begun));
      this.say(`Uploading ${name}.`);
    }
    if (handle) await handles.keep(row.sender.upload.id, handle);
    this.send(row, file);
  }

  /** A file that cannot be taken: it is shown until the person closes it. */
  private refuse(file: File, why: string): void {
    this.note(file, why, 'Close').querySelector('.status')?.classList.add('bad');
  }

  /** Something about a file that is no upload, with a button that takes it away. */
  private note(file: File, why: string, button: string, gone = () => {}): HTMLElement {
    const item = document.createElement('li');
    item.className = 'upload refused';
    const text = document.createElement('p');
    text.className = 'status';
    text.textContent = `${file.name}: ${why}`;
    const close = document.createElement('button');
    close.type = 'button';
    close.className = 'button quiet small';
    close.textContent = button;
    close.setAttribute('aria-label', `${button}: ${file.name}`);
    close.addEventListener('click', () => {
      gone();
      item.remove();
      this.empty();
    });
    item.append(text, close);
    this.list.prepend(item);
    this.empty();
    this.say(text.textContent);
    return item;
  }

  /** The whole page takes drops. */
  private drops(): void {
    let depth = 0;
    const over = (on: boolean) => document.body.classList.toggle('dropping', on);
    const files = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    addEventListener('dragenter', (event) => files(event) && over(++depth > 0));
    addEventListener('dragleave', (event) => files(event) && over((depth = Math.max(0, depth - 1)) > 0));
    addEventListener('dragover', (event) => files(event) && event.preventDefault());
    addEventListener('drop', (event) => {
      if (!event.dataTransfer || !files(event)) return;
      event.preventDefault();
      over((depth = 0) > 0);
      this.wanted = undefined;
      void handles.dropped(event.dataTransfer).then((given) => this.take(given));
    });
  }

  private say(text: string): void {
    this.news.textContent = text;
  }

  private empty(): void {
    this.none.hidden = this.list.childElementCount > 0;
  }
}

copyButtons();
const root = document.querySelector<HTMLElement>('[data-uploads]');
if (root) void new Page(root).begin();
