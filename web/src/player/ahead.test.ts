import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choose, head } from './ahead';

const BASE = 'https://kinora.example/out/v1/a/c/g/index.m3u8';
const MASTER = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="de, in quotes",LANGUAGE="de",URI="a1.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",DEFAULT=YES,URI="a0.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=5000000,RESOLUTION=1920x1080,CODECS="avc1.640028,mp4a.40.2",AUDIO="a"
v0.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360,AUDIO="a"
v2.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2500000,RESOLUTION=1280x720,AUDIO="a"
v1.m3u8
`;

const begin = (estimate: number, pixels: number) => choose(MASTER, BASE, estimate, pixels)?.variant.split('/').at(-1);

test('the best picture that network and player allow comes first', () => {
  assert.equal(begin(1_500_000, 720), 'v2.m3u8');
  assert.equal(begin(4_000_000, 720), 'v1.m3u8');
  assert.equal(begin(50_000_000, 720), 'v1.m3u8');
  assert.equal(begin(50_000_000, 2000), 'v0.m3u8');
  assert.equal(begin(100_000, 720), 'v2.m3u8');
  assert.equal(choose(MASTER, BASE, 1e6, 720)?.audio, 'https://kinora.example/out/v1/a/c/g/a0.m3u8');
});

test('what is no multivariant playlist begins with nothing', () => {
  assert.equal(choose('#EXTM3U\n#EXTINF:2,\n0.m4s\n', BASE, 1e6, 720), null);
  assert.equal(choose('#EXT-X-STREAM-INF:BANDWIDTH=1\n', BASE, 1e6, 720), null);
  assert.equal(choose('<html>', BASE, 1e6, 720), null);
});

test('a media playlist begins with its init and first segment', () => {
  const text = '#EXTM3U\n#EXT-X-MAP:URI="v0/init.mp4"\n#EXTINF:2.0,\nv0/0.m4s\n#EXTINF:2.0,\nv0/1.m4s\n';
  const names = head(text, BASE).map((url) => url.split('/g/')[1]);
  assert.deepEqual(names, ['v0/init.mp4', 'v0/0.m4s']);
  assert.deepEqual(head('#EXTM3U\n#EXT-X-BYTERANGE:10@0\na.mp4', BASE), []);
});
