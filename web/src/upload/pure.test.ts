import assert from 'node:assert/strict';
import { crc32 as zlib } from 'node:zlib';
import { test } from 'node:test';
import { backoff } from '../wait';
import { bytesOf, count, missing, range } from './cut';
import { base64, checksum, crc32, fingerprint } from './crc32';
import { match, type Known } from './match';
import { Pace, size, span } from './pace';

const MIB = 1 << 20;

test('parts cover the file exactly', () => {
  const [bytes, part] = [20 * MIB + 5, 8 * MIB];
  assert.equal(count(bytes, part), 3);
  assert.deepEqual(range(bytes, part, 1), { start: 0, end: 8 * MIB });
  assert.deepEqual(range(bytes, part, 3), { start: 16 * MIB, end: bytes });
  assert.deepEqual(missing(bytes, part, [2]), [1, 3]);
  assert.deepEqual(missing(bytes, part, [1, 2, 3]), []);
  assert.equal(bytesOf(bytes, part, [1, 2, 3]), bytes);
  assert.equal(bytesOf(bytes, part, [3]), 4 * MIB + 5);
  const large = 20 * 2 ** 30;
  assert.equal(range(large, 32 * MIB, 640).end, large);
});

test('checksums are those of zlib, whole and in pieces', async () => {
  const bytes = new Uint8Array(3 * MIB + 13).map((_, n) => (n * 2654435761) >>> 13);
  for (const length of [0, 1, 7, 8, 9, 1000, bytes.length]) {
    assert.equal(crc32(bytes.subarray(0, length)), zlib(bytes.subarray(0, length)), `${length}`);
  }
  assert.equal(base64(crc32(new TextEncoder().encode('123456789'))), 'y/Q5Jg==');
  assert.equal(await checksum(new Blob([bytes])), base64(zlib(bytes)));
  const other = bytes.slice();
  other[bytes.length - 1] = (other.at(-1) as number) ^ 1;
  assert.notEqual(await fingerprint(new Blob([bytes])), await fingerprint(new Blob([other])));
});

test('a file is known again by name, size, time and its ends', async () => {
  const known: Known = { id: 'a', file: 'a.mp4', size: 5, modified_ms: 7, fingerprint: 'x-y', complete: false };
  const file = { name: 'a.mp4', size: 5, lastModified: 7 };
  let reads = 0;
  const print = (text: string) => async () => (reads++, text);
  assert.equal((await match([known], file, print('x-y')))?.id, 'a');
  assert.equal(await match([known], file, print('x-z')), undefined);
  assert.equal(reads, 2);
  for (const other of [{ ...file, name: 'b.mp4' }, { ...file, size: 6 }, { ...file, lastModified: 8 }]) {
    assert.equal(await match([known], other, print('x-y')), undefined);
  }
  assert.equal(await match([{ ...known, complete: true }], file, print('x-y')), undefined);
  assert.equal(reads, 2, 'a file that cannot be meant is not read');
});

test('the pace follows the last seconds', () => {
  const pace = new Pace();
  assert.equal(pace.speed(0), null);
  pace.add(0, 0);
  pace.add(1000, 1000);
  assert.equal(pace.speed(1000), null, 'too early to tell');
  for (let s = 2; s <= 10; s++) pace.add(s * 1000, s * 1000);
  assert.equal(pace.speed(10_000), 1000);
  assert.equal(pace.eta(10_000, 5000), 5000);
  for (let s = 11; s <= 30; s++) pace.add(s * 1000, 10_000 + (s - 10) * 3000);
  assert.equal(pace.speed(30_000), 3000);
  // Nothing more comes: the speed falls, the time grows.
  assert.ok((pace.speed(60_000) as number) < 1000);
  pace.add(61_000, 0);
  assert.equal(pace.speed(61_000), null);
});

test('figures read as people write them', () => {
  assert.equal(size(999), '1 kB');
  assert.equal(size(1_450_000_000), '1.5 GB');
  assert.equal(size(212_900_000), '212.9 MB');
  assert.equal(size(2 ** 40), '1.1 TB');
  assert.equal(span(500), '1 s');
  assert.equal(span(150_000), '3 min');
  assert.equal(span(7_200_000), '2 h');
  assert.equal(backoff(0, 1000, 30_000, 1), 1000);
  assert.equal(backoff(3, 1000, 30_000, 0), 4000);
  assert.equal(backoff(99, 1000, 30_000, 1), 30_000);
});
