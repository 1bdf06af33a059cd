import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { happen, problemsOf } from './support/scenario.ts';

const FOLDER = join(import.meta.dirname, '../examples/scenarios');
const files = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));

test('every scenario that is shipped can be read', () => {
  expect(files.length).toBeGreaterThanOrEqual(11);
  for (const file of files) {
    expect(problemsOf(readFileSync(join(FOLDER, file), 'utf8')), file).toEqual([]);
  }
});

test('in the scenario of a clock that jumps evidence gets neither older nor younger: everything opens, nothing is taken back', async () => {
  const text = readFileSync(join(FOLDER, 'clock-jump.yaml'), 'utf8')
    .replace('duration: 2h', 'duration: 50m')
    .replace('at: 1h', 'at: 35m');
  const result = await happen(text);
  expect(result).toMatchObject({ rollbacks: 0, falsePromotions: 0, violations: [] });
  expect(result.durationMs).toBe(50 * 60_000);
  expect(result.cells.opened).toBe(result.cells.total);
});
