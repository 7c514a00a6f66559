import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Session } from './session';

/** Answers requests in turn. */
function serve(...answers: Array<Response | Promise<Response>>): string[] {
  const asked: string[] = [];
  globalThis.fetch = async (path) => {
    asked.push(String(path));
    return answers.shift() ?? new Response(null, { status: 204 });
  };
  return asked;
}

const granted = () => Response.json({ session: 's', manifest: '/m', heartbeat_s: 30, expires_in_s: 300 });

test('who has given a session back is told nothing of its end', async () => {
  let answer: (response: Response) => void = () => {};
  const asked = serve(granted(), new Promise((resolve) => (answer = resolve)));
  const session = await Session.start('t');
  let ended = 0;
  session.onended = () => ended++;
  const renewal = session.renew();
  session.end();
  answer(Response.json({}, { status: 410 }));
  assert.equal(await renewal, 'refused');
  assert.equal(ended, 0);
  assert.deepEqual(asked, ['/api/playback', '/api/playback/s/heartbeat', '/api/playback/s/end']);
});

test('only an answer that says so is a refusal', async () => {
  const broken = Promise.reject<Response>(new TypeError('no network'));
  serve(granted(), broken, new Response('', { status: 503 }), Response.json({ expires_in_s: 300 }));
  const session = await Session.start('t');
  const renewals = [await session.renew(), await session.renew(), await session.renew()];
  assert.deepEqual(renewals, ['unknown', 'unknown', 'renewed']);
});

test('a pause tells the place, but not twice', async () => {
  const asked = serve(granted(), Response.json({ expires_in_s: 300 }), Response.json({ expires_in_s: 300 }));
  const session = await Session.start('t');
  let place = 10;
  session.position = () => place;
  assert.equal(await session.renew(), 'renewed');
  for (const moved of [0, 2400, 0]) {
    place += moved;
    session.active = true;
    session.active = false;
    await session.renew();
  }
  session.end();
  assert.deepEqual(asked.slice(1), ['/api/playback/s/heartbeat', '/api/playback/s/heartbeat', '/api/playback/s/end']);
});

test('the beginning is a place, too, once there is a saying', async () => {
  const asked: unknown[] = [];
  serve(granted(), Response.json({ expires_in_s: 300 }));
  const session = await Session.start('t');
  const { fetch } = globalThis;
  globalThis.fetch = (path, how) => (asked.push(JSON.parse(String(how?.body))), fetch(path, how));
  await session.renew();
  session.position = () => 0;
  session.end();
  assert.deepEqual(asked, [{}, { position_ms: 0 }]);
});

test('without an answer the network is at fault', async () => {
  serve(Promise.reject<Response>(new DOMException('too late', 'TimeoutError')));
  await assert.rejects(Session.start('t'), { kind: 'network' });
  serve(Response.json({ detail: 'Not for you.' }, { status: 403 }));
  await assert.rejects(Session.start('t'), { kind: 'session', title: 'Not for you.' });
});
