import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { comparePairFiles, type PairLine } from './compare-pairs.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cutover-pairs-'));
});
afterEach(() => rm(dir, { recursive: true }));

function pair(id: string, control: string, candidate: string, controlAgain?: string): string {
  const answer = (body: string) => ({ status: 200, headers: [['content-type', 'text/plain']], body });
  return JSON.stringify({
    id,
    endpoint: 'GET /a',
    request: { method: 'GET', path: '/a' },
    control: answer(control),
    candidate: answer(candidate),
    ...(controlAgain === undefined ? {} : { controlAgain: answer(controlAgain) }),
  });
}

async function compared(lines: readonly string[], learn?: readonly string[]) {
  const pairs = join(dir, 'pairs.ndjson');
  await writeFile(pairs, lines.join('\n'));
  const learned = join(dir, 'learn.ndjson');
  if (learn !== undefined) await writeFile(learned, learn.join('\n'));
  const results: PairLine[] = [];
  const bad: string[] = [];
  const sums = await comparePairFiles({
    pairs,
    ...(learn === undefined ? {} : { learn: learned }),
    onResult: (result) => results.push(result),
    onBadLine: (place, message) => bad.push(`${place.slice(dir.length + 1)}: ${message}`),
  });
  return { results, bad, sums };
}

test('pairs are judged in the order of the file', async () => {
  const { results, sums } = await compared([pair('1', 'a', 'a'), '', pair('2', 'a', 'b'), pair('3', 'x', 'x')]);
  expect(results.map(({ id, verdict }) => `${id} ${verdict}`)).toEqual(['1 match', '2 mismatch', '3 match']);
  expect(sums).toEqual({ compared: 3, badLines: 0 });
});

test('bad lines are told with file and line, and the others are judged all the same', async () => {
  const { results, bad, sums } = await compared(
    [pair('1', 'a', 'a'), '{', pair('2', 'a', 'a'), '{"id":"3"}'],
    ['nothing'],
  );
  expect(results.map(({ id }) => id)).toEqual(['1', '2']);
  expect(bad).toEqual([
    expect.stringMatching(/^learn\.ndjson:1: no JSON/),
    expect.stringMatching(/^pairs\.ndjson:2: no JSON/),
    expect.stringMatching(/^pairs\.ndjson:4: endpoint:/),
  ]);
  expect(sums).toEqual({ compared: 2, badLines: 3 });
});

test('a body with a line separator of Unicode stays on its line', async () => {
  const { results, bad } = await compared([pair('1', 'one\u2028two', 'one\u2028two')]);
  expect(bad).toEqual([]);
  expect(results).toMatchObject([{ id: '1', verdict: 'match' }]);
});

test('a file that cannot be read is a mistake of the call', async () => {
  const files = { pairs: join(dir, 'none'), onResult: () => {}, onBadLine: () => {} };
  await expect(comparePairFiles(files)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(dir) });
});
