/**
 * Makes sure that what the tests need from the system is there: Chromium for the browser tests, PostgreSQL for the shared store.
 * Installs it from Debian where it may (root, apt-get), otherwise says what to install and fails; nothing is skipped silently.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chromiumPath } from '../test/support/chromium.ts';
import { postgresFolder } from '../test/support/postgres.ts';

const packages: string[] = [];
if (chromiumPath() === undefined) packages.push('chromium');
if (postgresFolder() === undefined) packages.push('postgresql');

if (packages.length > 0) {
  const isRoot = process.getuid?.() === 0;
  const hasApt = spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status === 0;
  if (!isRoot || !hasApt) {
    console.error(
      `The tests need ${packages.join(' and ')}. Install it (Debian: sudo apt-get install ${packages.join(' ')}) and run them again.`,
    );
    process.exit(1);
  }
  console.error(`Installing ${packages.join(' ')} for the tests …`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  execFileSync('apt-get', ['update', '-qq'], { stdio: ['ignore', 'ignore', 'inherit'], env: environment });
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: environment,
  });
}
