import { describe, expect, test } from 'vitest';
import { runCli } from '../../test/support/cli.ts';

const PUBLISHED = [
  ...['breaker', 'plan', '--circuits', '42', '--timeout', '250ms', '--error-threshold', '3'],
  ...['--error-timeout', '2s', '--half-open-timeout', '250ms', '--threads', '2'],
];

describe('breaker plan', () => {
  test('says what the published settings cost, how long it takes, and what to change', async () => {
    const run = await runCli(PUBLISHED);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toContain('263 % of 2 threads');
    expect(run.stdout).toContain('233 %: 2.25 s, the last 250 ms of it a probe');
    expect(run.stdout).toContain('15.75 s after it began');
    expect(run.stdout).toMatch(/--error-timeout 53s +9\.9 %|--error-timeout 53s +10 %/);
    expect(run.stdout).toContain('--error-timeout 11s --half-open-timeout 48ms');
  });

  test('gives machines every number', async () => {
    const run = await runCli([...PUBLISHED, '--success-threshold', '4', '--output', 'json']);
    expect(JSON.parse(run.stdout)).toMatchObject({
      circuits: 42,
      successThreshold: 4,
      extraUtilisation: 2.625,
      cycleMs: 2_250,
      allOpenAfterMs: 15_750,
      closedAfterMs: 3_250,
      changes: [{ errorTimeoutMs: 53_000 }, {}, {}, {}, {}],
    });
  });

  test('has nothing to change where a tenth is not passed', async () => {
    const mended = PUBLISHED.map((word) => (word === '2s' ? '30s' : word));
    mended[mended.indexOf('--half-open-timeout') + 1] = '50ms';
    const run = await runCli(mended);
    expect(run.stdout).toContain('4 % of 2 threads');
    expect(run.stdout).toContain('Nothing to change');
  });

  test('wants every number, and numbers that can be: 2', async () => {
    const less = await runCli(PUBLISHED.slice(0, -2));
    expect(less).toMatchObject({ code: 2, stdout: '' });
    expect(less.stderr).toContain('--threads');
    const none = await runCli(PUBLISHED.map((word) => (word === '42' ? '0' : word)));
    expect(none).toMatchObject({ code: 2, stdout: '' });
    expect(none.stderr).toContain('Give a whole number from 1');
  });
});
