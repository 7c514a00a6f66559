// Keeps figures on a page current while work is under way. The page names what to ask (`data-live="/api/jobs"`) and
// marks what changes: `[data-item=ID]` holds elements with `data-field=NAME` and how to write it, `data-as=FORMAT`.
// When items come, go or change their state, the page is loaded again: the server knows best how that looks. What a
// person has typed is not lost to that: then the page waits.

import { sentence } from '../words';

interface Item {
  id: string;
  state: string;
  playable?: boolean;
  [field: string]: unknown;
}

const EVERY_MS = 2000;
const SLOWEST_MS = 30_000;
/** Longest time that a whole answer may take. */
const ANSWER_MS = 15_000;
const OVER = ['published', 'rejected', 'failed', 'done', 'cancelled'];

/** Starts polling for every part of the page that asks for it. */
export function live(): void {
  for (const root of document.querySelectorAll<HTMLElement>('[data-live]')) watch(root, root.dataset.live ?? '');
}

function watch(root: HTMLElement, address: string): void {
  let wait = EVERY_MS;
  const poll = async () => {
    if (document.hidden) return void document.addEventListener('visibilitychange', poll, { once: true });
    try {
      const answer = await fetch(address, { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) });
      const lost = answer.status === 401 || answer.status === 404;
      if (lost && !unsaved()) return location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      const found = (await answer.json()) as { items: Item[] } | Item;
      const items = 'items' in found && Array.isArray(found.items) ? found.items : [found as Item];
      if (!apply(root, items) && !unsaved()) return location.reload();
      const busy = items.some((item) => !OVER.includes(item.state));
      // Where nothing is under way, something new may still come.
      wait = busy ? EVERY_MS : EVERY_MS * 4;
    } catch {
      wait = Math.min(wait * 2, SLOWEST_MS);
    }
    setTimeout(poll, wait);
  };
  setTimeout(poll, wait);
}

/** Whether something was typed or chosen that the server does not have yet. */
function unsaved(): boolean {
  const changed = (field: Element) =>
    (field instanceof HTMLInputElement && (field.value !== field.defaultValue || field.checked !== field.defaultChecked)) ||
    (field instanceof HTMLTextAreaElement && field.value !== field.defaultValue) ||
    (field instanceof HTMLSelectElement &&
      field.selectedIndex !== Math.max(0, [...field.options].findIndex((option) => option.defaultSelected)));
  return [...document.querySelectorAll('form :is(input, textarea, select)')].some(changed);
}

/** Writes the values into the page; `false` when the page must be reloaded. */
function apply(root: HTMLElement, items: Item[]): boolean {
  const shown = new Map([...root.querySelectorAll<HTMLElement>('[data-item]')].map((el) => [el.dataset.item, el]));
  if (shown.size !== items.length) return false;
  for (const item of items) {
    const element = shown.get(item.id);
    if (!element || element.dataset.state !== item.state) return false;
    const playable = element.dataset.playable;
    if (playable !== undefined && playable !== String(item.playable)) return false;
    for (const field of element.querySelectorAll<HTMLElement>('[data-field]')) {
      const value = item[field.dataset.field ?? ''];
      if (field instanceof HTMLProgressElement) {
        if (typeof value === 'number') field.value = value;
        continue;
      }
      const text = write(field.dataset.as ?? '', value);
      if (text !== null && field.textContent !== text) field.textContent = text;
    }
  }
  return true;
}

/** Writes a value as the server does (crates/site/src/words.rs). */
export function write(format: string, value: unknown): string | null {
  if (typeof value === 'number') {
    if (format === 'percent') return `${Math.floor(value / 10)} %`;
    if (format === 'speed') return `${value.toFixed(1)}×`;
    if (format === 'left') {
      const s = Math.floor(value / 1000);
      if (s < 90) return `about ${Math.max(1, s)} s left`;
      return s < 5400 ? `about ${Math.floor((s + 30) / 60)} min left` : `about ${Math.floor((s + 1800) / 3600)} h left`;
    }
  }
  if (typeof value === 'string' && format === 'sentence') return sentence(value);
  return value === null ? '' : null;
}
