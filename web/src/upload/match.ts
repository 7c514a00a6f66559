// Knows a file again that was being uploaded before a reload.

export interface Known {
  id: string;
  file: string;
  size: number;
  modified_ms: number;
  fingerprint: string;
  complete: boolean;
}

export interface Facts {
  name: string;
  size: number;
  lastModified: number;
}

/** Whether a file may be that of an upload, as far as one can tell without reading it. */
export function alike(known: Known, file: Facts): boolean {
  const same = known.file === file.name && known.size === file.size && known.modified_ms === file.lastModified;
  return same && !known.complete;
}

/** The open upload that a file belongs to; it is read (its ends) only if one may be meant. */
export async function match<K extends Known>(
  open: Iterable<K>,
  file: Facts,
  fingerprint: () => Promise<string>,
): Promise<K | undefined> {
  const candidates = [...open].filter((known) => alike(known, file));
  if (candidates.length === 0) return undefined;
  const print = await fingerprint();
  return candidates.find((known) => known.fingerprint === print);
}
