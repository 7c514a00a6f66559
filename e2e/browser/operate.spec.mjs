// The jobs page: stages, reasons, retry by keyboard; deleting a title asks for its name, and it can be restored.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, launch, open, operator, rejected, site } from './support.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

test('a title that ended badly says why, and is tried again by keyboard', async () => {
  const page = await open(await operator(browser, { bypassCSP: true }));
  await page.goto(`${site}/jobs?state=failed`);
  const card = page.getByRole('article', { name: rejected });
  await card.waitFor();
  assert.equal(await card.locator('[aria-current=step]').count(), 1);
  assert.match(await card.innerText(), /playlist|not a|no video|cannot/i);
  await card.getByRole('button', { name: /^Retry/ }).focus();
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.pathname === '/jobs' && url.search === '');
  // It is read again, rejected again. The page may just be reloading, as it does when something changes.
  await page.goto(`${site}/jobs?state=failed`).catch(() => page.goto(`${site}/jobs?state=failed`));
  await page.getByRole('article', { name: rejected }).waitFor({ timeout: 30_000 });
  assert.deepEqual(page.complaints, []);
});

test('a title is deleted by its name only, and restored', async () => {
  const page = await open(await operator(browser, { bypassCSP: true }));
  await page.goto(`${site}/jobs?state=failed`);
  await page.getByRole('article', { name: rejected }).getByRole('link', { name: rejected }).click();
  const address = page.url();
  await page.getByRole('link', { name: /^Delete/ }).click();
  await page.getByLabel(/type the title/).fill('something else');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').waitFor();
  await accessible(page, 'a wrong name');
  await page.getByLabel(/type the title/).fill(rejected);
  await page.keyboard.press('Enter');
  await page.waitForURL(`${site}/deleted`);
  await accessible(page, 'deleted titles');
  assert.equal((await page.request.get(address)).status(), 404);
  await page.getByRole('button', { name: `Restore ${rejected}` }).focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(address);
  assert.deepEqual(page.complaints, []);
});
