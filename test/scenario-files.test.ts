import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { happen, problemsOf } from './support/scenario.ts';

const FOLDER = join(import.meta.dirname, '../examples/scenarios');
const files = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));

test('every scenario that is shipped can be read', () => {
  expect(files.length).toBeGreaterThanOrEqual(10);
  for (const file of files) {
    expect(problemsOf(readFileSync(join(FOLDER, file), 'utf8')), file).toEqual([]);
  }
});

test('in the scenario of a bad deployment the flaw is found within seconds, and the next version serves again', async () => {
  const result = await happen(readFileSync(join(FOLDER, 'bad-deployment.yaml'), 'utf8'));
  expect(result).toMatchObject({ undetected: 0, falseRollbacks: 0, falsePromotions: 0, violations: [] });
  expect(result.timeToDetectMs.max).toBeLessThan(120_000);
  expect(result.clientsHurt.requests).toBeLessThan(1_000);
  expect(result.finalShare).toBeGreaterThan(0.9);
});
