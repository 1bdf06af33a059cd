import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';

const MB = 1024 * 1024;

/** A process that takes much, lets go of it, and tells how much it held then and once it was tidy. Left alone, the engine would need 8 s. */
const STEPS = `
import { heapTidier } from './heap-tidier.ts';
const tidy = heapTidier();
let kept = Array.from({ length: 2_000_000 }, (_, at) => ({ at, name: 'thing ' + at }));
kept = kept.length;
const before = process.memoryUsage.rss();
tidy();
let looks = 0;
const look = setInterval(() => {
  const after = process.memoryUsage.rss();
  if (after > before / 2 && ++looks < 160) return;
  clearInterval(look);
  console.log(JSON.stringify({ before, after }));
}, 25);
`;

describe('a thread that compares', () => {
  test('gives back to the system what a step took', () => {
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', STEPS], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    });
    expect(stdout, stderr).not.toBe('');
    const { before, after } = JSON.parse(stdout) as { before: number; after: number }; // as printed above
    expect(before).toBeGreaterThan(200 * MB);
    expect(after).toBeLessThan(before / 2);
  });
});
