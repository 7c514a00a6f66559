// Sends one file: which parts are missing, up to four of them at a time over all files, each with its checksum, each
// tried again until it is acknowledged. Knows nothing of the page.

import * as api from './api';
import { backoff, wait } from '../wait';
import { bytesOf, missing, range } from './cut';
import { checksum } from './crc32';
import { Pace } from './pace';

export type Phase =
  | 'waiting' // for files before it
  | 'sending'
  | 'lost' // the network or the server; it tries again by itself
  | 'paused'
  | 'idle' // after a reload: the file must be given again
  | 'elsewhere' // another tab sends it
  | 'finishing'
  | 'done'
  | 'failed';

/** Lets at most so many pass at a time, in the order they came. */
class Slots {
  private waiting: Array<() => void> = [];
  constructor(private free: number) {}

  async take(stop: AbortSignal): Promise<() => void> {
    stop.throwIfAborted();
    if (this.free > 0) this.free--;
    else {
      await new Promise<void>((resolve, reject) => {
        const go = () => {
          stop.removeEventListener('abort', giveUp);
          resolve();
        };
        const giveUp = () => {
          const at = this.waiting.indexOf(go);
          if (at >= 0) this.waiting.splice(at, 1);
          reject(stop.reason);
        };
        this.waiting.push(go);
        stop.addEventListener('abort', giveUp, { once: true });
      });
      // Passed on and given up in the same moment: hand it to the next.
      if (stop.aborted) this.give();
      stop.throwIfAborted();
    }
    let given = false;
    return () => {
      if (!given) this.give();
      given = true;
    };
  }

  private give(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free++;
  }
}

const PARTS_AT_A_TIME = 4;
const files = new Slots(2);
const parts = new Slots(PARTS_AT_A_TIME);
/** A part that is silent so long is tried again, in ms. */
const SILENCE = 60_000;
/** How often a part is tried that the server refuses for a reason which may pass (an address that is too old). */
const REFUSALS = 5;

export class Sender {
  phase: Phase = 'idle';
  /** Words for people when it failed or waits. */
  message = '';
  /** Bytes that the server has acknowledged. */
  acknowledged: number;
  readonly pace = new Pace();
  private flying = new Map<number, number>();
  private stop: AbortController | undefined;

  constructor(
    public upload: api.Upload,
    private changed: () => void,
  ) {
    this.acknowledged = upload.received;
    if (upload.complete) this.phase = 'done';
  }

  get active(): boolean {
    return ['waiting', 'sending', 'lost', 'finishing'].includes(this.phase);
  }

  /** Bytes that are on the wire and not yet acknowledged. */
  get sent(): number {
    return [...this.flying.values()].reduce((sum, bytes) => sum + bytes, this.acknowledged);
  }

  /** Sends what is missing of the file; ends when it is complete, stopped or failed. */
  async start(file: File): Promise<void> {
    if (this.active || this.phase === 'done') return;
    const stop = (this.stop = new AbortController());
    this.pace.clear();
    this.become('waiting');
    const run = async (alone: boolean) => {
      if (!alone) return this.become('elsewhere');
      try {
        await this.run(file, stop.signal);
      } catch (error) {
        // Stopped by a part that failed, or by the person: who stopped it has said what it is now.
        if (stop.signal.aborted) return;
        this.fail(error);
      } finally {
        this.flying.clear();
      }
    };
    // One tab at a time; without locks (plain http on a foreign host) parts sent twice do no harm.
    if (!navigator.locks) return run(true);
    await navigator.locks.request(`kinora-upload-${this.upload.id}`, { ifAvailable: true }, (lock) => run(!!lock));
  }

  pause(): void {
    if (!this.active || this.phase === 'finishing') return;
    this.halt('paused', '');
  }

  /** The server says that the file has arrived, from any tab. */
  arrived(): void {
    if (this.phase !== 'finishing') this.stop?.abort();
    this.become('done');
  }

  /** Stops and forgets what has arrived. */
  async discard(): Promise<void> {
    if (this.active) this.halt('paused', '');
    await api.discard(this.upload.id).catch((error: unknown) => {
      if (!(error instanceof api.Refused && error.status === 404)) throw error;
    });
  }

  private async run(file: File, stop: AbortSignal): Promise<void> {
    const leave = await files.take(stop);
    try {
      const { size, part_bytes: bytes, id } = this.upload;
      const { upload, have } = await this.insist(() => api.one(id, stop), stop);
      if (upload?.complete) return this.become('done');
      const todo = missing(size, bytes, have);
      this.acknowledged = bytesOf(size, bytes, have);
      this.become('sending');
      const worker = async () => {
        for (let number = todo.shift(); number !== undefined; number = todo.shift()) {
          await this.part(file, number, stop);
        }
      };
      try {
        await Promise.all(Array.from({ length: PARTS_AT_A_TIME }, worker));
      } catch (error) {
        if (!stop.aborted) this.fail(error);
        this.stop?.abort();
        throw error;
      }
      this.become('finishing');
      await this.insist(() => api.complete(id), stop);
      this.become('done');
    } finally {
      leave();
    }
  }

  /** Sends one part until it is acknowledged. */
  private async part(file: File, number: number, stop: AbortSignal): Promise<void> {
    const { start, end } = range(this.upload.size, this.upload.part_bytes, number);
    const blob = file.slice(start, end);
    let refusals = 0;
    await this.insist(async () => {
      const leave = await parts.take(stop);
      try {
        const crc32 = await checksum(blob, stop);
        const [address] = await api.addresses(this.upload.id, [{ number, crc32 }], stop);
        if (address) await this.put(address, blob, stop);
      } catch (error) {
        // Too old an address, or damage on the way: another try with a fresh one.
        const again = error instanceof api.Refused && [400, 403].includes(error.status) && ++refusals < REFUSALS;
        throw again ? new api.Refused(0, error.code, error.message) : error;
      } finally {
        this.flying.delete(number);
        leave();
      }
    }, stop);
    this.acknowledged += blob.size;
    this.pace.add(performance.now(), this.sent);
    this.changed();
  }

  /** PUTs a part to its presigned address. */
  private put(address: api.Address, blob: Blob, stop: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      let silence = 0;
      const listen = () => {
        clearTimeout(silence);
        silence = window.setTimeout(() => request.abort(), SILENCE);
      };
      const end = (then: () => void) => () => {
        clearTimeout(silence);
        stop.removeEventListener('abort', abort);
        then();
      };
      const abort = () => request.abort();
      const lost = () => reject(stop.aborted ? stop.reason : new api.Refused(0, 'offline', 'The connection was lost.'));
      request.open('PUT', address.url);
      request.setRequestHeader('x-amz-checksum-crc32', address.crc32);
      request.upload.onprogress = ({ loaded }) => {
        listen();
        this.flying.set(address.number, Math.min(loaded, blob.size));
        this.pace.add(performance.now(), this.sent);
        this.changed();
      };
      request.onload = end(() => {
        if (request.status === 200) return resolve();
        const code = /<Code>(\w+)<\/Code>/.exec(request.responseText)?.[1] ?? '';
        const words = /<Message>([^<]*)<\/Message>/.exec(request.responseText)?.[1] ?? `Error ${request.status}`;
        reject(new api.Refused(request.status, code, words));
      });
      request.onerror = request.onabort = end(lost);
      stop.addEventListener('abort', abort);
      if (stop.aborted) return reject(stop.reason);
      listen();
      request.send(blob);
    });
  }

  /** Tries again what fails for a passing reason, ever slower, at once when the network is back. */
  private async insist<T>(work: () => Promise<T>, stop: AbortSignal): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        const answer = await work();
        if (this.phase === 'lost') this.become('sending');
        return answer;
      } catch (error) {
        if (stop.aborted || !(error instanceof api.Refused && error.passing)) throw error;
        this.become('lost');
        await wait(backoff(tries), stop);
        stop.throwIfAborted();
      }
    }
  }

  private fail(error: unknown): void {
    const unreadable = error instanceof DOMException && ['NotReadableError', 'NotFoundError'].includes(error.name);
    const over = error instanceof api.Refused && (error.status === 404 || error.code === 'NoSuchUpload');
    const words = unreadable
      ? 'The file was changed or moved. Choose it again.'
      : over
        ? 'This upload has expired. Discard it and choose the file again.'
        : error instanceof Error && error.message
          ? error.message
          : 'Something went wrong.';
    this.halt('failed', words);
  }

  private halt(phase: Phase, message: string): void {
    this.phase = phase;
    this.message = message;
    this.stop?.abort();
    this.changed();
  }

  private become(phase: Phase): void {
    if (this.phase === phase) return;
    this.phase = phase;
    this.message = '';
    if (phase === 'lost') this.pace.clear();
    if (phase === 'done') this.acknowledged = this.upload.size;
    this.changed();
  }
}
