import assert from 'node:assert/strict';
import { test } from 'node:test';
import { write } from './live';

test('figures read as the server writes them', () => {
  assert.equal(write('percent', 999), '99 %');
  assert.equal(write('speed', 3.14), '3.1×');
  assert.equal(write('left', 0), 'about 1 s left');
  assert.equal(write('left', 150_000), 'about 3 min left');
  assert.equal(write('left', 7_200_000), 'about 2 h left');
  assert.equal(write('sentence', 'this file is a text'), 'This file is a text.');
  assert.equal(write('sentence', 'Is it?'), 'Is it?');
  assert.equal(write('speed', null), '');
});
