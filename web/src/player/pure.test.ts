import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clock, picture, rate, speed, spoken } from './format';
import { command, faster } from './keys';
import { ATTEMPTS, PATIENCE_MS, next, retryAfter } from './retry';

const press = (key: string, more = {}) => ({ key, ctrlKey: false, altKey: false, metaKey: false, ...more });
const fresh = { failures: 1, renewed: false, elapsed: 0, offline: false };

test('times read as people write them', () => {
  assert.equal(clock(0), '0:00');
  assert.equal(clock(75.9), '1:15');
  assert.equal(clock(3675), '1:01:15');
  assert.equal(clock(Number.NaN), '0:00');
  assert.equal(spoken(3661), '1 hour 1 minute 1 second');
  assert.equal(spoken(0), '0 seconds');
});

test('rates and pictures have short names', () => {
  assert.equal(rate(96_000), '96 kbit/s');
  assert.equal(rate(2_345_678), '2.3 Mbit/s');
  assert.equal(rate(12_000_000), '12 Mbit/s');
  assert.equal(picture(1280, 720, 24), '720p');
  assert.equal(picture(720, 1280, 59.94), '720p60');
  assert.equal(picture(0, 0, 0), 'Audio');
  assert.equal(speed(1.25), '1.25×');
});

test('keys follow the list, with shift and without', () => {
  assert.deepEqual(command(press('K')), { do: 'toggle' });
  assert.deepEqual(command(press('5')), { do: 'part', of: 0.5 });
  assert.deepEqual(command(press('ArrowLeft')), { do: 'seek', by: -5 });
  assert.equal(command(press('f', { ctrlKey: true })), null);
  assert.equal(command(press('Tab')), null);
});

test('speed steps and stops at the ends', () => {
  assert.equal(faster(1, 1), 1.25);
  assert.equal(faster(0.25, -1), 0.25);
  assert.equal(faster(2, 1), 2);
});

test('a chunk that is being made is waited for as long as the server says', () => {
  const outcome = { kind: 'status', status: 503, retryAfter: 3 } as const;
  assert.deepEqual(next(outcome, { ...fresh, failures: 50 }, 0), { do: 'wait', ms: 3000, reason: 'preparing' });
  assert.deepEqual(next(outcome, { ...fresh, elapsed: PATIENCE_MS + 1 }, 0), { do: 'fail' });
});

test('without a network no attempt counts', () => {
  const offline = { ...fresh, failures: 10 * ATTEMPTS, offline: true };
  for (const kind of ['network', 'timeout'] as const) assert.deepEqual(next({ kind }, offline, 0), { do: 'online' });
  assert.deepEqual(next({ kind: 'status', status: 404, retryAfter: null }, offline, 0), { do: 'fail' }, 'somebody answered');
});

test('a refused signature is renewed once', () => {
  const refused = { kind: 'status', status: 403, retryAfter: null } as const;
  assert.deepEqual(next(refused, fresh, 0), { do: 'renew' });
  assert.deepEqual(next(refused, { ...fresh, renewed: true }, 0), { do: 'fail' });
});

test('what cannot pass is not tried again, what can is tried with growing waits', () => {
  assert.deepEqual(next({ kind: 'status', status: 404, retryAfter: null }, fresh, 0), { do: 'fail' });
  const waits = [1, 2, 3].map((failures) => next({ kind: 'network' }, { ...fresh, failures }, 0.999));
  assert.deepEqual(waits.map((w) => (w.do === 'wait' ? w.ms : 0)), [499, 999, 1999]);
  assert.deepEqual(next({ kind: 'timeout' }, { ...fresh, failures: ATTEMPTS }, 0), { do: 'fail' });
});

test('Retry-After is read as seconds and as a date', () => {
  assert.equal(retryAfter('7', 0), 7);
  assert.equal(retryAfter(null, 0), null);
  assert.equal(retryAfter('soon', 0), null);
  assert.equal(retryAfter('Thu, 01 Jan 1970 00:00:05 GMT', 1000), 4);
});
