// CRC-32 (ISO 3309, as S3's x-amz-checksum-crc32), eight bytes at a step.

const TABLES = tables();

function tables(): Uint32Array[] {
  const first = new Uint32Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    first[n] = c >>> 0;
  }
  const all = [first];
  for (let t = 1; t < 8; t++) {
    const before = all[t - 1] as Uint32Array;
    all.push(before.map((c) => (c >>> 8) ^ (first[c & 255] as number)));
  }
  return all;
}

/** Goes on with a checksum; begin with 0. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as [
    Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array,
  ];
  // Indexes are below 256 and within `bytes`.
  const at = (table: Uint32Array, n: number): number => table[n & 255] as number;
  const byte = (n: number): number => bytes[n] as number;
  let c = ~before;
  let n = 0;
  for (const end = bytes.length - 7; n < end; n += 8) {
    c ^= byte(n) | (byte(n + 1) << 8) | (byte(n + 2) << 16) | (byte(n + 3) << 24);
    c =
      at(t7, c) ^ at(t6, c >>> 8) ^ at(t5, c >>> 16) ^ at(t4, c >>> 24) ^
      at(t3, byte(n + 4)) ^ at(t2, byte(n + 5)) ^ at(t1, byte(n + 6)) ^ at(t0, byte(n + 7));
  }
  for (; n < bytes.length; n++) c = at(t0, c ^ byte(n)) ^ (c >>> 8);
  return ~c >>> 0;
}

/** A checksum as S3 writes it: four bytes, highest first, in Base64. */
export function base64(crc: number): string {
  return btoa(String.fromCharCode(crc >>> 24, (crc >>> 16) & 255, (crc >>> 8) & 255, crc & 255));
}

/** Bytes that are read at once: a part is never in memory as a whole. */
const PIECE = 1 << 20;

/** The checksum of a part of a file. */
export async function checksum(blob: Blob, stop?: AbortSignal): Promise<string> {
  let crc = 0;
  for (let at = 0; at < blob.size; at += PIECE) {
    stop?.throwIfAborted();
    crc = crc32(new Uint8Array(await blob.slice(at, at + PIECE).arrayBuffer()), crc);
  }
  return base64(crc);
}

/** Bytes at either end that a file is known by. */
const ENDS = 64 << 10;

/** A digest of a file's ends: cheap for any size. */
export async function fingerprint(file: Blob): Promise<string> {
  const of = async (blob: Blob) => crc32(new Uint8Array(await blob.arrayBuffer())).toString(16).padStart(8, '0');
  const head = await of(file.slice(0, ENDS));
  return `${head}-${await of(file.slice(Math.max(0, file.size - ENDS)))}`;
}
