// A page of another origin that uploads with a form and with scripts. Prints its origin, reads one line of JSON with what
// was signed for it (see e2e/tests/test_s3_pages.py), and prints what the browser was told.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { launch } from './support.mjs';

const escape = (text) => text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');

let wish;
const server = createServer((_, response) => {
  const fields = Object.entries(wish.form.fields).map(
    ([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`,
  );
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.end(`<!doctype html><title>page</title><form method="post" enctype="multipart/form-data"
    action="${escape(wish.form.url)}">${fields.join('')}<input type="file" name="file"><button>Send</button></form>`);
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const origin = `http://127.0.0.1:${server.address().port}`;
console.log(origin);
for await (const line of createInterface({ input: process.stdin })) {
  wish = JSON.parse(line);
  break;
}

const browser = await launch();
try {
  const page = await browser.newPage();
  await page.goto(origin);
  await page.setInputFiles('input[type=file]', { name: wish.name, mimeType: 'video/mp4', buffer: Buffer.from(wish.text) });
  await page.getByRole('button', { name: 'Send' }).click();
  await page.waitForURL((url) => url.pathname === '/done');
  const told = Object.fromEntries(new URL(page.url()).searchParams);

  const send = ([url, text]) =>
    fetch(url, { method: 'PUT', body: text, headers: { 'x-amz-meta-who': 'a page' } }).then(
      async (answer) => ({ status: answer.status, etag: answer.headers.get('ETag'), date: answer.headers.get('Last-Modified') }),
      (error) => ({ error: error.name }),
    );
  const allowed = await page.evaluate(send, [wish.put, wish.text]);
  const read = await page.evaluate((url) => fetch(url).then((a) => a.text()), wish.get);
  // The same page under another name is of another origin.
  await page.goto(origin.replace('127.0.0.1', 'localhost'));
  const foreign = await page.evaluate(send, [wish.put, 'never']);
  assert.deepEqual(foreign, { error: 'TypeError' });
  console.log(JSON.stringify({ told, allowed, read }));
} finally {
  await browser.close();
  server.close();
}
