import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, tileAt } from './storyboard';

const TEXT = `WEBVTT

00:00.000 --> 00:02.000
storyboard/0.jpg#xywh=0,0,160,90

00:00:02.000 --> 00:00:04.000
storyboard/0.jpg#xywh=160,0,160,90

1:00:00.000 --> 1:00:02.000
storyboard/1.jpg#xywh=0,90,160,90
`;

test('cues become tiles with absolute addresses', () => {
  const tiles = parse(TEXT, 'http://x/out/storyboard.vtt');
  assert.deepEqual(tiles.map((tile) => tile.start), [0, 2, 3600]);
  assert.deepEqual(tiles[1], { start: 2, url: 'http://x/out/storyboard/0.jpg', x: 160, y: 0, width: 160, height: 90 });
});

test('a time has the tile that began last', () => {
  const tiles = parse(TEXT.replaceAll('\n', '\r\n'), 'http://x/');
  assert.equal(tileAt(tiles, 1.9)?.x, 0);
  assert.equal(tileAt(tiles, 2)?.x, 160);
  assert.equal(tileAt(tiles, 9e9)?.y, 90);
  assert.equal(tileAt([], 1), null);
});
