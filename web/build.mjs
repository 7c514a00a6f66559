// Bundles the islands and styles into dist/: content-hashed names, gzip and brotli beside each file, and
// manifest.json, which crates/site reads. Fails when a page's budget (gzip) is exceeded.
import { build } from 'esbuild';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('.', import.meta.url));
const dist = join(root, 'dist');

// hls.js is built from its own sources: its switches leave out what no page of ours uses (DRM, ad insertion,
// steering, …), a third of the player's bytes.
const version = JSON.parse(readFileSync(join(root, 'node_modules/hls.js/package.json'))).version;
const hls = {
  __VERSION__: JSON.stringify(version),
  __USE_ALT_AUDIO__: 'true',
  __USE_SUBTITLES__: 'true',
  __USE_MEDIA_CAPABILITIES__: 'true',
  __USE_CMCD__: 'false',
  __USE_CONTENT_STEERING__: 'false',
  __USE_EME_DRM__: 'false',
  __USE_IFRAMES__: 'false',
  __USE_INTERSTITIALS__: 'false',
  __USE_M2TS_ADVANCED_CODECS__: 'false',
  __USE_VARIABLE_SUBSTITUTION__: 'false',
  __IN_WORKER__: 'false',
  __HLS_WORKER_BUNDLE__: 'null',
};

/** Most gzip bytes of the scripts a page loads. */
const budgets = { 'site.js': 15_000, 'watch.js': 215_000, 'upload.js': 30_000 };

rmSync(dist, { recursive: true, force: true });
const result = await build({
  absWorkingDir: root,
  entryPoints: {
    site: 'src/site.ts',
    watch: 'src/watch.ts',
    upload: 'src/upload.ts',
    'site-style': 'styles/site.css',
    'watch-style': 'styles/watch.css',
  },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: ['es2022', 'chrome111', 'firefox113', 'safari16.4'],
  minify: true,
  metafile: true,
  legalComments: 'linked',
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  publicPath: '/assets',
  loader: { '.woff2': 'file' },
  alias: { 'hls.js': './node_modules/hls.js/src/exports-named.ts' },
  define: hls,
  // hls.js relies on fields without initialisers not being defined again in subclasses.
  tsconfigRaw: { compilerOptions: { target: 'es2022', useDefineForClassFields: false, verbatimModuleSyntax: true } },
  logLevel: 'warning',
});

const outputs = Object.entries(result.metafile.outputs).map(([path, output]) => ({ file: basename(path), output }));
const gzip = {};
for (const { file } of outputs) {
  const bytes = readFileSync(join(dist, file));
  const packed = gzipSync(bytes, { level: 9 });
  gzip[file] = packed.length;
  if (!/\.(js|css)$/.test(file)) continue;
  writeFileSync(join(dist, `${file}.gz`), packed);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(join(dist, `${file}.br`), brotliCompressSync(bytes, { params }));
}

/** `site-ABCDEFGH.js` → `site.js`. */
const plain = (file) => file.replace(/-[A-Z0-9]{8}(\.\w+)$/, '$1');

/** Files that load at once with `file`, or, with `later`, also those it loads when it needs them. */
function imports(file, later, seen = new Set()) {
  const output = outputs.find((o) => o.file === file)?.output;
  for (const edge of output?.imports ?? []) {
    const name = basename(edge.path);
    if (edge.external || seen.has(name) || (edge.kind !== 'import-statement' && !later)) continue;
    seen.add(name);
    imports(name, later, seen);
  }
  return [...seen];
}

// The licences of everything that ends up in the bundles, as they ask for.
const packages = new Set();
for (const input of Object.keys(result.metafile.inputs)) {
  const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
  if (name) packages.add(name);
}
const licences = [...packages].sort().map((name) => {
  const folder = join(root, 'node_modules', name);
  const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json')));
  const file = readdirSync(folder).find((f) => /^licen[cs]e/i.test(f));
  return `${name} ${version} (${license})\n\n${file ? readFileSync(join(folder, file), 'utf8') : ''}`;
});
writeFileSync(join(dist, 'licences.txt'), licences.join(`\n${'-'.repeat(80)}\n\n`));

const manifest = {};
let failed = false;
for (const { file } of outputs) {
  if (file.endsWith('.txt')) continue;
  // Shared chunks have no name of their own; pages find them as imports.
  const name = file.startsWith('chunk-') ? file : plain(file);
  manifest[name] = { file, imports: imports(file, false) };
}
for (const [name, budget] of Object.entries(budgets)) {
  const { file } = manifest[name];
  const total = [file, ...imports(file, true)].reduce((sum, f) => sum + gzip[f], 0);
  const verdict = total <= budget ? 'ok' : 'TOO LARGE';
  console.log(`${name.padEnd(16)} ${String(total).padStart(7)} of ${budget} bytes (gzip) ${verdict}`);
  failed ||= total > budget;
}
for (const name of ['site-style.css', 'watch-style.css']) {
  console.log(`${name.padEnd(16)} ${String(gzip[manifest[name].file]).padStart(7)} bytes (gzip)`);
}
writeFileSync(join(dist, 'manifest.json'), JSON.stringify(manifest, null, 1) + '\n');
if (failed) process.exit(1);
