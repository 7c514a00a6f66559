// The player with real media: what is decoded, how it reacts, what it does about trouble.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, page } from './screen.mjs';
import { debug, film, FLAGS, hurry, launch, open, operator, player, press, site } from './support.mjs';

/** Plays from a time in seconds on. */
const play = async (from = 0) => {
  await page.goto(`${site}/watch/${film}?t=${from}`);
  return player(page, (d) => d.state === 'playing' && d.time > from + 0.5);
};

test('it plays: time goes on and frames are decoded', async () => {
  const first = await play();
  assert.equal(first.engine, 'hls.js');
  assert.ok(first.width > 0 && first.height > 0);
  const later = await player(page, (d) => d.time > first.time + 2 && d.decoded > first.decoded + 20);
  assert.ok(later.duration > 30, `${later.duration} s`);
  assert.equal(later.buffered.length, 1, 'no hole in what was loaded');
  const statuses = () => [...document.querySelectorAll('kinora-player [role=status]')].map((element) => element.checkVisibility());
  assert.deepEqual(await page.evaluate(statuses), [true, true], 'what is said is said where a screen reader listens already');
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
  const value = await bar.getAttribute('aria-valuenow');
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2);
  await page.mouse.down();
  assert.notEqual(await bar.getAttribute('aria-valuenow'), value);
  await bar.dispatchEvent('pointercancel');
  await page.mouse.up();
  assert.equal(await bar.getAttribute('aria-valuenow'), value, 'a pointer that is taken away chooses nothing');
  await page.mouse.click(box.x + box.width * 0.25, box.y + box.height / 2);
  await player(page, (d) => Math.abs(d.time - d.duration * 0.25) < 1);
  await page.keyboard.press('k');
  await player(page, (d) => d.state === 'playing' && d.time > d.duration * 0.25 + 1);
  assert.match(await bar.getAttribute('aria-valuetext'), /of \d+/);
});

test('what is asked for before anything is loaded counts', async () => {
  let enter;
  const entered = new Promise((resolve) => (enter = resolve));
  await page.route(/\/api\/playback$/, (route) => entered.then(() => route.continue()));
  await page.goto(`${site}/watch/${film}?t=20`);
  await player(page, (d) => d.state === 'loading');
  await page.keyboard.press('l');
  await page.keyboard.press('>');
  await page.keyboard.press('.');
  await page.keyboard.press('k');
  assert.equal(await page.getByRole('slider', { name: 'Position' }).getAttribute('aria-valuenow'), '30.04');
  enter();
  const { time, speed } = await player(page, (d) => d.state === 'playing' && d.decoded > 0);
  assert.ok(time > 29 && speed === 1.25, `at ${time} s with ${speed}`);
  assert.deepEqual(page.complaints, []);
});

test('an address whose time is not in the film begins at its beginning', async () => {
  await page.goto(`${site}/watch/${film}?t=40`);
  const { time } = await player(page, (d) => d.state === 'playing' && d.time > 0.5);
  assert.ok(time < 30, `at ${time} s`);
  assert.deepEqual(page.complaints, []);
});

test('a player that is moved on its page goes on where it was', async () => {
  await play();
  await page.evaluate(() => document.querySelector('kinora-player').seek(20));
  await player(page, (d) => d.state === 'playing' && d.time > 20.2);
  await page.evaluate(() => {
    const element = document.querySelector('kinora-player');
    const move = () => element.parentElement.append(element);
    // The second time it has nothing loaded, the third it is not yet where it is to begin.
    move();
    move();
    element.querySelector('video').addEventListener('loadedmetadata', move, { once: true });
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
    await press(button);
    const items = page.getByRole('menuitemradio');
    assert.equal(await items.count(), levels.length + 1);
    assert.match(await items.nth(1).textContent(), /\d+p.*bit\/s/, 'heights with their rates');
    await items.filter({ hasText: new RegExp(`^${Math.min(wanted.width, wanted.height)}p`) }).click();
    await player(page, (d) => d.level === wanted.index && !d.auto);
    await player(page, (d) => d.height === wanted.height && d.state === 'playing');
    assert.equal(await button.textContent(), `${Math.min(wanted.width, wanted.height)}p`);
  }
  await press(button);
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
  try {
    await page.getByRole('switch', { name: 'Use these shortcuts' }).uncheck();
    await page.keyboard.press('Escape');
    await page.keyboard.press('k');
    await page.waitForTimeout(200);
    assert.ok((await debug(page)).paused, 'keys are off');
  } finally {
    await page.evaluate(() => localStorage.clear());
  }
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
  let [seen, refused] = [false, 0];
  await page.route(/\/out\/.*\.m4s/, (route) =>
    seen && refused > 6 ? route.continue() : (refused++, route.fulfill({ status: 503, headers: { 'retry-after': '1' } })));
  await page.goto(`${site}/watch/${film}?t=0`);
  await page.getByText('still being prepared').waitFor();
  seen = true;
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

/** Waits a moment: a paused viewer stays paused in place, and can play on. */
const pausedAt = async (time) => {
  const still = await player(page, (d) => d.state === 'paused' && Math.abs(d.time - time) < 0.1 && d.buffered.length > 0);
  await page.waitForTimeout(700);
  const later = await debug(page);
  assert.ok(later.paused && later.time === still.time, `${later.state} at ${later.time} s`);
  await page.keyboard.press('k');
  await player(page, (d) => d.state === 'playing' && d.time > time + 0.5);
  assert.deepEqual(page.complaints, []);
};

for (const [status, ended] of [[410, 'ended'], [401, 'was forgotten']]) {
  test(`a paused film stays paused when its session ${ended}, and plays on when it is wanted`, async () => {
    const { session } = await play();
    await page.evaluate(() => document.querySelector('kinora-player').seek(20));
    await player(page, (d) => d.state === 'playing' && d.time > 20.2);
    let [beats, tell] = [0];
    const told = new Promise((resolve) => (tell = resolve));
    await page.route(/\/heartbeat$/, (route) =>
      ++beats === 1 ? told.then(() => route.fulfill({ status, json: {} })) : route.continue());
    await page.keyboard.press('k');
    const { time } = await player(page, (d) => d.paused);
    tell();
    await player(page, (d) => d.session !== null && d.session !== session);
    await pausedAt(time);
  });
}

/** Answers a segment with rubbish from where its media begin on. */
const rubbish = async (route) => {
  const response = await route.fetch();
  await route.fulfill({ response, body: (await response.body()).fill(0xff, 2000) });
};

/**
 * Until a page has met it, this segment of the picture is no picture: whenever it is fetched, of whichever rendition.
 * Set before the page is opened, which then plays behind it: much is loaded ahead, nothing of what was before.
 */
const spoil = async (segment) => {
  await page.addInitScript(() =>
    addEventListener('error', ({ target }) => target.error && (globalThis.failed = target.error.code), true));
  const failed = () => globalThis.failed === MediaError.MEDIA_ERR_DECODE;
  const answer = async (route) => {
    if (await page.evaluate(failed)) return route.continue();
    await rubbish(route);
  };
  // A page that was closed in the meantime must not fail another test.
  await page.route(new RegExp(`/v\\d+/${segment}\\.m4s`), (route) => answer(route).catch(() => {}));
  return () => page.waitForFunction(failed);
};

test('a film plays on after a part that could not be decoded', async () => {
  const failed = await spoil(12);
  await play(29);
  await page.evaluate(() => document.querySelector('kinora-player').seek(23));
  await failed();
  await player(page, (d) => d.state === 'playing' && d.time > 27);
});

test('a paused film stays paused where a part could not be decoded', async () => {
  const failed = await spoil(13);
  await play(29);
  await page.keyboard.press('k');
  await page.evaluate(() => document.querySelector('kinora-player').seek(27));
  await failed();
  await pausedAt(27);
});

test('a film plays on after sound that could not be decoded, though all of it was loaded', async () => {
  let spoiled = 0;
  await page.route(/\/a\d+\/12\.m4s/, (route) => (spoiled++ ? route.continue() : rubbish(route)));
  await play(12);
  await page.keyboard.press('k');
  await player(page, (d) => d.paused && d.buffered.some(([from, to]) => from < 20 && to > 39.5));
  assert.equal(spoiled, 1);
  await page.evaluate(() => document.querySelector('kinora-player').seek(22));
  await page.keyboard.press('k');
  await player(page, (d) => d.state === 'playing' && d.time > 27);
  assert.ok(spoiled > 1, 'it was fetched anew');
});

test('a part that is broken for good is passed over, not fetched for ever', async () => {
  let asked = 0;
  await page.route(/\/v\d+\/12\.m4s/, (route) => (asked++, rubbish(route).catch(() => {})));
  await play(29);
  await page.evaluate(() => document.querySelector('kinora-player').seek(23));
  await player(page, (d) => d.state === 'playing' && d.time > 27);
  assert.ok(asked > 0 && asked < 20, `${asked} times`);
});

test('a film that could not be loaded anew after a fault goes on where it was', async () => {
  const failed = await spoil(12);
  await hurry(page);
  let away = true;
  await page.route(/\.m4s/, async (route) => {
    const gone = away && (await page.evaluate(() => globalThis.failed).catch(() => true));
    return gone ? route.abort() : route.fallback();
  });
  await play(29);
  await page.evaluate(() => document.querySelector('kinora-player').seek(23));
  await failed();
  const again = page.getByRole('alert').getByRole('button', { name: 'Try again' });
  await again.waitFor();
  away = false;
  // It may have gone on by itself before the button is reached.
  await again.click({ timeout: 2000 }).catch(() => {});
  const { time } = await player(page, (d) => d.state === 'playing' && d.decoded > 0);
  assert.ok(time > 22 && time < 29, `at ${time} s`);
  assert.deepEqual(page.complaints, []);
});

test('a paused film stays paused on a page that is left and come back to, and where its player is moved', async () => {
  await play();
  await page.evaluate(() => document.querySelector('kinora-player').seek(20));
  await player(page, (d) => d.state === 'playing' && d.time > 20.2);
  await page.keyboard.press('k');
  const { session, time } = await player(page, (d) => d.paused);
  await page.evaluate(() => ['pagehide', 'pageshow'].forEach((name) => dispatchEvent(new PageTransitionEvent(name, { persisted: true }))));
  const back = await player(page, (d) => d.session !== null && d.session !== session);
  assert.ok(back.paused);
  await page.evaluate(() => {
    const element = document.querySelector('kinora-player');
    element.parentElement.append(element);
  });
  await pausedAt(time);
});

for (const [what, pattern] of [['playlist', /\.m3u8/], ['segment', /\.m4s/]]) {
  test(`a first ${what} that is never answered is asked for again`, async () => {
    let asked = 0;
    await hurry(page);
    await page.route(pattern, (route) => ++asked > 1 && route.continue());
    await play();
    assert.ok(asked > 1);
    assert.deepEqual(page.complaints, []);
  });
}

test('a heartbeat that is never answered keeps no later one back', async () => {
  let [asked, beats] = [0, 0];
  await hurry(page, { answers: true });
  await page.route(/\/heartbeat$/, (route) => ++beats > 1 && route.continue());
  // From the third on, the signature is refused until it was renewed.
  await page.route(/\/out\/.*\.m4s/, (route) =>
    ++asked > 2 && beats < 2 ? route.fulfill({ status: 403, body: '' }) : route.continue());
  await play();
  await player(page, (d) => d.state === 'playing' && d.buffered.some(([from, to]) => from < 1 && to > 8));
  assert.ok(beats > 1);
  assert.deepEqual(page.complaints, []);
});

for (const [what, pattern] of [['nobody lets it in', /\/api\/playback$/], ['nothing comes', /\.m4s/]]) {
  test(`when ${what}, however long it waits, it says so and goes on by itself`, async () => {
    await hurry(page, { answers: true });
    await page.route(pattern, () => {});
    await page.goto(`${site}/watch/${film}?t=0`);
    if (what === 'nothing comes') await page.getByText('Waiting for the network').waitFor();
    const panel = page.getByRole('alert');
    await panel.getByText('The connection was lost.').waitFor();
    await page.unroute(pattern);
    await player(page, (d) => d.state === 'playing' && d.time > 0.5);
    assert.equal(await panel.isVisible(), false);
    assert.deepEqual(page.complaints, []);
  });
}

test('offline, it waits for however long that lasts, and goes on by itself', async () => {
  await hurry(page);
  let asked = 0;
  await page.route(/\.m4s/, (route) => (++asked > 4 ? route.abort('internetdisconnected') : route.continue()));
  await play();
  await page.context().setOffline(true);
  try {
    await page.getByText("You're offline.").waitFor();
    await player(page, (d) => d.state === 'waiting' && d.delay === 'offline');
    assert.equal(await page.getByRole('alert').isVisible(), false);
  } finally {
    await page.unroute(/\.m4s/);
    await page.context().setOffline(false);
  }
  const { time } = await debug(page);
  await player(page, (d) => d.state === 'playing' && d.time > time + 0.5);
  assert.deepEqual(page.complaints, []);
});

test('a session whose film cannot be begun is given back', async () => {
  const engine = /\/assets\/hls-engine-\w+\.js/;
  let [began, ended] = [0, 0];
  page.on('response', (answer) => {
    if (/\/api\/playback$/.test(answer.url()) && answer.ok()) began++;
    if (/\/end$/.test(answer.url()) && answer.status() === 204) ended++;
  });
  await page.route(engine, (route) => route.abort());
  await page.goto(`${site}/watch/${film}?t=0`);
  await page.getByRole('alert').getByText('Playback couldn’t start.').waitFor();
  for (const end = Date.now() + 10_000; ended < began || began === 0;) {
    assert.ok(Date.now() < end, `${ended} of ${began} were given back`);
    await page.waitForTimeout(50);
  }
  await page.unroute(engine);
  await page.getByRole('button', { name: 'Try again' }).click();
  await player(page, (d) => d.state === 'playing' && d.time > 0.5);
});

test('a script that did not come is fetched anew, by a browser too that keeps it as failed', async () => {
  // Chromium before 2026, and others, did: https://github.com/whatwg/html/issues/6768.
  const keeping = await launch({ args: [...FLAGS, '--disable-blink-features=ModuleMapDoNotCacheFailedFetch'] });
  try {
    const complaints = [];
    const page = await open(await operator(keeping), complaints);
    const asked = [];
    await page.route(/\/assets\/hls-engine-\w+\.js/, (route) => {
      asked.push(new URL(route.request().url()).search);
      return route.fulfill({ status: 503, body: '' });
    });
    await page.goto(`${site}/watch/${film}?t=0`);
    await page.getByRole('alert').getByText('Playback couldn’t start.').waitFor();
    assert.deepEqual(asked.filter(Boolean), ['?again=1']);
    await page.unrouteAll({ behavior: 'wait' });
    await page.getByRole('button', { name: 'Try again' }).click();
    await player(page, (d) => d.state === 'playing' && d.time > 0.5);
    assert.deepEqual(complaints, []);
  } finally {
    await keeping.close();
  }
});

test('when it cannot go on it says why, gives an id to quote, and tries again', async () => {
  await page.route(/\/out\/.*\.m4s/, (route) => route.fulfill({ status: 404, body: '' }));
  await page.goto(`${site}/watch/${film}?t=0`);
  const panel = page.getByRole('alert');
  await panel.getByText('no longer available').waitFor();
  await panel.getByText(/^Report [0-9a-f]{16}$/).waitFor();
  await page.unroute(/\/out\/.*\.m4s/);
  await panel.getByRole('button', { name: 'Try again' }).click();
  await player(page, (d) => d.state === 'playing' && d.time > 0.5);
  assert.equal(await page.evaluate(() => document.activeElement.localName), 'kinora-player', 'focus stays at the player');
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
    await phone.waitForURL(/t=0/);
    const over = await player(phone, (d) => d.state === 'playing' && d.time > 0.2);
    assert.ok(over.time < 15, `${over.time} s`);
    // After a reload the page resumes where it was, not where its address once began.
    await phone.evaluate(() => document.querySelector('kinora-player').seek(22));
    await player(phone, (d) => d.state === 'playing' && d.time > 22.2);
    const told = phone.waitForResponse((answer) => answer.url().endsWith('/heartbeat') && answer.ok());
    await phone.keyboard.press('k');
    await told;
    await phone.reload();
    const again = await player(phone, (d) => d.state === 'playing' && d.decoded > 0);
    assert.ok(again.time > 21, `${again.time} s`);
    assert.deepEqual(phone.complaints, []);
  } finally {
    await other.close();
  }
});
