import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Faults, unnoticed } from './faults';

/** Whether each of so many was allowed. */
const each = (count: number, allowed: () => boolean) => Array.from({ length: count }, allowed);

test('two faults a minute are mended, five fresh starts are borne', () => {
  const { now } = performance;
  let time = 1_000_000;
  performance.now = () => time;
  try {
    const faults = new Faults();
    assert.deepEqual(each(3, () => faults.mendable()), [true, true, false]);
    assert.deepEqual(each(6, () => faults.bearable()), [true, true, true, true, true, false]);
    time += 59_999;
    assert.deepEqual([faults.mendable(), faults.bearable()], [false, false]);
    // A minute after the first ones, only the last one counts.
    time += 1;
    assert.deepEqual([faults.mendable(), faults.bearable()], [true, true]);
  } finally {
    performance.now = now;
  }
});

test('a fault that stands is told of, one that was mended meanwhile or comes to nobody is not', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const video = Object.assign(new EventTarget(), { error: null as { code: number; message: string } | null });
  const stop = new AbortController();
  const told: string[] = [];
  unnoticed(video as unknown as HTMLVideoElement, stop.signal, (detail) => told.push(detail));
  const fault = (mended: boolean) => {
    video.error = { code: 3, message: 'no picture' };
    video.dispatchEvent(new Event('error'));
    if (mended) video.error = null;
    context.mock.timers.tick(1000);
  };
  fault(true);
  assert.deepEqual(told, []);
  fault(false);
  assert.deepEqual(told, ['decoder 3 no picture']);
  video.dispatchEvent(new Event('error'));
  stop.abort();
  context.mock.timers.tick(1000);
  fault(false);
  assert.equal(told.length, 1);
});
