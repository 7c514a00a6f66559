// Every screen, light and dark, wide and narrow: axe-core finds nothing, nothing runs over the edge, no other host.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, film, launch, open, operator, player, site } from './support.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

const SCREENS = [
  ['/signin', 'guest'],
  ['/', 'guest'],
  ['/nowhere', 'guest'],
  [`/signin/link/${'0'.repeat(64)}`, 'guest'],
  [`/invite/${'0'.repeat(64)}`, 'guest'],
  ['/', 'operator'],
  ['/account', 'operator'],
  ['/people', 'operator'],
  ['/upload', 'operator'],
  ['/jobs', 'operator'],
  ['/jobs?state=failed', 'operator'],
  ['/deleted', 'operator'],
  ['/nowhere', 'operator'],
  [`/title/${film}`, 'operator'],
  [`/title/${film}/delete`, 'operator'],
  [`/watch/${film}`, 'operator'],
];

for (const colorScheme of ['light', 'dark']) {
  test(`every screen is accessible and fits (${colorScheme})`, async () => {
    const options = { colorScheme, bypassCSP: true, reducedMotion: 'reduce', viewport: { width: 1280, height: 800 } };
    const contexts = { guest: await browser.newContext(options), operator: await operator(browser, options) };
    for (const [path, who] of SCREENS) {
      const page = await open(contexts[who]);
      await page.goto(site + path);
      if (path.startsWith('/watch/')) {
        await player(page, (d) => d.time > 0.3);
        await page.getByRole('button', { name: /^Quality/ }).click();
      }
      for (const width of [1280, 320]) {
        await page.setViewportSize({ width, height: 800 });
        await accessible(page, `${path} for ${who} at ${width} px, ${colorScheme}`);
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${path} is ${over} px too wide at ${width} px`);
      }
      assert.deepEqual(page.complaints, [], path);
      await page.close();
    }
  });
}

test('the code page and the list of keys are accessible', async () => {
  const context = await operator(browser, { bypassCSP: true });
  const guest = await open(await browser.newContext({ bypassCSP: true }));
  await guest.goto(`${site}/signin`);
  await guest.getByLabel('E-mail address').fill(`looks-${Date.now()}@example.org`);
  await guest.getByRole('button').click();
  await guest.getByLabel('Code from the mail').waitFor();
  await accessible(guest, 'code page');
  const page = await open(context);
  await page.goto(`${site}/watch/${film}`);
  await page.getByRole('button', { name: 'Keys' }).click();
  await page.getByRole('dialog').waitFor();
  await accessible(page, 'list of keys');
});

test('pages are light: scripts of the home page and what the player loads', async () => {
  const context = await operator(browser);
  const loaded = async (path, wait) => {
    const page = await open(context);
    await page.goto(site + path);
    await wait(page);
    const sizes = await page.evaluate(() =>
      performance.getEntriesByType('resource').filter((e) => e.name.endsWith('.js')).map((e) => e.encodedBodySize));
    await page.close();
    return sizes.reduce((sum, size) => sum + size, 0);
  };
  assert.ok((await loaded('/', (page) => page.waitForLoadState('networkidle'))) <= 15_000);
  assert.ok((await loaded(`/watch/${film}`, (page) => player(page, (d) => d.time > 0.3))) <= 215_000);
});
