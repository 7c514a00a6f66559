// What the player remembers on this device. Storage that is refused is simply empty.

function read(key: string): string | null {
  try {
    return localStorage.getItem(`kinora.${key}`);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(`kinora.${key}`, value);
  } catch {
    // Private windows: nothing is remembered.
  }
}

function number(key: string, low: number, high: number): number | null {
  const text = read(key);
  const value = text === null || text === '' ? Number.NaN : Number(text);
  return value >= low && value <= high ? value : null;
}

/** Bit/s to expect of a network that nothing is known of. */
export const UNKNOWN_BANDWIDTH = 1_500_000;

/** Last measured bandwidth in bit/s; with an argument, remembers it. */
export function bandwidth(now?: number): number | null {
  if (now !== undefined && Number.isFinite(now)) write('bandwidth', String(Math.round(now)));
  return number('bandwidth', 50_000, 1e9);
}

/** Volume from 0 to 1; with an argument, remembers it. */
export function volume(now?: number): number | null {
  if (now !== undefined) write('volume', String(now));
  return number('volume', 0, 1);
}

/** Language of the captions, empty while none was chosen; with an argument, remembers it. */
export function captions(now?: string): string {
  if (now !== undefined) write('captions', now);
  return read('captions') ?? '';
}

/** Whether captions in that language are shown; with an argument, remembers it. */
export function captioned(now?: boolean): boolean {
  if (now !== undefined) write('captioned', now ? 'on' : 'off');
  return read('captioned') !== 'off';
}

/** Language of the sound, empty for the title's own; with an argument, remembers it. */
export function audio(now?: string): string {
  if (now !== undefined) write('audio', now);
  return read('audio') ?? '';
}

/** Whether keys are on; with an argument, remembers it. */
export function keys(now?: boolean): boolean {
  if (now !== undefined) write('keys', now ? 'on' : 'off');
  return read('keys') !== 'off';
}
