import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { collector } from './heap-tidier.ts';

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

describe('an engine that knows other options', () => {
  const asked = (refuses: (options: unknown) => boolean) => {
    const seen: string[] = [];
    const collect = collector((options) => {
      seen.push(JSON.stringify(options) ?? 'none');
      if (refuses(options)) throw new TypeError('unknown option');
    });
    collect?.();
    collect?.();
    return seen;
  };
  const [last, full] = ['{"type":"major","flavor":"last-resort"}', '{"type":"major"}'];

  test('is asked for the most thorough collection that it takes', () => {
    expect(asked(() => false)).toEqual([last, last]);
    expect(asked((options) => JSON.stringify(options) === last)).toEqual([last, full, full]);
    expect(asked((options) => options !== undefined)).toEqual([last, full, 'none', 'none']);
  });

  test('is left alone where it takes none, or has none', () => {
    expect(asked(() => true)).toEqual([last, full, 'none']);
    expect(collector(undefined)).toBeUndefined();
  });
});

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
