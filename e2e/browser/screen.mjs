// A wide screen for a whole file of tests: Chromium, in which the operator is signed in, with a new page for each test.

import { after, before, beforeEach } from 'node:test';
import { launch, open, operator } from './support.mjs';

export let browser, context, page;

before(async () => {
  browser = await launch();
  context = await operator(browser, { viewport: { width: 1280, height: 800 } });
});
after(() => browser?.close());

beforeEach(async () => {
  await page?.close();
  page = await open(context);
});
