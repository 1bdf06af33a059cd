import { describe, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { type Endpoint, endpoints, INJECTORS, read } from './endpoint.ts';
import type { Injector } from './injector.ts';
import type { Memory } from './reading.ts';

const AT = Date.parse('2026-05-10T12:00:00Z');
const all = endpoints(1, false);

function reading(
  endpoint: Endpoint,
  noise: readonly Injector[],
  name: string,
  now = AT,
  fault?: string,
  memory: Memory = new Map(),
) {
  const made = read(
    endpoint,
    noise,
    { n: 7, at: AT, now, random: new Random(name) },
    fault === undefined ? undefined : { fault, memory },
  );
  return { ...made, text: `${JSON.stringify(made.answer.headers)}${Buffer.from(made.answer.body).toString('latin1')}` };
}

const fitting = (injector: Injector): Endpoint[] => all.filter(({ medium }) => injector.media.includes(medium));

describe('the corpus', () => {
  test('has at least 300 endpoints and 20 kinds of noise, each named once', () => {
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(all.length).toBeGreaterThanOrEqual(300);
    expect(INJECTORS.length).toBeGreaterThanOrEqual(20);
    expect(new Set(INJECTORS.map(({ name }) => name)).size).toBe(INJECTORS.length);
  });

  test('is the same for the same seed and another for another', () => {
    expect(endpoints(1, true)).toEqual(endpoints(1, true));
    expect(endpoints(1, true)).not.toEqual(endpoints(2, true));
    for (const injector of INJECTORS) {
      const [endpoint] = fitting(injector);
      if (endpoint === undefined) throw new Error(`${injector.name} fits nothing`);
      expect(reading(endpoint, [injector], 'a').text).toBe(reading(endpoint, [injector], 'a').text);
    }
  });

  test('two readings of one request are byte by byte the same where there is no noise', () => {
    for (const endpoint of all) expect(reading(endpoint, [], 'a').text).toBe(reading(endpoint, [], 'b', AT + 50).text);
  });

  test.each(INJECTORS.filter(({ name }) => name !== 'no noise'))('$name makes readings differ', (injector) => {
    const [endpoint] = fitting(injector);
    const texts = Array.from(
      { length: 20 },
      (_, at) => reading(endpoint as Endpoint, [injector], `r${at}`, AT + at * 700).text,
    );
    expect(new Set(texts).size).toBeGreaterThan(1);
  });

  test('every fault inside noise changes what is sent, in some document that the noise fits', () => {
    for (const injector of INJECTORS) {
      for (const { name, lasting } of injector.faults) {
        const changed = fitting(injector).some((endpoint) => {
          const memory: Memory = new Map();
          const texts = ['a', 'b', 'c', 'd'].map(
            (seed, at) => reading(endpoint, [injector], seed, AT + at * 60_000, name, memory).text,
          );
          const sound = ['a', 'b', 'c', 'd'].map(
            (seed, at) => reading(endpoint, [injector], seed, AT + at * 60_000).text,
          );
          return texts.some((text, at) => text !== sound[at]) && (!lasting || texts[0] === sound[0]);
        });
        expect([injector.name, name, changed]).toEqual([injector.name, name, true]);
      }
    }
  });
});
