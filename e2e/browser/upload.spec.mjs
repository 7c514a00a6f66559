// Uploading in the browser: drops, pauses, reloads, details entered during the upload. Every part is counted on the wire.
//
// KINORA_UPLOAD names a film of more than 16 MiB (three parts or more), made by e2e/tests/test_browser.py.

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessible, launch, operator, site } from './support.mjs';
import { MIB, acknowledged, choosing, drop, hold, phase, row, sent, some, uploads } from './uploading.mjs';

const film = process.env.KINORA_UPLOAD;

let browser, context, folder;
before(async () => {
  browser = await launch();
  context = await operator(browser);
  folder = mkdtempSync(join(tmpdir(), 'kinora-upload-'));
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A copy of the film under a name of its own. */
function named(name) {
  const path = join(folder, name);
  copyFileSync(film, path);
  return path;
}

/** Discards an upload with two presses, and more where a machine was slow: the page forgets the first one after 4 s. */
async function discard(page, file, press) {
  const mine = row(page, file);
  const button = mine.getByRole('button', { name: /discard/i });
  for (let presses = 0; presses < 10 && (await mine.count()); presses++) {
    const sure = /^Really/.test(await button.textContent());
    await press(button);
    if (sure) await mine.waitFor({ state: 'detached', timeout: 15_000 }).catch(() => {});
  }
  await mine.waitFor({ state: 'detached' });
}

test('several dropped files arrive, and what is no film says why', async () => {
  const page = await uploads(context);
  await drop(page, [{ name: 'one.mp4', size: 9 * MIB }, { name: 'zwei ü.mp4', size: 100 }, { name: 'leer.mp4', size: 0 }]);
  await page.getByText('leer.mp4: This file is empty.').first().waitFor();
  for (const file of ['one.mp4', 'zwei ü.mp4']) {
    await phase(page, file, 'done');
    await row(page, file).getByText('Choose another file').waitFor({ timeout: 60_000 });
    assert.equal(await row(page, file).getByRole('link', { name: /^Watch/ }).isVisible(), false);
  }
  assert.equal(page.sent.filter((part) => part.startsWith('one.mp4#')).length, 2, 'two parts of 8 and 1 MiB');
  for (const file of ['one.mp4', 'zwei ü.mp4']) await row(page, file).getByRole('button', { name: /^Remove/ }).click();
  await page.getByRole('button', { name: 'Close: leer.mp4' }).click();
  await page.getByText('No uploads yet.').waitFor();
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test('paused, reloaded, chosen again: only what is missing is sent, and the title is as it was described', async () => {
  const file = `Ferien ${Date.now()}.mp4`;
  const path = named(file);
  const parts = Math.ceil(statSync(path).size / (8 * MIB));
  assert.ok(parts >= 3, 'a film of several parts');
  const page = await uploads(context);
  const go = await hold(page, 2);
  await page.locator('[data-files]').setInputFiles(path);
  await phase(page, file, 'sending');
  const mine = row(page, file);
  await mine.getByLabel('Name').fill('Die Ferien „1926“');
  await mine.getByLabel('Description').fill('Am Meer.\nMit <b>Hund</b>.');
  await mine.getByLabel('Who may watch').selectOption('private');
  await mine.getByText('Saved.').waitFor();
  await some(page, file);
  await mine.getByRole('button', { name: /^Pause/ }).click();
  await phase(page, file, 'paused');
  const before = await acknowledged(page, file);
  assert.ok(before > 0 && before < statSync(path).size, `some parts are there, not all: ${before}`);
  await page.waitForTimeout(1000); // what was cut off on its way may still be counted
  const first = page.sent.length;
  assert.ok(first > 0 && first < parts);
  await page.waitForTimeout(1000);
  assert.equal(page.sent.length, first, 'nothing is sent while it is paused');
  // Going on after the pause, then a reload in the middle.
  await mine.getByRole('button', { name: /^Resume/ }).click();
  await phase(page, file, 'sending');
  const leaving = page.waitForEvent('dialog', { timeout: 10_000 }).then(async (dialog) => {
    assert.equal(dialog.type(), 'beforeunload');
    await dialog.accept();
  });
  await Promise.all([leaving, page.reload()]);
  await page.locator('[data-uploads][data-ready]').waitFor();
  await phase(page, file, 'idle');
  assert.equal(await row(page, file).getByLabel('Name').inputValue(), 'Die Ferien „1926“');
  assert.ok((await acknowledged(page, file)) >= before);

  // A file of the same name and another content is not taken for it.
  const other = join(folder, 'other.mp4');
  writeFileSync(other, 'no');
  const againButton = row(page, file).getByRole('button', { name: /^Choose the file again/ });
  await (await choosing(page, () => againButton.click())).setFiles(other);
  await page.getByText(/This isn’t the same file as/).first().waitFor();
  await page.getByRole('button', { name: 'Close: other.mp4' }).click();

  await (await choosing(page, () => againButton.click())).setFiles(path);
  await phase(page, file, 'sending');
  await go();
  await phase(page, file, 'done');
  // An acknowledgement that the reload cut off is not counted here, and that part is not sent again.
  const acknowledgements = sent(page, file);
  assert.ok(acknowledgements.length <= parts, `${acknowledgements} for ${parts} parts`);
  assert.equal(new Set(acknowledgements).size, acknowledgements.length, 'no part is sent again that was acknowledged');
  await row(page, file).getByRole('link', { name: /^Watch/ }).waitFor({ timeout: 120_000 });
  await row(page, file).getByText(/Ready to play|Published/).waitFor();
  const title = await row(page, file).getByRole('link', { name: /^Settings/ }).getAttribute('href');
  await page.goto(site + title);
  assert.equal(await page.getByLabel('Name').inputValue(), 'Die Ferien „1926“');
  assert.equal(await page.getByLabel('Description').inputValue(), 'Am Meer.\nMit <b>Hund</b>.');
  assert.ok(await page.getByLabel('Private').isChecked());
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test('where the browser remembers files, one press goes on after a reload', async () => {
  const file = `Gemerkt ${Date.now()}.mp4`;
  // A file of the browser's own file system needs neither a dialog nor a permission; its handle is as real as any.
  const page = await uploads(context, undefined, () => {
    globalThis.showOpenFilePicker = async () => {
      const folder = await navigator.storage.getDirectory();
      return Array.fromAsync(folder.values());
    };
  });
  await page.evaluate(async ([name, size]) => {
    const handle = await (await navigator.storage.getDirectory()).getFileHandle(name, { create: true });
    const writer = await handle.createWritable();
    await writer.write(new Uint8Array(size).fill(7));
    await writer.close();
  }, [file, 20 * MIB]);
  const go = await hold(page, 2);
  await page.getByRole('button', { name: 'Choose files' }).click();
  await phase(page, file, 'sending');
  await some(page, file);
  page.on('dialog', (dialog) => dialog.accept());
  await page.reload();
  await phase(page, file, 'idle');
  await go();
  await row(page, file).getByRole('button', { name: /^Resume/ }).click();
  await phase(page, file, 'done');
  const parts = sent(page, file);
  assert.equal(new Set(parts).size, parts.length, 'each part once');
  await row(page, file).getByText('Choose another file').waitFor({ timeout: 60_000 });
  await row(page, file).getByRole('button', { name: /^Remove/ }).click();
  await page.close();
});

test('two tabs do not send the same file, and the other goes on when the first is closed', async () => {
  const file = `Tabs ${Date.now()}.mp4`;
  const path = named(file);
  const first = await uploads(context);
  await hold(first, 2);
  await first.locator('[data-files]').setInputFiles(path);
  await some(first, file);
  const second = await uploads(context);
  await phase(second, file, 'elsewhere');
  await second.locator('[data-files]').setInputFiles(path);
  // The file is taken, and kept for when the first tab is gone.
  await row(second, file).getByRole('button', { name: /^Resume/ }).waitFor();
  await phase(second, file, 'elsewhere');
  assert.deepEqual(second.sent, []);
  await first.close({ runBeforeUnload: false });
  await phase(second, file, 'idle');
  await row(second, file).getByRole('button', { name: /^Resume/ }).click();
  await phase(second, file, 'done');
  await second.close();
});

test('a lost network is waited for, and a discarded upload leaves nothing', async () => {
  const file = `Netz ${Date.now()}.mp4`;
  const page = await uploads(context);
  const go = await hold(page, 2, 3);
  await page.locator('[data-files]').setInputFiles(named(file));
  await some(page, file);
  await page.network(0);
  await go();
  await phase(page, file, 'lost');
  await row(page, file).getByText('Connection lost.').waitFor();
  await hold(page, 3);
  await page.network(1 << 30);
  await phase(page, file, 'sending');
  await discard(page, file, (button) => button.press('Enter'));
  const items = await page.evaluate(() => fetch('/api/uploads').then((answer) => answer.json()));
  assert.equal(items.items.filter((item) => item.file === file).length, 0);
  await page.close();
});

test('files that are chosen and sent while offline wait, and go on by themselves', async () => {
  const files = [`Funkloch ${Date.now()}.mp4`, `Tunnel ${Date.now()}.mp4`];
  const page = await uploads(context);
  const go = await hold(page, 2, 3);
  await page.locator('[data-files]').setInputFiles(named(files[0]));
  await some(page, files[0]);
  await context.setOffline(true);
  try {
    await go();
    await phase(page, files[0], 'lost');
    await page.locator('[data-files]').setInputFiles(named(files[1]));
    await page.getByText(`${files[1]}: The server`).first().waitFor();
  } finally {
    await context.setOffline(false);
  }
  for (const file of files) await phase(page, file, 'done');
  assert.equal(await page.getByText(`${files[1]}: The server`).count(), 0);
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test('everything works with the keyboard alone', async () => {
  const file = `Tasten ${Date.now()}.mp4`;
  const page = await uploads(context);
  const go = await hold(page, 2);
  /** Presses Tab until something is focused. */
  const reach = async (locator) => {
    const there = () => locator.evaluate((element) => element === document.activeElement);
    for (let tabs = 0; !(await there()); tabs++) {
      assert.ok(tabs < 60, `${locator} is not reached`);
      await page.keyboard.press('Tab');
    }
    const seen = await locator.evaluate((element) => getComputedStyle(element).outlineStyle !== 'none');
    assert.ok(seen, `the focus on ${locator} is seen`);
  };
  await reach(page.getByRole('button', { name: 'Choose files' }));
  await (await choosing(page, () => page.keyboard.press('Enter'))).setFiles(named(file));
  await phase(page, file, 'sending');
  const mine = row(page, file);
  await reach(mine.getByRole('button', { name: /^Pause/ }));
  await page.keyboard.press('Enter');
  await phase(page, file, 'paused');
  await reach(mine.getByRole('button', { name: /^Resume/ }));
  await page.keyboard.press('Space');
  await reach(mine.getByLabel('Name'));
  await page.keyboard.press('Control+A');
  await page.keyboard.type('Getippt');
  await reach(mine.getByLabel('Who may watch'));
  await page.keyboard.press('p');
  await mine.getByText('Saved.').waitFor();
  await go();
  await phase(page, file, 'done');
  // The page of a title reloads when it becomes published: not while somebody types in this test.
  await mine.getByText('Published.').waitFor({ timeout: 120_000 });
  const settings = mine.getByRole('link', { name: /^Settings/ });
  await reach(settings);
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/title\//);
  await reach(page.getByLabel('Description'));
  await page.keyboard.type('Ohne Maus.');
  await reach(page.getByRole('radio', { checked: true }));
  await page.keyboard.press('ArrowDown');
  const chosen = await page.getByRole('radio', { checked: true }).getAttribute('value');
  await reach(page.getByRole('button', { name: 'Save' }));
  await page.keyboard.press('Enter');
  await page.getByText('Saved.').waitFor();
  assert.equal(await page.getByLabel('Name').inputValue(), 'Getippt');
  assert.equal(await page.getByLabel('Description').inputValue(), 'Ohne Maus.');
  assert.equal(await page.getByRole('radio', { checked: true }).getAttribute('value'), chosen);
  assert.deepEqual(page.complaints, []);
  await page.close();
});

for (const colorScheme of ['light', 'dark']) {
  test(`the page with files is accessible and fits (${colorScheme})`, async () => {
    const options = { colorScheme, bypassCSP: true, reducedMotion: 'reduce', viewport: { width: 1440, height: 900 } };
    const looking = await operator(browser, options);
    const page = await uploads(looking);
    await hold(page, 2);
    const file = `Ein_ziemlich_langer_Dateiname_ohne_jede_Luecke_${colorScheme}_0123456789.mp4`;
    await page.locator('[data-files]').setInputFiles(named(file));
    await phase(page, file, 'sending');
    for (const width of [1440, 360]) {
      await page.setViewportSize({ width, height: 900 });
      await accessible(page, `upload at ${width} px, ${colorScheme}`);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(over <= 0, `${over} px too wide at ${width} px`);
      const folder = process.env.KINORA_SCREENSHOTS;
      if (folder) await page.screenshot({ path: join(folder, `upload-${colorScheme}-${width}.png`), fullPage: true });
    }
    await discard(page, file, (button) => button.click());
    await page.close();
  });
}
