// Which key does what. Pure.

/** What a key asks for. */
export type Command =
  | { do: 'toggle' }
  | { do: 'seek'; by: number }
  | { do: 'part'; of: number }
  | { do: 'volume'; by: number }
  | { do: 'mute' }
  | { do: 'captions' }
  | { do: 'fullscreen' }
  | { do: 'speed'; by: 1 | -1 }
  | { do: 'frame'; by: 1 | -1 }
  | { do: 'help' };

/** The part of a keyboard event that matters. */
export interface Press {
  key: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
}

/** Finds the command of a key; `null` for keys that are not ours. */
export function command(press: Press): Command | null {
  if (press.ctrlKey || press.altKey || press.metaKey) return null;
  if (/^[0-9]$/.test(press.key)) return { do: 'part', of: Number(press.key) / 10 };
  switch (press.key.length === 1 ? press.key.toLowerCase() : press.key) {
    case ' ':
    case 'k':
      return { do: 'toggle' };
    case 'j':
      return { do: 'seek', by: -10 };
    case 'l':
      return { do: 'seek', by: 10 };
    case 'ArrowLeft':
      return { do: 'seek', by: -5 };
    case 'ArrowRight':
      return { do: 'seek', by: 5 };
    case 'ArrowUp':
      return { do: 'volume', by: 0.05 };
    case 'ArrowDown':
      return { do: 'volume', by: -0.05 };
    case 'm':
      return { do: 'mute' };
    case 'c':
      return { do: 'captions' };
    case 'f':
      return { do: 'fullscreen' };
    case '<':
      return { do: 'speed', by: -1 };
    case '>':
      return { do: 'speed', by: 1 };
    case ',':
      return { do: 'frame', by: -1 };
    case '.':
      return { do: 'frame', by: 1 };
    case '?':
      return { do: 'help' };
    default:
      return null;
  }
}

/** The list shown by `?`: keys and what they do. */
export const HELP: Array<[string[], string]> = [
  [['Space', 'K'], 'Play or pause'],
  [['J', 'L'], 'Back or forward 10 seconds'],
  [['←', '→'], 'Back or forward 5 seconds'],
  [['↑', '↓'], 'Volume'],
  [['M'], 'Sound on or off'],
  [['C'], 'Captions on or off'],
  [['F'], 'Full screen'],
  [['0', '–', '9'], 'Jump to 0 – 90 %'],
  [['<', '>'], 'Slower or faster'],
  [[',', '.'], 'One frame back or forward'],
  [['?'], 'This list'],
];

/** Speeds that `<` and `>` step through. */
export const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];

/** The neighbour of `now` among [`SPEEDS`]. */
export function faster(now: number, by: 1 | -1): number {
  const at = SPEEDS.reduce((best, s, i) => (Math.abs(s - now) < Math.abs(SPEEDS[best]! - now) ? i : best), 0);
  return SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at + by))]!;
}
