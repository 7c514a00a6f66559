// Opens a page in a fresh Chromium behind a slow line and says when its film's first picture was shown, and how high.
//
//     node bench/start-up.mjs '{"page": URL, "proxy": PORT, "later": false, "sign_in": true}'
//
// `later`: the page was there before with all of the film refused, so that scripts and styles are in the cache.

import { launch, operator } from '../e2e/browser/support.mjs';

const { page: address, proxy, later, sign_in } = JSON.parse(process.argv[2]);
const line = { proxy: { server: `socks5://127.0.0.1:${proxy}`, bypass: '<-loopback>' } };
const FILM = ['*/out/v1/*', '*.m3u8*', '*.ts'];

/** Notes when the page's video has a first picture, in ms from the navigation's start, and how many lines it has. */
function note() {
  const seen = new WeakSet();
  globalThis.pictured = {};
  const look = () => {
    for (const video of document.querySelectorAll('video')) {
      if (seen.has(video)) continue;
      seen.add(video);
      video.requestVideoFrameCallback(() => {
        globalThis.pictured.shown ??= performance.now();
        globalThis.pictured.lines ??= video.videoHeight;
      });
      video.addEventListener('playing', () => (globalThis.pictured.playing ??= performance.now()));
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
}

const browser = await launch(line);
try {
  // Signing in, where it was not yet, fills a cache: what is measured begins with an empty one.
  if (sign_in) await (await operator(browser)).close();
  const context = sign_in ? await operator(browser) : await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript(note);
  if (later) {
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    await session.send('Network.setBlockedURLs', { urls: FILM });
    await page.goto(address, { waitUntil: 'load' });
    await page.waitForTimeout(1500);
    await page.goto('about:blank');
    await session.send('Network.setBlockedURLs', { urls: [] });
  }
  await page.goto(address, { waitUntil: 'commit', timeout: 60_000 });
  await page.waitForFunction(() => globalThis.pictured?.shown && globalThis.pictured?.playing, null, { timeout: 120_000 });
  console.log(JSON.stringify(await page.evaluate(() => globalThis.pictured)));
} finally {
  await browser.close();
}
