import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeProblem, parseSettings } from '../../../src/config/load.ts';

/*
 * Each file holds a configuration, a line of dashes, and what becomes of it: its problems, or the settings that differ
 * from those of `right-defaults.txt`. Rewrite the expectations with UPDATE_GOLDEN=1, then read the difference.
 */

const folder = import.meta.dirname;
const SEPARATOR = '\n----------\n';
const isUpdate = process.env['UPDATE_GOLDEN'] === '1';
const env = {
  CUTOVER_TOKEN_SECRET: 'an-example-of-a-secret-of-40-characters!',
  SHORT_SECRET: 'open-sesame',
  HOOK_URL: 'https://chat.example/T1/B2',
  TOKEN_OF_ANN: 'an-example-of-the-token-of-ann-40-chars!',
  TOKEN_OF_BEN: 'an-example-of-the-token-of-ben-40-chars!',
};
/** Noon of the day on which every file is read. */
const now = Date.UTC(2027, 0, 15, 12);

const files = readdirSync(folder).filter((name) => name.endsWith('.txt'));

if (isUpdate && process.env['CI'] !== undefined) {
  throw new Error('UPDATE_GOLDEN=1 would make every expectation true; it is not for continuous integration.');
}

describe('I9: golden configurations', () => {
  test('there are enough of them, wrong and right', () => {
    expect(files.filter((name) => name.startsWith('wrong-')).length).toBeGreaterThanOrEqual(45);
    expect(files.filter((name) => name.startsWith('right-')).length).toBeGreaterThanOrEqual(6);
    expect(files.every((name) => /^(wrong|right)-[a-z0-9-]+\.txt$/.test(name))).toBe(true);
  });

  test.each(files)('%s', (name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    const at = text.indexOf(SEPARATOR);
    expect(at, 'the line of dashes').toBeGreaterThanOrEqual(0);
    const input = text.slice(0, at + 1);
    const actual = outcome(input, name === 'right-defaults.txt');
    expect(actual.startsWith('problem')).toBe(name.startsWith('wrong-'));
    if (isUpdate) writeFileSync(join(folder, name), `${input}${SEPARATOR.slice(1)}${actual}`);
    else expect(actual).toBe(text.slice(at + SEPARATOR.length));
  });
});

function outcome(input: string, isWhole: boolean): string {
  const parsed = parse(input);
  if (!parsed.ok) return `problems: ${parsed.problems.length}\n${parsed.problems.map(describeProblem).join('\n')}\n`;
  const lines = flatten(parsed.settings);
  const usual = new Set(isWhole ? [] : flatten(defaults()));
  const warnings = parsed.warnings.map((warning) => `warning: ${describeProblem(warning)}`);
  return `${['settings:', ...lines.filter((line) => !usual.has(line)), ...warnings].join('\n')}\n`;
}

function defaults(): unknown {
  const text = readFileSync(join(folder, 'right-defaults.txt'), 'utf8');
  const parsed = parse(text.slice(0, text.indexOf(SEPARATOR) + 1));
  if (!parsed.ok) throw new Error('right-defaults.txt is wrong');
  return parsed.settings;
}

function parse(input: string) {
  return parseSettings(input, { file: 'cutover.yaml', env, baseDir: folder, now });
}

/** `sides.control.targets[0]: "http://…"`, one line per value. */
function flatten(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) {
    // The folder of the repository differs from machine to machine.
    const text = typeof value === 'string' ? JSON.stringify(value.replace(folder, '<folder>')) : String(value);
    const shown = value === env.CUTOVER_TOKEN_SECRET ? '<the secret>' : text;
    return [`${path}: ${shown}`];
  }
  if (Array.isArray(value)) {
    return value.length === 0 ? [`${path}: []`] : value.flatMap((item, index) => flatten(item, `${path}[${index}]`));
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return [`${path}: {}`];
  return entries.flatMap(([key, item]) => flatten(item, path === '' ? key : `${path}.${key}`));
}
