// Runs src/**/*.test.ts with node's own test runner, after stripping types with esbuild.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));
const entryPoints = readdirSync(join(root, 'src'), { recursive: true })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => join(root, 'src', name));
const outdir = mkdtempSync(join(tmpdir(), 'kinora-web-'));
await build({ entryPoints, outdir, bundle: true, platform: 'node', format: 'esm', outExtension: { '.js': '.mjs' }, logLevel: 'warning' });
const files = readdirSync(outdir, { recursive: true }).filter((name) => name.endsWith('.mjs'));
const run = spawnSync(process.execPath, ['--test', ...files.map((name) => join(outdir, name))], { stdio: 'inherit' });
rmSync(outdir, { recursive: true });
process.exit(run.status ?? 1);
