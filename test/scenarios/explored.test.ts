import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readScenario } from '../../src/simulation/read-scenario.ts';
import { simulate } from '../../src/simulation/simulate.ts';

/** Worlds in which an invariant broke once, as the explorer shrank them; `name` says with which seed. */
const FOLDER = join(import.meta.dirname, 'explored');

describe('what the random explorer found does not come back', () => {
  test.each(readdirSync(FOLDER))('%s', async (name) => {
    const file = join(FOLDER, name);
    const read = readScenario(readFileSync(file, 'utf8'), { file, env: {}, baseDir: FOLDER });
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    const seed = Number(/^seed (\d+)$/.exec(read.scenario.name)?.[1]);
    expect(seed).toBeGreaterThan(0);
    expect((await simulate(read.scenario, seed)).violations).toEqual([]);
  });
});
