// Players that are not ours, with a film of three qualities, two languages and two caption tracks: each plays, seeks,
// and switches quality, language and captions. Run by e2e/tests/test_formats.py.
//
// KINORA_HLS, KINORA_HLS_TS and KINORA_DASH are addresses of the film, KINORA_SECONDS its length.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, open, site } from './support.mjs';

const { KINORA_HLS: HLS, KINORA_HLS_TS: TS, KINORA_DASH: DASH } = process.env;
const seconds = Number(process.env.KINORA_SECONDS);
const file = (path) => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url));

// Each answers `{ ready, qualities, quality(n), languages, language(tag), captions, caption(tag) }`, all of which may wait.
const PLAYERS = {
  'hls.js': {
    script: file('hls.js/dist/hls.js'),
    start: async (video, url, fail) => {
      const hls = new globalThis.Hls({ capLevelToPlayerSize: false });
      hls.on('hlsError', (_, error) => error.fatal && fail(`${error.type} ${error.details}`));
      hls.loadSource(url);
      hls.attachMedia(video);
      await new Promise((resolve) => hls.on('hlsManifestParsed', resolve));
      return {
        qualities: () => hls.levels.map((level) => level.height),
        quality: (n) => { hls.nextLevel = n; },
        languages: () => hls.audioTracks.map((track) => track.lang),
        language: (tag) => { hls.audioTrack = hls.audioTracks.findIndex((track) => track.lang === tag); },
        captions: () => hls.subtitleTracks.map((track) => track.lang),
        caption: (tag) => {
          hls.subtitleTrack = hls.subtitleTracks.findIndex((track) => track.lang === tag);
          hls.subtitleDisplay = true;
        },
      };
    },
  },
  'shaka-player': {
    script: file('shaka-player/dist/shaka-player.compiled.js'),
    start: async (video, url, fail) => {
      globalThis.shaka.polyfill.installAll();
      const player = new globalThis.shaka.Player();
      player.addEventListener('error', (event) => fail(`code ${event.detail.code}: ${event.detail.data}`));
      await player.attach(video);
      player.configure({ abr: { enabled: false } });
      await player.load(url).catch((error) => fail(`code ${error.code}: ${error.data}`));
      const heights = () => [...new Set(player.getVariantTracks().map((track) => track.height))].sort((a, b) => a - b);
      return {
        qualities: heights,
        quality: (n) => {
          const now = player.getVariantTracks().find((track) => track.active);
          const same = (track) => track.height === heights()[n] && track.language === now.language;
          player.selectVariantTrack(player.getVariantTracks().find(same), true);
        },
        languages: () => [...new Set(player.getAudioTracks().map((track) => track.language))],
        language: (tag) => player.selectAudioTrack(player.getAudioTracks().find((track) => track.language === tag)),
        captions: () => player.getTextTracks().map((track) => track.language),
        caption: (tag) => player.selectTextTrack(player.getTextTracks().find((track) => track.language === tag)),
      };
    },
  },
  'dash.js': {
    script: file('dashjs/dist/modern/umd/dash.all.debug.js'),
    start: async (video, url, fail) => {
      const player = globalThis.dashjs.MediaPlayer().create();
      player.on('error', ({ error }) => fail(`code ${error.code}: ${error.message}`));
      player.initialize(video, url, true);
      player.updateSettings({ debug: { logLevel: 0 }, streaming: { abr: { autoSwitchBitrate: { video: false } } } });
      player.updateSettings({ streaming: { buffer: { fastSwitchEnabled: true } } });
      await new Promise((resolve) => player.on('streamInitialized', resolve));
      const of = (kind) => player.getTracksFor(kind).map((track) => track.lang);
      const choose = (kind, tag) => player.setCurrentTrack(player.getTracksFor(kind).find((track) => track.lang === tag));
      return {
        qualities: () => player.getRepresentationsByType('video').map((one) => one.height),
        quality: (n) => player.setRepresentationForTypeByIndex('video', n, true),
        languages: () => of('audio'),
        language: (tag) => choose('audio', tag),
        captions: () => of('text'),
        caption: (tag) => player.setTextTrack(of('text').indexOf(tag)),
      };
    },
  },
};

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

/** An empty page of the site's own origin, with a video element and a script. */
async function page(script) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const found = await open(context);
  found.asked = [];
  const note = (answer) => (request) => found.asked.push(`${answer} ${request.url().split('/').slice(-2).join('/')}`);
  found.on('request', note('asks'));
  found.on('requestfinished', note('has'));
  found.on('requestfailed', note('lost'));
  const html = '<!doctype html><title>player</title><video muted playsinline width=640></video>';
  await found.route(`${site}/-/player`, (route) => route.fulfill({ contentType: 'text/html', body: html }));
  await found.goto(`${site}/-/player`);
  await found.evaluate(() => { globalThis.errors = []; globalThis.video = document.querySelector('video'); });
  if (script) await found.addScriptTag({ path: script });
  return found;
}

/** Waits until what the page says of itself satisfies `wanted`; fails with every error of the player. */
async function until(found, what, wanted, timeout = 60_000) {
  const end = Date.now() + timeout;
  for (;;) {
    const facts = await found.evaluate(() => {
      const { video } = globalThis;
      const cues = [...video.textTracks].filter((track) => track.mode !== 'disabled').flatMap((track) => [...(track.cues ?? [])]);
      return {
        errors: [...globalThis.errors, ...(video.error ? [video.error.message] : [])],
        time: video.currentTime,
        height: video.videoHeight,
        duration: video.duration,
        frames: video.getVideoPlaybackQuality().totalVideoFrames,
        sound: video.webkitAudioDecodedByteCount,
        paused: video.paused || video.readyState < 3,
        buffered: [...Array(video.buffered.length).keys()].map((n) => [video.buffered.start(n), video.buffered.end(n)]),
        cues: cues.map((cue) => ({ start: cue.startTime, text: cue.text })),
      };
    });
    assert.deepEqual(facts.errors, [], what);
    if (wanted(facts)) return facts;
    assert.ok(Date.now() < end, `waited in vain: ${what}: ${JSON.stringify(facts)}; last requests: ${found.asked.slice(-40).join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** How many seconds are there from where it is, without a hole; to the end of the film counts as any number. */
function ahead({ time, buffered }) {
  const end = buffered.find(([start, end]) => start <= time && time <= end)?.[1] ?? time;
  return end > seconds - 0.1 ? Infinity : end - time;
}

/** Lets it play so fast: slowly, the film does not end while something else is waited for. */
const pace = (found, rate) => found.evaluate((rate) => { globalThis.video.playbackRate = rate; }, rate);

const seek = (found, to) => found.evaluate((to) => { globalThis.video.currentTime = to; }, to);

/** Plays on from where it is. */
async function goesOn(found, what) {
  const now = await until(found, what, (f) => !f.paused);
  return until(found, what, (f) => f.time > now.time + 0.3 && f.frames > now.frames + 3 && f.sound > now.sound);
}

for (const [name, url] of [['hls.js', HLS], ['hls.js', TS], ['shaka-player', HLS], ['shaka-player', DASH], ['dash.js', DASH]]) {
  const format = { [HLS]: 'HLS', [TS]: 'HLS in MPEG-TS', [DASH]: 'DASH' }[url];
  test(`${name} plays, seeks and switches ${format}`, async () => {
    const { script, start } = PLAYERS[name];
    const found = await page(script);
    await found.evaluate(
      async ([start, url]) => {
        const fail = (text) => globalThis.errors.push(text);
        globalThis.player = await eval(start)(globalThis.video, url, fail);
        await globalThis.video.play();
      },
      [`(${start})`, url],
    );
    const ask = (key, value) => found.evaluate(([key, value]) => globalThis.player[key](value), [key, value]);
    const first = await goesOn(found, 'it plays');
    assert.ok(Math.abs(first.duration - seconds) < 0.1, `${first.duration} s`);
    await pace(found, 0.25);

    // Before it seeks: shaka-player shows captions of HLS that are chosen later only when it loads pictures after that.
    assert.deepEqual(await ask('captions'), ['en', 'de']);
    await ask('caption', 'de');
    const { cues } = await until(found, 'captions are shown', (f) => f.cues.some((c) => /^Zeile 3/.test(c.text)));
    const third = cues.find((cue) => /^Zeile 3/.test(cue.text));
    // Of MPEG-TS, hls.js puts the first decoding time at 0, and so the picture and its captions two frames later.
    const late = third.start - 6.25;
    assert.ok(late > -0.01 && late < (url === TS ? 0.1 : 0.01), `${third.start} s`);

    await seek(found, seconds - 6);
    await until(found, 'it seeks on', (f) => f.time >= seconds - 6);
    await goesOn(found, 'it plays behind a seek');
    await seek(found, 1);
    await until(found, 'it seeks back', (f) => f.time < seconds - 6);
    await goesOn(found, 'it plays behind a seek back');

    assert.deepEqual(await ask('qualities'), [360, 540, 720]);
    for (const [n, height] of [[2, 720], [0, 360]]) {
      // Loaded ahead before and after: dash.js leaves a hole if it replaces pictures while it loads others.
      await until(found, 'it has loaded ahead', (f) => ahead(f) > 8);
      await ask('quality', n);
      await until(found, `${height}p is shown`, (f) => f.height === height && ahead(f) > 8);
      await goesOn(found, `${height}p plays`);
    }

    assert.deepEqual(await ask('languages'), ['en', 'de']);
    await ask('language', 'de');
    // Before it seeks: shaka-player loads no sound if it is sought while it changes the track.
    await goesOn(found, 'it plays on in another language');
    await seek(found, 6);
    await until(found, 'it seeks on in another language', (f) => f.time >= 6);
    await goesOn(found, 'another language plays behind a seek');

    await pace(found, 1);
    await seek(found, seconds - 1);
    await until(found, 'it ends', (f) => f.time > seconds - 0.2);
    assert.deepEqual(found.complaints, []);
  });
}

test('Chromium plays HLS itself', async (context) => {
  const found = await page();
  if (!(await found.evaluate(() => globalThis.video.canPlayType('application/vnd.apple.mpegurl')))) {
    return context.skip(`Chromium ${browser.version()} does not play HLS itself`);
  }
  await found.evaluate((url) => { globalThis.video.src = url; return globalThis.video.play(); }, HLS);
  const first = await goesOn(found, 'it plays');
  assert.ok(Math.abs(first.duration - seconds) < 0.1, `${first.duration} s`);
  await pace(found, 0.25);
  await seek(found, seconds - 6);
  await until(found, 'it seeks on', (f) => f.time >= seconds - 6);
  await goesOn(found, 'it plays behind a seek');
  await seek(found, 1);
  await until(found, 'it seeks back', (f) => f.time < seconds - 6);
  await goesOn(found, 'it plays behind a seek back');
});
