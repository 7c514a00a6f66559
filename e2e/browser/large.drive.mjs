// Uploads one very large file. Writes `look` every second, so that memory is measured, and once `restart` in the
// middle. Argument: the file.

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { launch, operator } from './support.mjs';
import { acknowledged, phase, row, uploads, wishes } from './uploading.mjs';

const [film] = process.argv.slice(2);
const name = basename(film);
const { size } = statSync(film);
const wish = wishes();

const browser = await launch();
try {
  const page = await uploads(await operator(browser));
  await page.locator('[data-files]').setInputFiles(film);
  await phase(page, name, 'sending');
  let restarted = false;
  for (;;) {
    await page.waitForTimeout(1000);
    await wish('look');
    const now = await row(page, name).getAttribute('data-phase');
    assert.notEqual(now, 'failed', await row(page, name).locator('.status').textContent());
    if (now === 'done') break;
    if (!restarted && (await acknowledged(page, name)) > size / 3) {
      restarted = true;
      await wish('restart');
    }
  }
  assert.ok(restarted, 'it was long enough for a restart');
  assert.equal(new Set(page.sent).size, page.sent.length, 'no part is sent again that was acknowledged');
  assert.deepEqual(page.complaints, []);
} finally {
  await browser.close();
  process.stdin.destroy();
}
