// The player with real media: what is decoded, how it reacts, what it does about trouble.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, page } from './screen.mjs';
import { debug, film, open, operator, player, site } from './support.mjs';

const play = async () => {
  await page.goto(`${site}/watch/${film}?t=0`);
  return player(page, (d) => d.state === 'playing' && d.time > 0.5);
};

test('it plays: time goes on and frames are decoded', async () => {
  const first = await play();
  assert.equal(first.engine, 'hls.js');
  assert.ok(first.width > 0 && first.height > 0);
  const later = await player(page, (d) => d.time > first.time + 2 && d.decoded > first.decoded + 20);
  assert.ok(later.duration > 30, `${later.duration} s`);
  assert.equal(later.buffered.length, 1, 'no hole in what was loaded');
  assert.deepEqual(page.complaints, []);
});

test('it seeks by script, by key and by the scrub bar', async () => {
  await play();
  await page.evaluate(() => document.querySelector('kinora-player').seek(20));
  await player(page, (d) => d.state === 'playing' && d.time > 20.5);
  await page.keyboard.press('k');
  const before = await player(page, (d) => d.paused);
  await page.keyboard.press('j');
  await player(page, (d) => Math.abs(d.time - (before.time - 10)) < 0.1);
  await page.keyboard.press('9');
  await player(page, (d) => Math.abs(d.time - d.duration * 0.9) < 0.1);
  const bar = page.getByRole('slider', { name: 'Position' });
  const box = await bar.boundingBox();
  await page.mouse.click(box.x + box.width * 0.25, box.y + box.height / 2);
  await player(page, (d) => Math.abs(d.time - d.duration * 0.25) < 1);
  await page.keyboard.press('k');
  await player(page, (d) => d.state === 'playing' && d.time > d.duration * 0.25 + 1);
  assert.match(await bar.getAttribute('aria-valuetext'), /of \d+/);
});

test('a player that is moved on its page goes on where it was', async () => {
  await play();
  await page.evaluate(() => document.querySelector('kinora-player').seek(20));
  await player(page, (d) => d.state === 'playing' && d.time > 20.2);
  await page.evaluate(() => {
    const element = document.querySelector('kinora-player');
    // The second time it has nothing loaded.
    for (const _ of [1, 2]) element.parentElement.append(element);
  });
  const { time } = await player(page, (d) => d.state === 'playing' && d.time > 0);
  assert.ok(time > 20, `${time}`);
  assert.deepEqual(page.complaints, []);
});

test('the quality is chosen, shown, and left to the player again', async () => {
  const { levels } = await play();
  assert.ok(levels.length >= 2, `${levels.length} qualities`);
  const button = page.getByRole('button', { name: /^Quality/ });
  await button.getByText(/^Auto \(now \d+p\)$/).waitFor();
  for (const wanted of [levels[0], levels.at(-1)]) {
    await page.locator('kinora-player').hover(); // the bar hides while nothing moves
    await button.click();
    const items = page.getByRole('menuitemradio');
    assert.equal(await items.count(), levels.length + 1);
    assert.match(await items.nth(1).textContent(), /\d+p.*bit\/s/, 'heights with their rates');
    await items.filter({ hasText: new RegExp(`^${Math.min(wanted.width, wanted.height)}p`) }).click();
    await player(page, (d) => d.level === wanted.index && !d.auto);
    await player(page, (d) => d.height === wanted.height && d.state === 'playing');
    assert.equal(await button.textContent(), `${Math.min(wanted.width, wanted.height)}p`);
  }
  await page.locator('kinora-player').hover();
  await button.click();
  await page.getByRole('menuitemradio', { name: /^Auto/ }).click();
  await player(page, (d) => d.auto);
});

test('keys pause, step, mute and change speed, and can be switched off', async () => {
  await play();
  await page.keyboard.press('k');
  const paused = await player(page, (d) => d.paused);
  await page.keyboard.press('.');
  const stepped = await player(page, (d) => d.time !== paused.time);
  assert.ok(Math.abs(stepped.time - paused.time) < 0.1, 'one frame');
  await page.keyboard.press('m');
  await page.keyboard.press('>');
  await player(page, (d) => d.muted && d.speed === 1.25);
  await page.keyboard.press('?');
  await page.getByRole('switch', { name: 'Use these keys' }).uncheck();
  await page.keyboard.press('Escape');
  await page.keyboard.press('k');
  await page.waitForTimeout(200);
  assert.ok((await debug(page)).paused, 'keys are off');
  await page.evaluate(() => localStorage.clear());
});

test('media without cookies is refused', async () => {
  await play();
  const manifest = await page.evaluate(() => performance.getEntriesByType('resource').map((e) => e.name).find((n) => n.endsWith('.m3u8')));
  const stranger = await browser.newContext();
  const answer = await stranger.request.get(manifest);
  assert.equal(answer.status(), 403);
  assert.match(await answer.text(), /<Code>MissingKey<\/Code>/);
});

test('a part that is not there yet is waited for as long as the server says', async () => {
  let refused = 0;
  await page.route(/\/out\/.*\.m4s/, (route) =>
    ++refused <= 6 ? route.fulfill({ status: 503, headers: { 'retry-after': '1' } }) : route.continue());
  await page.goto(`${site}/watch/${film}?t=0`);
  await page.getByText('still being prepared').waitFor();
  await player(page, (d) => d.state === 'playing' && d.time > 0.5);
  assert.ok(refused > 6);
});

test('a refused signature is renewed once and playing goes on', async () => {
  let asked = 0;
  const beats = [];
  page.on('response', (answer) => answer.url().endsWith('/heartbeat') && beats.push(answer.status()));
  await page.route(/\/out\/.*\.m4s/, (route) => (++asked === 3 ? route.fulfill({ status: 403, body: '' }) : route.continue()));
  await play();
  await player(page, (d) => d.buffered.some(([from, to]) => from < 1 && to > 8));
  assert.deepEqual(beats, [200]);
  assert.deepEqual(page.complaints, []);
});

test('when it cannot go on it says why, gives an id to quote, and tries again', async () => {
  await page.route(/\/out\/.*\.m4s/, (route) => route.fulfill({ status: 404, body: '' }));
  await page.goto(`${site}/watch/${film}?t=0`);
  const panel = page.getByRole('alert');
  await panel.getByText('no longer here').waitFor();
  await panel.getByText(/^Report [0-9a-f]{16}$/).waitFor();
  await page.unroute(/\/out\/.*\.m4s/);
  await panel.getByRole('button', { name: 'Try again' }).click();
  await player(page, (d) => d.state === 'playing' && d.time > 0.5);
});

test('a film goes on where it was left, on another device too, and can be started over', async () => {
  await play();
  await page.evaluate(() => document.querySelector('kinora-player').seek(17));
  await player(page, (d) => d.state === 'playing' && d.time > 17.5);
  const kept = page.waitForResponse((answer) => answer.url().endsWith('/heartbeat') && answer.ok());
  await page.keyboard.press('k');
  await kept;
  const left = await player(page, (d) => d.paused);
  const other = await operator(browser, { viewport: { width: 390, height: 844 } });
  try {
    const phone = await open(other);
    await phone.goto(`${site}/`);
    const row = phone.getByRole('region', { name: 'Continue watching' });
    await row.locator(`a[href="/watch/${film}"]`).click();
    const went = await player(phone, (d) => d.state === 'playing' && d.decoded > 0);
    assert.ok(went.time >= left.time - 1, `${went.time} s after ${left.time} s`);
    await phone.getByRole('link', { name: 'Start over' }).click();
    const over = await player(phone, (d) => d.state === 'playing' && d.time > 0.2);
    assert.ok(over.time < 10, `${over.time} s`);
    assert.deepEqual(phone.complaints, []);
  } finally {
    await other.close();
  }
});
