import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Controls } from './controls';
import type { Engine } from './engine';
import { Tracks } from './tracks';

test('captions that name no language come back as they were chosen', () => {
  const read: number[] = [];
  const controls = { texts: () => {} } as unknown as Controls;
  const tracks: Tracks = new Tracks({} as HTMLElement, controls, () => ({ read: (to: number) => read.push(to) }) as unknown as Engine);
  const texts = ['Captions 1', 'Captions 2'].map((label, index) => ({ index, label, language: '' }));
  tracks.haveTexts(texts, -1);
  tracks.read(1);
  tracks.haveTexts(texts, 1);
  assert.equal(tracks.switchCaptions(), 'Captions off');
  tracks.haveTexts(texts, -1);
  assert.equal(tracks.switchCaptions(), 'Captions 2');
  assert.deepEqual(read, [1, -1, 1]);
});

test('of several sounds in one language the chosen one comes back with another engine', () => {
  const heard: number[] = [];
  const controls = { sounds: () => {} } as unknown as Controls;
  const tracks: Tracks = new Tracks({} as HTMLElement, controls, () => ({ hear: (to: number) => heard.push(to) }) as unknown as Engine);
  const sounds = ['English', 'Commentary'].map((label, index) => ({ index, label, language: 'en' }));
  tracks.haveSounds(sounds, 0);
  tracks.hear(1);
  tracks.forget();
  tracks.haveSounds([sounds[1]!, sounds[0]!].map((sound, index) => ({ ...sound, index })), 1);
  tracks.haveSounds(sounds, 0);
  assert.deepEqual(heard, [1, 0]);
});
