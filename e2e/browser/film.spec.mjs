// What belongs to a film beside its picture: captions, languages, the storyboard on the scrub bar, posters.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { context, page } from './screen.mjs';
import { open, player, press, site, spoken } from './support.mjs';

const play = async () => {
  await page.goto(`${site}/watch/${spoken}?t=0`);
  return player(page, (d) => d.state === 'playing' && d.time > 0.3 && d.texts.length > 0);
};

/** Waits until the caption that is shown matches. */
const caption = (pattern) =>
  page.waitForFunction((source) => {
    const tracks = [...document.querySelector('kinora-player video').textTracks];
    const shown = tracks.filter((track) => track.mode === 'showing').flatMap((track) => [...(track.activeCues ?? [])]);
    return shown.some((cue) => new RegExp(source).test(cue.text));
  }, pattern.source);

const choose = async (menu, item) => {
  await press(page.getByRole('button', { name: menu }));
  await page.getByRole('menuitemradio', { name: item }).click();
};

test('captions are switched by key and by menu, and stay chosen', async () => {
  const { texts, text } = await play();
  assert.deepEqual(texts.map(({ label }) => label), ['English', 'Deutsch']);
  assert.equal(text, -1, 'off until somebody wants them');
  // Captions stand at even seconds for a while: the film is stopped at one.
  const stop = async () => {
    await page.evaluate(() => document.querySelector('kinora-player video').pause());
    await page.evaluate(() => document.querySelector('kinora-player').seek(6.5));
  };
  await stop();
  await page.keyboard.press('c');
  await caption(/^Cue \d/);
  await choose(/^Captions/, 'Deutsch');
  await caption(/^Zeile \d/);
  await page.reload();
  await player(page, (d) => d.state === 'playing');
  await stop();
  await caption(/^Zeile \d/);
  // Off and on again is the same language, now and next time.
  await page.keyboard.press('c');
  await player(page, (d) => d.text === -1);
  await page.keyboard.press('c');
  await caption(/^Zeile \d/);
  await page.keyboard.press('c');
  await player(page, (d) => d.text === -1);
  await page.reload();
  await player(page, (d) => d.state === 'playing' && d.texts.length > 0);
  await page.waitForTimeout(1000); // what is remembered is chosen after the tracks are known
  await stop();
  assert.equal((await player(page, (d) => d.paused)).text, -1, 'they stay off');
  await page.keyboard.press('c');
  await caption(/^Zeile \d/);
  await page.keyboard.press('c');
  await player(page, (d) => d.text === -1);
  assert.deepEqual(page.complaints, []);
});

test('another language is heard from where the film is, and stays chosen', async () => {
  const { sounds } = await play();
  // It must not end before the other language is there.
  await page.evaluate(() => { document.querySelector('kinora-player video').playbackRate = 0.25; });
  assert.deepEqual(sounds.map(({ label }) => label), ['English', 'Deutsch']);
  const other = () => page.waitForResponse((answer) => /\/a1\/\d+\.m4s$/.test(new URL(answer.url()).pathname));
  const [asked] = await Promise.all([other(), choose(/^Audio|^Sound/, 'Deutsch')]);
  assert.equal(asked.status(), 200);
  const { time } = await player(page, (d) => d.state === 'playing');
  await player(page, (d) => d.time > time + 1);
  await Promise.all([other(), page.reload()]);
  await player(page, (d) => d.state === 'playing' && d.time > 0.3);
  assert.deepEqual(page.complaints, []);
});

test('the scrub bar shows the place that is pointed at', async () => {
  await play();
  const bar = page.getByRole('slider', { name: 'Position' });
  const picture = page.locator('.k-tip i');
  const end = Date.now() + 60_000; // the storyboard is made after the film
  const sheet = page.waitForResponse((answer) => /\/storyboard\/0\.jpg$/.test(new URL(answer.url()).pathname), { timeout: 60_000 });
  for (let n = 0; !(await picture.isVisible()); n++) {
    assert.ok(Date.now() < end, 'no storyboard came');
    const box = await bar.boundingBox();
    await page.mouse.move(box.x + box.width * (0.5 + (n % 2) * 0.02), box.y + box.height / 2);
    await page.waitForTimeout(300);
  }
  assert.equal((await sheet).status(), 200);
  const box = await picture.boundingBox();
  assert.ok(box.width === 160 && box.height === 90, `${box.width} × ${box.height}`);
  assert.match(await page.locator('.k-tip').textContent(), /^0:0[78]$/);
  assert.deepEqual(page.complaints, []);
});

test('posters show films on the home page and before they play, and are the same for an hour', async () => {
  const loaded = (img) => img.evaluate((el) => el.decode().then(() => [el.naturalWidth, el.naturalHeight, el.currentSrc]));
  await page.goto(`${site}/`);
  const img = page.locator(`[data-item="${spoken}"] .poster img`).first();
  await img.scrollIntoViewIfNeeded();
  const [width, height, address] = await loaded(img);
  assert.ok(width >= 320 && Math.abs(width / height - 16 / 9) < 0.02, `${width} × ${height}`);
  const anew = async () => {
    await page.reload();
    await img.scrollIntoViewIfNeeded();
    return (await loaded(img))[2];
  };
  // Twice, if a full hour went by between the two.
  const next = await anew();
  if (next !== address) assert.equal(await anew(), next);
  assert.deepEqual(page.complaints, []);
  // Where a page may not play by itself, as on a first visit, the poster stands until somebody plays.
  const visit = await open(context);
  const refuse = () => {
    const { prototype } = HTMLMediaElement;
    const play = prototype.play;
    prototype.play = () => {
      prototype.play = play;
      return Promise.reject(new DOMException('not by itself', 'NotAllowedError'));
    };
  };
  await visit.addInitScript(refuse);
  await visit.goto(`${site}/watch/${spoken}?t=0`);
  const [poster, video] = [visit.locator('kinora-player .k-poster'), visit.locator('kinora-player video')];
  assert.ok((await loaded(poster))[0] >= 640);
  const posted = async () => {
    await player(visit, (d) => d.state === 'ready' && d.buffered.length > 0);
    await visit.waitForFunction(() => document.querySelector('kinora-player video').readyState >= 2);
    assert.equal(await video.evaluate((el) => getComputedStyle(el).opacity), '0', 'the first frame covers no poster');
    assert.ok(await poster.isVisible());
  };
  const played = async () => {
    await visit.keyboard.press('k');
    await poster.waitFor({ state: 'hidden' });
    assert.equal(await video.evaluate((el) => getComputedStyle(el).opacity), '1');
  };
  await posted();
  await played();
  // Also when it begins once more.
  await visit.evaluate(refuse);
  await visit.evaluate(() => {
    const element = document.querySelector('kinora-player');
    element.seek(0);
    element.parentElement.append(element);
  });
  await posted();
  await played();
  assert.deepEqual(visit.complaints, []);
  await visit.close();
});
