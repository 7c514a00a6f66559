// Every screen, light and dark, wide and narrow: axe-core finds nothing, nothing runs over the edge, no other host.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, film, launch, open, operator, player, press, site } from './support.mjs';

let browser;
before(async () => {
  browser = await launch();
  SCREENS.push(...(await made()));
});
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

/** Screens whose addresses are made first: somebody's own page, a sign-in link, an invitation for one and for several. */
async function made() {
  const context = await operator(browser);
  const page = await open(context);
  const link = async (name) => {
    await page.getByRole('button', { name }).click();
    return new URL(await page.locator('.note code').textContent()).pathname;
  };
  await page.goto(`${site}/people`);
  const several = await link('Create link');
  await page.goto(`${site}/people`);
  await page.getByLabel('E-mail address').fill(`looks-${Date.now()}@example.org`);
  const one = await link('Create link');
  const name = await page.locator('.who .name').textContent();
  const person = await page.locator('.table').getByRole('link', { name, exact: true }).getAttribute('href');
  await page.goto(site + person);
  const signIn = await link('Create sign-in link');
  await context.close();
  return [[person, 'operator'], [signIn, 'guest'], [one, 'guest'], [several, 'guest']];
}

for (const colorScheme of ['light', 'dark']) {
  test(`every screen is accessible and fits (${colorScheme})`, async () => {
    const options = { colorScheme, bypassCSP: true, reducedMotion: 'reduce', viewport: { width: 1280, height: 800 } };
    const contexts = { guest: await browser.newContext(options), operator: await operator(browser, options) };
    for (const [path, who] of SCREENS) {
      const page = await open(contexts[who]);
      await page.goto(site + path);
      if (path.startsWith('/watch/')) {
        await player(page, (d) => d.time > 0.3);
        await press(page.getByRole('button', { name: /^Quality/ }));
      }
      await page.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)));
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

// What a contrast theme or the wish for more contrast leaves of a page: no washes, no shadows.
for (const wish of [{ forcedColors: 'active' }, { contrast: 'more' }]) {
  for (const colorScheme of ['light', 'dark']) {
    const name = Object.entries(wish).flat().join(': ');
    test(`what is chosen, framed and focused is seen (${name}, ${colorScheme})`, async () => {
      const context = await operator(browser, { ...wish, colorScheme, reducedMotion: 'reduce' });
      const page = await open(context);
      const style = (selector, property) =>
        page.locator(selector).first().evaluate((element, property) => getComputedStyle(element)[property], property);
      const system = (colour) => page.evaluate((colour) => {
        const probe = document.body.appendChild(document.createElement('i'));
        probe.style.color = colour;
        const { color } = getComputedStyle(probe);
        probe.remove();
        return color;
      }, colour);

      await page.goto(`${site}/jobs?state=failed`);
      assert.equal(await style('.top [aria-current]', 'textDecorationLine'), 'underline');
      assert.equal(await style('.tabs [aria-current]', 'textDecorationLine'), 'underline');
      const dot = await page.locator('.state').first().evaluate((state) => getComputedStyle(state, '::before').backgroundColor);
      assert.notEqual(dot, await system('Canvas'), 'the mark of a state');
      await page.goto(`${site}/title/${film}`);
      assert.equal(await style('#name', 'borderTopColor'), await style('#name', 'color'), 'a field is as clear as its text');

      await page.goto(`${site}/watch/${film}`);
      await player(page, (d) => d.time > 0.3);
      const ground = await style('.k-controls', 'backgroundColor');
      assert.equal(ground, wish.contrast ? 'rgb(0, 0, 0)' : await system('Canvas'), 'controls stand on ground of their own');
      assert.equal(await style('.k-track', 'outlineStyle'), 'solid');
      const [bar, filled] = [await style('.k-scrub .k-track', 'backgroundColor'), await style('.k-scrub .k-fill', 'backgroundColor')];
      assert.notEqual(bar, filled, 'how far it is');
      await page.keyboard.press('Shift');
      let rings = 0;
      for (const control of await page.locator('.k-controls :is(button, [role=slider])').all()) {
        if (!(await control.isVisible())) continue;
        await control.focus();
        const [line, width, colour] = await control.evaluate((element) => {
          const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
          return [outlineStyle, parseFloat(outlineWidth), outlineColor];
        });
        assert.ok(line === 'solid' && width >= 2 && colour !== ground, `${await control.getAttribute('aria-label')}: ${line} ${width} ${colour}`);
        rings++;
      }
      assert.ok(rings >= 8, `${rings} controls`);
      await page.getByRole('button', { name: /^Quality/ }).click();
      assert.equal(await style('.k-quality .k-menu', 'borderTopStyle'), 'solid');
      assert.deepEqual(page.complaints, []);
      await context.close();
    });
  }
}

test('nothing moves for who wants that', async () => {
  const longest = () => [...document.querySelectorAll('*')].flatMap((element) => [null, '::before', '::after'].flatMap((pseudo) => {
    const { transitionDuration, animationDuration } = getComputedStyle(element, pseudo);
    return `${transitionDuration}, ${animationDuration}`.split(', ').map((seconds) => parseFloat(seconds) || 0);
  })).reduce((a, b) => Math.max(a, b), 0);
  const said = async () => {
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'm', bubbles: true }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    return document.querySelector('.k-bubble span').checkVisibility({ opacityProperty: true });
  };
  for (const [reducedMotion, moves] of [['reduce', false], ['no-preference', true]]) {
    const context = await operator(browser, { reducedMotion });
    for (const path of ['/', '/upload', `/watch/${film}`]) {
      const page = await open(context);
      await page.goto(site + path);
      if (path.startsWith('/watch/')) await player(page, (d) => d.time > 0.3);
      if (path.startsWith('/watch/')) {
        assert.ok(await page.evaluate(said), 'what a key did can be read');
      }
      const seconds = await page.evaluate(longest);
      assert.equal(seconds > 0.001, moves, `${path} with ${reducedMotion}: ${seconds} s`);
      await page.close();
    }
    await context.close();
  }
});

test('the code page and the list of keys are accessible', async () => {
  const context = await operator(browser, { bypassCSP: true });
  const guest = await open(await browser.newContext({ bypassCSP: true }));
  await guest.goto(`${site}/signin`);
  await guest.getByLabel('E-mail address').fill(`looks-${Date.now()}@example.org`);
  await guest.getByRole('button').click();
  await guest.getByLabel('Code from the e-mail').waitFor();
  await accessible(guest, 'code page');
  const page = await open(context);
  await page.goto(`${site}/watch/${film}`);
  await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
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
