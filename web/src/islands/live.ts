// Keeps numbers on a page current while work is under way. The page names what to ask (`data-live="/api/jobs"`) and
// marks what changes: `[data-item=ID]` holds elements with `data-field=NAME`. When items come, go or change their
// state, the page is loaded again, because the server knows best how that looks.

interface Item {
  id: string;
  state: string;
  /** Texts by field. */
  fields: Record<string, string>;
  /** 0 to 1000, `null` when nothing is under way. */
  progress: number | null;
}

const EVERY_MS = 2000;
const SLOWEST_MS = 30_000;

/** Starts polling if the page asks for it. */
export function live(): void {
  const root = document.querySelector<HTMLElement>('[data-live]');
  const address = root?.dataset.live;
  if (!root || !address) return;
  let wait = EVERY_MS;
  const again = () => setTimeout(poll, wait);
  const poll = async () => {
    if (document.hidden) return void document.addEventListener('visibilitychange', poll, { once: true });
    try {
      const answer = await fetch(address, { cache: 'no-store' });
      if (answer.status === 401) return location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      const { items } = (await answer.json()) as { items: Item[] };
      wait = EVERY_MS;
      if (!apply(root, items)) return location.reload();
    } catch {
      wait = Math.min(wait * 2, SLOWEST_MS);
    }
    again();
  };
  again();
}

/** Writes the values into the page; `false` when the page must be rendered anew. */
function apply(root: HTMLElement, items: Item[]): boolean {
  const shown = new Map([...root.querySelectorAll<HTMLElement>('[data-item]')].map((el) => [el.dataset.item, el]));
  if (shown.size !== items.length) return false;
  for (const item of items) {
    const element = shown.get(item.id);
    if (!element || element.dataset.state !== item.state) return false;
    for (const field of element.querySelectorAll<HTMLElement>('[data-field]')) {
      const text = item.fields[field.dataset.field ?? ''];
      if (text !== undefined && field.textContent !== text) field.textContent = text;
    }
    const bar = element.querySelector('progress');
    if (bar && item.progress !== null) bar.value = item.progress;
  }
  return true;
}
