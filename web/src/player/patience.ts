// How long a connection may say nothing: a half-dead network takes a request and never answers it.

/** In ms; longer than the origin keeps a request for a segment that is not there yet (`origin.wait_ms`). */
const SILENCE_MS = 12_000;

/** Ends one request after so much silence, however slow it may be, or when everything is stopped. */
export class Patience {
  /** Whether silence has ended the request. */
  exhausted = false;
  #request = new AbortController();
  #stop: AbortSignal;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #cancel = () => this.#request.abort();

  constructor(stop: AbortSignal) {
    this.#stop = stop;
    stop.addEventListener('abort', this.#cancel);
    if (stop.aborted) this.#cancel();
    this.heard();
  }

  /** For the request. */
  get signal(): AbortSignal {
    return this.#request.signal;
  }

  /** Something arrived: the timeout restarts. */
  heard(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.exhausted = true;
      this.#cancel();
    }, SILENCE_MS);
  }

  /** Nothing is waited for any more. */
  done(): void {
    clearTimeout(this.#timer);
    this.#stop.removeEventListener('abort', this.#cancel);
  }
}

/** Reads a body to its end; `came` hears the size of every piece, in bytes. */
export async function read(response: Response, came: (bytes: number) => void): Promise<ArrayBuffer> {
  if (!response.body) {
    const whole = await response.arrayBuffer();
    came(whole.byteLength);
    return whole;
  }
  const pieces: Uint8Array[] = [];
  let length = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    length += value.byteLength;
    came(value.byteLength);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole.buffer;
}
