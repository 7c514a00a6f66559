// What the tests of the upload page share. Every part is counted on the wire.

import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { open, s3, site } from './support.mjs';

export const MIB = 1 << 20;

/** Asks who started this for something, by a line, and waits until the same line says that it is done. */
export function wishes() {
  const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  return async (what) => {
    console.log(what);
    assert.equal((await answers.next()).value, what);
  };
}

/** The row of a file. */
export const row = (page, file) =>
  page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: file, exact: true }) });

/** Waits until a file's upload is in a phase. */
export const phase = (page, file, wanted, timeout = 60_000) =>
  row(page, file).and(page.locator(`[data-phase="${wanted}"]`)).waitFor({ timeout });

/** The parts of a file that were sent and acknowledged. */
export const sent = (page, file) => page.sent.filter((part) => part.startsWith(`${encodeURIComponent(file)}#`));

/** How many bytes of a file have arrived and stay. */
export const acknowledged = async (page, file) => Number(await row(page, file).getAttribute('data-arrived'));

/** Waits until some of a file has arrived. */
export const some = (page, file) =>
  row(page, file).and(page.locator('[data-arrived]:not([data-arrived="0"])')).waitFor({ timeout: 60_000 });

/**
 * Holds back the addresses of parts of every file, so that they are being sent until what this answers is called:
 * nothing then depends on how fast a machine is.
 */
export async function hold(page, ...numbers) {
  const addresses = '**/api/uploads/*/parts';
  let go;
  const gone = new Promise((resolve) => { go = resolve; });
  await page.route(addresses, async (route) => {
    if (route.request().postDataJSON().parts.some((part) => numbers.includes(part.number))) await gone;
    await route.continue().catch(() => {}); // given up meanwhile
  });
  return async () => {
    go();
    await page.unroute(addresses);
  };
}

/**
 * The upload page; `sent` holds the part numbers of finished PUTs. It sends at most `slow` bytes a second.
 * Files are chosen with `picker`, a script that runs first; without one by the file field, as in Firefox.
 */
export async function uploads(context, slow, picker = () => { delete globalThis.showOpenFilePicker; }) {
  const page = await open(context);
  await page.addInitScript(picker);
  page.sent = [];
  page.on('response', (answer) => {
    const url = new URL(answer.url());
    if (answer.request().method() !== 'PUT' || url.origin !== s3 || answer.status() !== 200) return;
    page.sent.push(`${url.pathname.split('/').at(-1)}#${url.searchParams.get('partNumber')}`);
  });
  page.network = await throttle(page);
  if (slow) await page.network(slow);
  await page.goto(`${site}/upload`);
  await page.locator('[data-uploads][data-ready]').waitFor();
  return page;
}

/** Answers what limits a page's network to so many bytes a second; 0 takes it away. */
async function throttle(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  return (bytes) =>
    session.send('Network.emulateNetworkConditions', {
      offline: bytes === 0, latency: 0, downloadThroughput: -1, uploadThroughput: bytes || -1,
    });
}

/** The file dialog that `act` opens. What catches it must be in place before: a question to the page waits for that. */
export async function choosing(page, act) {
  const chooser = page.waitForEvent('filechooser');
  await page.evaluate(() => document.readyState);
  await act();
  return chooser;
}

/** Drops files on the page, as a person would from a folder. */
export async function drop(page, files) {
  const transfer = await page.evaluateHandle((given) => {
    const transfer = new DataTransfer();
    for (const { name, size } of given) transfer.items.add(new File([new Uint8Array(size).fill(7)], name, { lastModified: 1 }));
    return transfer;
  }, files);
  await page.dispatchEvent('main', 'dragenter', { dataTransfer: transfer });
  assert.ok(await page.evaluate(() => document.body.classList.contains('dropping')), 'the page shows that it takes it');
  await page.dispatchEvent('main', 'drop', { dataTransfer: transfer });
}
