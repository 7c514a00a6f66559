// What the browser tests share: Chromium, the running server, signing in, axe-core.
//
// KINORA_READY_FILE names the ready file of a running `kinora up`; KINORA_SIGNIN_LINK an operator's sign-in link (else
// the ready file's own); KINORA_TITLE the id of a published film of at least 30 s; KINORA_REJECTED the name of an
// upload that is no film (else `browser-not-a-film`); KINORA_SPOKEN the id of a film of e2e/tests/spoken.py.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const readyFile = process.env.KINORA_READY_FILE;
assert.ok(readyFile, 'KINORA_READY_FILE names the ready file of a running server');

export const ready = JSON.parse(readFileSync(readyFile));
export const site = ready.http.replace(/\/$/, '');
/** Where parts of uploads go to. */
export const s3 = ready.s3.replace(/\/$/, '');
export const film = process.env.KINORA_TITLE;
export const spoken = process.env.KINORA_SPOKEN;
export const rejected = process.env.KINORA_REJECTED ?? 'browser-not-a-film';

export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

/** Starts Chromium with an empty profile. */
export function launch(options = {}) {
  return chromium.launch({ executablePath: process.env.KINORA_CHROMIUM ?? '/usr/bin/chromium', args: FLAGS, ...options });
}

/** A page that fails the test on script errors, refused content and requests to other hosts. */
export async function open(context, complaints = []) {
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(`script error: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    if (/Content Security Policy|Trusted ?Type|Refused to/i.test(text)) complaints.push(text);
  });
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith('http') && ![site, s3].includes(origin)) complaints.push(`foreign host: ${request.url()}`);
  });
  page.complaints = complaints;
  return page;
}

/** A context in which the operator is signed in. The link works once, so what it gave is kept beside the ready file. */
export async function operator(browser, options = {}) {
  const link = process.env.KINORA_SIGNIN_LINK ?? ready.operator_link;
  const kept = `${readyFile}.${createHash('sha256').update(link).digest('hex').slice(0, 16)}.browser`;
  if (existsSync(kept)) return browser.newContext({ ...options, storageState: kept });
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(link);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => url.pathname === '/');
  await page.close();
  writeFileSync(kept, JSON.stringify(await context.storageState()), { mode: 0o600 });
  return context;
}

/** The code of the newest mail to an address; waits for it. */
export async function codeFor(address, timeout = 15_000) {
  const end = Date.now() + timeout;
  while (Date.now() < end) {
    const mails = readdirSync(ready.mailbox).filter((name) => name.endsWith('.eml')).sort().reverse();
    for (const name of mails) {
      const mail = readFileSync(join(ready.mailbox, name), 'utf8');
      if (!mail.toLowerCase().includes(address.toLowerCase())) continue;
      const code = /^@\S+ #(\d{6,8})\s*$/m.exec(mail)?.[1];
      if (code) return code;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no code came for ${address} in ${timeout} ms`);
}

/**
 * Waits of a second or longer on a page take a tenth of that: patience, and pauses between tries. Answers get
 * all their time, unless `answers` says that one will not come.
 */
export function hurry(page, { answers = false } = {}) {
  return page.addInitScript((answers) => {
    const { setTimeout } = globalThis;
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    globalThis.setTimeout = (act, ms, ...rest) => setTimeout(act, ms >= 1000 ? ms / 10 : ms, ...rest);
    if (answers) AbortSignal.timeout = (ms) => timeout(ms / 5);
  }, answers);
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** Fails with what axe-core finds on the page. The page's context needs `bypassCSP`. */
export async function accessible(page, what) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(async (rules) => {
    const { violations } = await globalThis.axe.run(document, { runOnly: rules });
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((n) => n.html).slice(0, 3).join(' | ')}`);
  }, RULES);
  assert.deepEqual(found, [], what);
}

/** What the player says of itself; nothing while it is not there yet. */
export function debug(page) {
  return page.evaluate(() => document.querySelector('kinora-player')?.debug);
}

/**
 * Clicks on a button of the player's bar. The bar hides while nothing moves, and a hidden one takes no clicks: the first
 * move wakes it, the next one stands on it, where it does not hide.
 */
export async function press(button) {
  const stands = () => button.evaluate((element) => element.matches(':hover'));
  for (let n = 0; n < 2 || (n < 20 && !(await stands())); n++) {
    await button.hover({ force: true, position: { x: n % 2 ? 24 : 20, y: 20 } });
  }
  await button.click();
}

/** Waits until the player's debug facts satisfy `test`; answers them. */
export async function player(page, test, timeout = 30_000) {
  const end = Date.now() + timeout;
  for (;;) {
    const facts = await debug(page);
    if (facts && test(facts)) return facts;
    if (Date.now() > end) throw new Error(`waited in vain for ${test}: ${JSON.stringify(facts)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
