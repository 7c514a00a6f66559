// Uploads two films while e2e/tests/test_upload.py stops and starts the server. Each line that this writes is a wish
// (`stop`, `start`), each line that it reads says that it is fulfilled. Arguments: the films.

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { launch, open, operator, player, site } from './support.mjs';
import { acknowledged, hold, phase, row, sent, some, uploads, wishes } from './uploading.mjs';

const films = process.argv.slice(2);
const names = films.map((film) => basename(film));
const wish = wishes();

const browser = await launch();
try {
  const context = await operator(browser);
  const page = await uploads(context, 3 << 20);
  const go = await hold(page, 3);
  await page.locator('[data-files]').setInputFiles(films);
  await phase(page, names[0], 'sending');
  // Speed and time left are said, for as long as bytes are on their way: nothing else is done before.
  await row(page, names[0]).getByText(/MB\/s · .* left/).waitFor({ timeout: 60_000 });
  for (const name of names) {
    await phase(page, name, 'sending');
    await row(page, name).getByLabel('Name').fill(`Film ${name}`);
    await row(page, name).getByText('Saved.').waitFor();
  }
  await some(page, names[0]);
  await row(page, names[0]).getByRole('button', { name: /^Pause/ }).click();
  await phase(page, names[0], 'paused');
  const kept = await acknowledged(page, names[0]);

  const leaving = page.waitForEvent('dialog', { timeout: 20_000 }).then((dialog) => dialog.accept());
  await Promise.all([leaving, page.reload()]);
  await page.locator('[data-uploads][data-ready]').waitFor();
  for (const name of names) {
    await phase(page, name, 'idle');
    assert.equal(await row(page, name).getByLabel('Name').inputValue(), `Film ${name}`);
  }
  assert.ok((await acknowledged(page, names[0])) >= kept, 'what had arrived is there');
  await page.locator('[data-files]').setInputFiles(films);
  for (const name of names) await phase(page, name, 'sending');

  await wish('stop');
  await go();
  for (const name of names) await phase(page, name, 'lost', 90_000);
  await wish('start');
  for (const name of names) await phase(page, name, 'done', 180_000);
  for (const [at, name] of names.entries()) {
    const parts = Math.ceil(statSync(films[at]).size / (8 << 20));
    const once = sent(page, name);
    assert.ok(parts >= 3 && once.length <= parts, `${once} for ${parts} parts`);
    assert.equal(new Set(once).size, once.length, 'no part is sent again that was acknowledged');
  }

  const links = [];
  for (const name of names) {
    const link = row(page, name).getByRole('link', { name: /^Watch/ });
    await link.waitFor({ timeout: 240_000 });
    links.push(await link.getAttribute('href'));
  }
  for (const link of links) {
    const watching = await open(context);
    await watching.goto(`${site}${link}?t=0`);
    // A film of 3 s may have ended before it is looked at.
    await player(watching, (d) => ['playing', 'ended'].includes(d.state) && d.time > 0.5, 60_000);
    assert.deepEqual(watching.complaints, []);
    await watching.close();
  }
  assert.deepEqual(page.complaints, []);
} finally {
  await browser.close();
  process.stdin.destroy();
}
