import { describe, expect, test } from 'vitest';
import { MUTATORS } from '../../src/core/mutation/mutators.ts';
import { type Endpoint, endpoints, INJECTORS, read } from './corpus/endpoint.ts';
import { Random } from './random.ts';
import { plantBeside, Scores, TOOLS, Trial } from './trial.ts';

const all = endpoints(3, true);
const noise = (name: string) => INJECTORS.filter((injector) => injector.name === name);
const first = (medium: string): Endpoint => all.find((endpoint) => endpoint.medium === medium) as Endpoint; // there is one of each

function tried(name: string, medium = 'json'): Scores {
  const scores = new Scores();
  new Trial(first(medium), noise(name), scores).run();
  return scores;
}

describe('a trial', () => {
  test('gives the same scores each time', () => {
    expect(tried('uuid v4')).toEqual(tried('uuid v4'));
  });

  test.each(['json', 'html', 'text'])('without noise finds every fault in %s and alarms at nothing', (medium) => {
    const scores = tried('no noise', medium);
    expect(scores.alarms.sum()).toEqual({ total: 20, hits: TOOLS.map(() => 0) });
    const { total, hits } = scores.outside.sum();
    expect(total).toBeGreaterThan(50);
    expect(hits[0]).toBe(total);
  });

  test('deep equality, which alarms at each pair of noise, is not said to find anything', () => {
    const scores = tried('uuid v4');
    const deep = TOOLS.indexOf('deep equality');
    expect(scores.alarms.sum().hits[deep]).toBe(20);
    expect(scores.outside.sum().hits[deep]).toBe(0);
    expect(scores.inside.sum().hits[deep]).toBe(0);
  });

  test('two cases do not see what is wrong with a value they ignore', () => {
    const scores = tried('uuid v4');
    const tool = TOOLS.indexOf('two cases');
    expect(scores.alarms.sum().hits[tool]).toBe(0);
    expect(scores.inside.sum().hits[tool]).toBe(0);
    expect(scores.outside.sum().hits[tool]).toBeGreaterThan(30);
  });
});

describe('faults outside noise', () => {
  test('leave every noisy text as often as it was', () => {
    for (const endpoint of all) {
      const made = read(endpoint, noise('nanoid'), { n: 3, at: 0, now: 0, random: new Random('x') });
      for (const mutator of MUTATORS) {
        const planted = plantBeside(mutator, made, new Random(mutator.name));
        if (planted?.answer.kind !== 'answer' || planted.path === 'status' || planted.path === 'body') continue;
        const [before, after] = [made.answer, planted.answer].map(({ body }) => Buffer.from(body).toString());
        for (const text of made.noise) {
          expect([mutator.name, after?.split(text).length]).toEqual([mutator.name, before?.split(text).length]);
        }
      }
    }
  });
});
