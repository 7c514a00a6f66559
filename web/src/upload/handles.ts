// Where the browser can, it remembers which file an upload is of (File System Access), so that one press resumes it
// after a reload. The handle gives nothing without the person's permission.

interface Handle extends FileSystemFileHandle {
  requestPermission?(options: { mode: 'read' }): Promise<PermissionState>;
}

const STORE = 'handles';

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('kinora-uploads', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T | undefined> {
  // Private windows have no database: then files are chosen again.
  try {
    const db = await open();
    return await new Promise<T>((resolve, reject) => {
      const request = work(db.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    }).finally(() => db.close());
  } catch {
    return undefined;
  }
}

export const keep = (id: string, handle: FileSystemFileHandle) => run('readwrite', (s) => s.put(handle, id));
export const forget = (id: string) => run('readwrite', (s) => s.delete(id));
export const has = async (id: string) => (await run('readonly', (s) => s.count(id))) === 1;

/** The file of an upload, if it is remembered and the person allows it. */
export async function file(id: string): Promise<File | undefined> {
  const handle = (await run<Handle>('readonly', (s) => s.get(id) as IDBRequest<Handle>)) as Handle | undefined;
  if (!handle) return undefined;
  try {
    if ((await handle.requestPermission?.({ mode: 'read' })) !== 'granted') return undefined;
    return await handle.getFile();
  } catch {
    return undefined;
  }
}

/** A file that was dropped or chosen, with its handle where there is one. */
export interface Given {
  file: File;
  handle?: FileSystemFileHandle | undefined;
}

/** The files of a drop. Folders are passed over. */
export async function dropped(transfer: DataTransfer): Promise<Given[]> {
  type Item = DataTransferItem & { getAsFileSystemHandle?(): Promise<FileSystemHandle | null> };
  // All must be asked before the first answer: the list is emptied afterwards.
  const waiting = [...transfer.items].filter((item) => item.kind === 'file').map(async (item: Item) => {
    const entry = item.webkitGetAsEntry?.();
    const file = item.getAsFile();
    const handle = await item.getAsFileSystemHandle?.().catch(() => null);
    if (!file || entry?.isDirectory) return undefined;
    return { file, handle: handle?.kind === 'file' ? (handle as FileSystemFileHandle) : undefined };
  });
  return (await Promise.all(waiting)).filter((given) => given !== undefined);
}
