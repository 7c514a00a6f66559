// The grid and a title's settings, as the operator sees them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { film, hurry, launch, open, operator, rejected, site } from './support.mjs';

let browser, context;
before(async () => {
  browser = await launch();
  context = await operator(browser);
});
after(() => browser?.close());

const named = (page, name) => page.getByRole('listitem').filter({ has: page.getByRole('heading', { name, exact: true }) });

test('the film is in the grid and leads to its player', async () => {
  const page = await open(context);
  await page.goto(`${site}/`);
  const tile = page.locator(`[data-item="${film}"]`);
  assert.equal(await tile.getAttribute('data-state'), 'published');
  await tile.getByRole('heading').getByRole('link').click();
  await page.waitForURL(`${site}/watch/${film}`);
  await page.locator('kinora-player').waitFor();
  assert.deepEqual(page.complaints, []);
});

test('an upload that is no film says why', async () => {
  const page = await open(context);
  await page.goto(`${site}/`);
  const tile = named(page, rejected);
  assert.equal(await tile.getAttribute('data-state'), 'rejected');
  await tile.getByText('Can’t be played').waitFor();
  const reason = (await tile.locator('.reason').textContent()).trim();
  assert.match(reason, /^[A-Z].{10,}\.$/, 'a sentence for people');
  assert.doesNotMatch(reason, /ffmpeg|ffprobe|error code|\/tmp|panic/i);
  await tile.hover();
  await tile.getByRole('link', { name: `Settings of ${rejected}` }).click();
  await page.getByText(reason).first().waitFor();
});

test('a title is renamed and shown to others', async () => {
  const page = await open(context);
  await page.goto(`${site}/title/${film}`);
  const name = await page.getByLabel('Name').inputValue();
  await page.getByLabel('Name').fill(`${name} „renamed“ <b>`);
  await page.getByLabel('Public').check();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  const guest = await open(await browser.newContext());
  await guest.goto(`${site}/`);
  await guest.getByRole('heading', { name: `${name} „renamed“ <b>`, exact: true }).waitFor();
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Members').check();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.waitForLoadState();
  await guest.reload();
  assert.equal(await guest.getByRole('heading', { name }).count(), 0, 'guests see public titles only');
  assert.deepEqual([...page.complaints, ...guest.complaints], []);
});

test('what somebody types is kept when they were signed out meanwhile, or the server is silent', async () => {
  const page = await open(context);
  await hurry(page, { answers: true });
  let [typed, asked, refused] = [false, 0, 0];
  await page.route(/\/api\/titles\//, (route) => {
    asked++;
    if (typed && ++refused) return route.fulfill({ status: 401, json: {} });
  });
  await page.goto(`${site}/title/${film}`);
  const name = page.getByLabel('Name');
  const before = await name.inputValue();
  await name.fill('Half a word');
  for (const end = Date.now() + 20_000; refused < 2; typed = asked > 0) {
    assert.ok(Date.now() < end, `asked ${asked} times`);
    await page.waitForTimeout(50);
  }
  assert.equal(await name.inputValue(), 'Half a word');
  const anew = page.waitForEvent('load');
  await name.fill(before);
  await anew;
  assert.deepEqual(page.complaints, []);
});
