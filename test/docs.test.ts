import { expect, test } from 'vitest';
import { driftedFiles, GENERATED } from '../scripts/docs.ts';

test('the generated pages and schemas are what the sources make', async () => {
  expect(GENERATED.length).toBeGreaterThan(0);
  expect(await driftedFiles(), 'run: npm run docs').toEqual([]);
});
