// Words as the server writes them (crates/site/src/words.rs).

/** A reason as a sentence: with a capital and an end. */
export function sentence(reason: string | null): string {
  const text = (reason ?? '').trim();
  if (!text) return '';
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? '' : '.');
}
