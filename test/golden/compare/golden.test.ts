import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { difference, verdict } from '../../../src/api/types.ts';
import { comparePairFiles } from '../../../src/app/compare-pairs.ts';
import { runCli } from '../../support/cli.ts';

/*
 * Each file holds what `cutover compare` is given, a line of dashes, and the lines it prints. What it is given has parts:
 * `== pairs` always, before it `== learn` and `== config` where noise is taught or rules count, and words about the file.
 * Rewrite the expectations with UPDATE_GOLDEN=1, then read the difference.
 */

const folder = import.meta.dirname;
const SEPARATOR = '\n----------\n';
const isUpdate = process.env['UPDATE_GOLDEN'] === '1';
const files = readdirSync(folder).filter((name) => name.endsWith('.txt'));
const temporary = mkdtempSync(join(tmpdir(), 'cutover-golden-'));
afterAll(() => rmSync(temporary, { recursive: true }));

if (isUpdate && process.env['CI'] !== undefined) {
  throw new Error('UPDATE_GOLDEN=1 would make every expectation true; it is not for continuous integration.');
}

/** What is written down for tools that read the output; what else may be there is `reason`. */
const line = z.strictObject({
  id: z.string(),
  verdict,
  differences: z.array(z.strictObject(difference.shape)),
  signature: z
    .string()
    .regex(/^[0-9a-f]{12}$/)
    .exactOptional(),
  reason: z.string().exactOptional(),
});

describe('golden comparisons', () => {
  test('there are enough of them', () => {
    const pairs = files.flatMap((name) =>
      expectedOf(name)
        .split('\n')
        .filter((text) => text.startsWith('{')),
    );
    expect(pairs.length).toBeGreaterThanOrEqual(120);
    const verdicts = pairs.map((text) => line.parse(JSON.parse(text)).verdict);
    for (const each of verdict.options) expect(verdicts.filter((one) => one === each).length, each).toBeGreaterThan(1);
  });

  test.each(files)('%s', async (name) => {
    const { input, parts } = read(name);
    const actual = await outcome(parts);
    if (isUpdate) writeFileSync(join(folder, name), `${input}${SEPARATOR.slice(1)}${actual}`);
    else expect(actual).toBe(expectedOf(name));
  });

  test('only mismatches carry a signature, and differences that speak against the candidate come first', () => {
    for (const name of files) {
      for (const text of expectedOf(name)
        .split('\n')
        .filter((one) => one.startsWith('{'))) {
        const found = line.parse(JSON.parse(text));
        expect(found.signature !== undefined, text).toBe(found.verdict === 'mismatch');
        const open = found.differences
          .map(({ noise, rule, ignored }) => noise ?? rule ?? ignored)
          .map((one) => one === undefined);
        expect(open.lastIndexOf(true), text).toBeLessThan(
          open.includes(false) ? open.indexOf(false) : Number.POSITIVE_INFINITY,
        );
      }
    }
  });

  test.each(['json-values.txt', 'noise-time.txt', 'rules.txt', 'bad-lines.txt'])(
    'the command line prints the same lines for %s, in the order of the file',
    async (name) => {
      const given = write(read(name).parts);
      const args = Object.entries(given).flatMap(([part, file]) => [`--${part}`, file]);
      const run = await runCli(['compare', ...args, '--output', 'json']);
      const expected = expectedOf(name).split('\n');
      expect(run.stdout).toBe(
        expected
          .filter((text) => text.startsWith('{'))
          .map((text) => `${text}\n`)
          .join(''),
      );
      const bad = expected.filter((text) => text.startsWith('bad '));
      expect(run.stderr.split('\n').filter((text) => text !== '')).toHaveLength(bad.length);
      for (const text of bad) expect(run.stderr).toContain(`${temporary}/${/^bad (\S+)/.exec(text)?.[1]}`);
      expect(run.code).toBe(bad.length === 0 ? 0 : 2);
    },
  );
});

interface Parts {
  readonly pairs: string;
  readonly learn?: string;
  readonly config?: string;
}

function read(name: string): { readonly input: string; readonly parts: Parts } {
  const text = readFileSync(join(folder, name), 'utf8');
  const input = text.slice(0, text.indexOf(SEPARATOR) + 1);
  const parts = new Map(
    input
      .split(/^== /m)
      .slice(1)
      .map((part) => {
        const end = part.indexOf('\n');
        return [part.slice(0, end), part.slice(end + 1)] as const;
      }),
  );
  const [learn, config] = [parts.get('learn'), parts.get('config')];
  return {
    input,
    parts: {
      pairs: parts.get('pairs') ?? '',
      ...(learn === undefined ? {} : { learn }),
      ...(config === undefined ? {} : { config }),
    },
  };
}

function expectedOf(name: string): string {
  const text = readFileSync(join(folder, name), 'utf8');
  return text.slice(text.indexOf(SEPARATOR) + SEPARATOR.length);
}

/** Writes the parts where the command reads them: `learn`, `pairs`, `config`. */
function write(parts: Parts): Parts {
  const given: [string, string][] = Object.entries(parts).map(([part, text]) => {
    writeFileSync(join(temporary, part), text);
    return [part, join(temporary, part)];
  });
  return Object.fromEntries(given) as unknown as Parts; // the same names
}

async function outcome(parts: Parts): Promise<string> {
  const lines: string[] = [];
  await comparePairFiles({
    ...write(parts),
    onResult: (result) => lines.push(JSON.stringify(result)),
    // How the engine words a mistake in JSON is its own affair.
    onBadLine: (place, message) =>
      lines.push(`bad ${place.slice(temporary.length + 1)}: ${message.replace(/^no JSON:.*/, 'no JSON')}`),
  });
  return lines.map((text) => `${text}\n`).join('');
}
