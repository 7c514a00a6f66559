// Signing in by code and by link, and out.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { codeFor, launch, open, operator, site } from './support.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

const fresh = () => `viewer-${Date.now()}-${Math.random().toString(36).slice(2, 8)}@example.org`;

test('a code from the mail signs in; typing it is enough', async () => {
  const page = await open(await browser.newContext());
  await page.goto(`${site}/jobs`);
  assert.equal(new URL(page.url()).pathname, '/signin', 'guests are led to the sign-in page');
  const address = fresh();
  await page.getByLabel('E-mail address').fill(address);
  await page.getByRole('button', { name: 'Email me a code' }).click();
  const field = page.getByLabel('Code from the e-mail');
  assert.equal(await field.getAttribute('autocomplete'), 'one-time-code');
  await page.waitForFunction(() => document.activeElement.id === 'code'); // the field has the focus
  // A second code is not to be had at once.
  await page.getByRole('button', { name: /Resend code.*in \d+ s/, disabled: true }).waitFor();

  const code = await codeFor(address);
  await field.fill(code === '111111' ? '222222' : '111111');
  await page.getByText(/That code is incorrect/).waitFor();
  await page.waitForLoadState(); // scripts listen

  // Pasted with a space in the middle, as people copy it: sent without a click.
  await page.evaluate((text) => {
    const input = document.querySelector('#code');
    input.value = text;
    input.dispatchEvent(new InputEvent('input', { bubbles: true, inputType: 'insertFromPaste' }));
  }, `${code.slice(0, 3)} ${code.slice(3)}`);
  await page.waitForURL((url) => url.pathname === '/jobs');
  assert.match(await page.textContent('main'), /don’t have access|don't have access|don&#39;t have access/i, 'a viewer has no jobs page, and is told so');

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL((url) => url.pathname === '/signin');
  await page.goto(`${site}/`);
  assert.equal(await page.getByRole('button', { name: 'Sign out' }).count(), 0);
  assert.deepEqual(page.complaints, []);
});

test('without scripts the forms do the same', async () => {
  const page = await open(await browser.newContext({ javaScriptEnabled: false }));
  const address = fresh();
  await page.goto(`${site}/signin`);
  await page.getByLabel('E-mail address').fill(address);
  await page.getByRole('button', { name: 'Email me a code' }).click();
  await page.getByLabel('Code from the e-mail').fill(await codeFor(address));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText(address).waitFor();
});

/** Waits until something has the focus, as pages give it when they open. */
const focused = (locator) => locator.and(locator.page().locator(':focus')).waitFor();

/** Presses Tab until something of that name has the focus. */
async function tabTo(page, name) {
  for (let n = 0; n < 60; n += 1) {
    await page.keyboard.press('Tab');
    const focus = await page.evaluate(() => {
      const on = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(on);
      return { text: on.textContent.trim(), visible: outlineStyle !== 'none' && outlineWidth !== '0px' };
    });
    if (!name.test(focus.text)) continue;
    assert.ok(focus.visible, `the focus on ${name} can be seen`);
    return;
  }
  assert.fail(`Tab does not lead to ${name}`);
}

test('the keyboard is enough: in, to the own devices, out everywhere', async () => {
  const page = await open(await browser.newContext());
  const address = fresh();
  await page.goto(`${site}/account`);
  assert.equal(new URL(page.url()).pathname, '/signin');
  await focused(page.getByLabel('E-mail address'));
  await page.keyboard.type(address);
  await page.keyboard.press('Enter');
  await focused(page.getByLabel('Code from the e-mail'));
  await page.keyboard.type(await codeFor(address));
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.pathname === '/account');
  await page.getByText('(this one)').waitFor();
  await tabTo(page, /^Sign out everywhere$/);
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.pathname === '/signin');
  await page.goto(`${site}/account`);
  assert.equal(new URL(page.url()).pathname, '/signin');
  assert.deepEqual(page.complaints, []);
});

test('an operator invites by keyboard, and the invited comes in by the button', async () => {
  const page = await open(await operator(browser));
  await page.goto(`${site}/people`);
  await page.getByLabel('E-mail address').focus();
  const address = fresh();
  await page.keyboard.type(address);
  await page.keyboard.press('Enter');
  const link = await page.locator('.note code').textContent();
  await page.getByText(address).first().waitFor();
  const invited = await open(await browser.newContext());
  await invited.goto(link);
  await invited.getByText(address).waitFor();
  await focused(invited.locator('main form button'));
  await invited.keyboard.press('Enter');
  await invited.waitForURL((url) => url.pathname === '/');
  await page.goto(`${site}/people`);
  await tabTo(page, new RegExp(address));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: address }).waitFor();
  await page.getByRole('button', { name: 'Suspend' }).press('Enter');
  await page.getByText(/All sessions and playback were ended/).waitFor();
  await invited.goto(`${site}/account`);
  assert.equal(new URL(invited.url()).pathname, '/signin');
  assert.deepEqual([...page.complaints, ...invited.complaints], []);
});

test('the operator comes in by link', async () => {
  const page = await open(await operator(browser));
  await page.goto(`${site}/jobs`);
  await page.getByRole('heading', { name: 'Jobs', level: 1 }).waitFor();
  assert.deepEqual(page.complaints, []);
});
