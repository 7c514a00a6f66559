// Reasons why playback cannot continue, in words for viewers.

/** A failure that stops playback until the viewer does something. */
export interface Failure {
  /** For the report: `network`, `denied`, `gone`, … */
  kind: 'network' | 'denied' | 'gone' | 'server' | 'unsupported' | 'decode' | 'session';
  /** What happened, a short sentence. */
  title: string;
  /** What to do about it. */
  advice: string;
  /** Facts for the report, never shown: status, address, engine's words. */
  detail: string;
  /** Whether signing in is what helps. */
  signIn?: boolean;
}

const WORDS: Record<Failure['kind'], [string, string]> = {
  network: ['The connection was lost.', 'Check your network. Playback resumes where it stopped as soon as the server answers.'],
  denied: ['You no longer have access to this title.', 'Try again, or sign in again.'],
  gone: ['This title is no longer available.', 'It may have been replaced or removed. Go back to Home.'],
  server: ['The server couldn’t deliver this part.', 'Try again in a moment.'],
  unsupported: ['This browser can’t play this title.', 'Try a current Chrome, Edge, Firefox or Safari.'],
  decode: ['The video couldn’t be decoded.', 'Try again, or choose another quality.'],
  session: ['Playback couldn’t start.', 'Try again in a moment.'],
};

/** Makes a failure with the usual words of its kind. */
export function failure(kind: Failure['kind'], detail: string, more: Partial<Failure> = {}): Failure {
  const [title, advice] = WORDS[kind];
  return { kind, title, advice, detail, ...more };
}

export function isFailure(value: unknown): value is Failure {
  return typeof value === 'object' && value !== null && 'kind' in value && 'advice' in value;
}

/** Makes the failure that an HTTP status of a media request stands for; 0 is no answer at all. */
export function ofStatus(status: number, detail: string): Failure {
  if (status === 401 || status === 403) return failure('denied', detail);
  if (status === 404 || status === 410) return failure('gone', detail);
  return failure(status === 0 ? 'network' : 'server', detail);
}
