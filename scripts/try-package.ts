/**
 * Packs the package, installs the tarball into an empty folder and runs it there as a user would:
 * version, wrong usage, and the demo with its summary.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'cutover-package-'));
let failed = 0;

function expect(what: string, holds: boolean, detail = ''): void {
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}${holds ? '' : ` ${detail}`}`);
  if (!holds) failed += 1;
}

try {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { stdio: ['ignore', 'ignore', 'inherit'] });
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no tarball');
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', join(folder, tarball)], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });

  // `npm run` puts the pinned Node first on PATH, so the installed command runs on it as well.
  const cutover = join(folder, 'node_modules', '.bin', 'cutover');
  const run = (...args: string[]) => spawnSync(cutover, args, { cwd: folder, encoding: 'utf8', timeout: 120_000 });

  const version = run('version', '--output', 'json');
  expect('cutover version', version.status === 0 && JSON.parse(version.stdout).version.length > 0, version.stderr);
  const wrong = run('runn');
  expect('a mistyped verb exits with 2', wrong.status === 2, `status ${wrong.status}`);
  const demo = run('demo', '--duration', '15s', '--headless', '--output', 'json');
  const summary = demo.status === 0 ? JSON.parse(demo.stdout) : undefined;
  expect('cutover demo ends by itself', demo.status === 0, `status ${demo.status} ${demo.stderr.slice(-2000)}`);
  expect(
    'the demo served requests without a client error',
    summary?.requests > 100 && summary?.clientErrors === 0,
    JSON.stringify(summary),
  );
  expect('the demo compared', summary?.compared?.match > 0, JSON.stringify(summary?.compared));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (failed > 0) process.exit(1);
