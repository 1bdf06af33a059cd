import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Evidence, type EvidencePolicy, type Sample } from './evidence.ts';
import {
  answersOf,
  classCompared,
  classesToCompare,
  comparedWith,
  mergedCompared,
  noAnswers,
  noteAnswer,
  PER_CLASS,
} from './status-coverage.ts';

const answers = (counts: Readonly<Record<number, number>>): number[] => {
  const made = noAnswers();
  for (const [status, count] of Object.entries(counts))
    for (let n = 0; n < count; n++) noteAnswer(made, Number(status));
  return made;
};

describe('what the control answers with', () => {
  test.each<[string, Readonly<Record<number, number>>, number, readonly number[]]>([
    ['in a relevant share must have been compared', { 200: 900, 301: 60, 404: 40 }, 0.05, [2, 3]],
    ['counts from the share that is asked for', { 200: 900, 301: 60, 404: 40 }, 0.01, [2, 3, 4]],
    ['must not, before there are a hundred answers', { 200: 50, 404: 49 }, 0.05, []],
    ['is no class of its own where it is a failure', { 200: 500, 503: 500 }, 0.05, [2]],
    ['is not what a client has already, or a part', { 200: 100, 304: 900, 206: 900 }, 0.05, [2]],
    ['is forgotten with time', { 200: 9_999, 404: 200_000 }, 0.05, [4]],
  ])('%s', (_, counts, share, expected) => {
    expect(classesToCompare(answers(counts), share)).toEqual(expected);
  });

  test('is read back as it was saved, and not at all otherwise', () => {
    const some = answers({ 200: 7, 404: 3 });
    expect(answersOf(JSON.parse(JSON.stringify(some)))).toEqual(some);
    for (const wrong of [undefined, [1], [0, 0, -1, 0, 0, 0], [0, 0, 'a', 0, 0, 0]])
      expect(answersOf(wrong)).toEqual(noAnswers());
  });
});

test('comparisons by class are counted up to seven, apart from each other, in any order and grouping', () => {
  const classes = fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 40 });
  const packedOf = (all: readonly number[]): number => all.reduce((packed, one) => comparedWith(packed, one), 0);
  fc.assert(
    fc.property(classes, classes, (one, other) => {
      const [a, b] = [packedOf(one), packedOf(other)];
      expect(mergedCompared(a, b)).toBe(packedOf([...other, ...one]));
      expect(mergedCompared(a, b)).toBe(mergedCompared(b, a));
      for (const of of [1, 2, 3, 4, 5]) {
        const seen = [...one, ...other].filter((seenClass) => seenClass === of).length;
        expect(classCompared(mergedCompared(a, b), of)).toBe(Math.min(7, seen));
      }
    }),
  );
});

describe('a proof', () => {
  const policy: EvidencePolicy = {
    test: { limit: 0.01, confidence: 0.95 },
    minRequests: 10,
    minTenants: 1,
    minSpanMs: 1,
    maxInconclusive: 0.1,
    staleAfterMs: 1e9,
    falseAlarm: 0.0001,
    classes: [2, 4],
  };
  const sample = (n: number, change: Partial<Sample> = {}): Sample => ({
    at: n + 1,
    verdict: 'match',
    proves: true,
    request: `r${n}`,
    subject: `s${n}`,
    tenant: 'acme',
    statusClass: 2,
    ...change,
  });
  const filled = (): Evidence => {
    const evidence = new Evidence(4_096);
    for (let n = 0; n < 400; n++) evidence.add(sample(n), policy);
    return evidence;
  };

  test('waits until answers of each class that matters were compared, although those of 4xx prove no rate', () => {
    const evidence = filled();
    const before = evidence.assess(policy, 500);
    expect(before).toMatchObject({ kind: 'insufficient', missing: ['3 more comparisons of answers with 4xx'] });
    // When such an answer comes nobody can tell.
    expect(before.etaMs).toBeUndefined();
    for (let n = 0; n < PER_CLASS; n++) evidence.add(sample(400 + n, { statusClass: 4, proves: false }), policy);
    expect(evidence.assess(policy, 500)).toMatchObject({ kind: 'pass', matches: 400 });
  });

  test('takes no comparison that says nothing for one of its class', () => {
    const evidence = filled();
    for (let n = 0; n < 9; n++)
      evidence.add(sample(400 + n, { statusClass: 4, verdict: n % 2 === 0 ? 'inconclusive' : 'ignored' }), policy);
    expect(evidence.assess(policy, 500).kind).toBe('insufficient');
  });

  test('knows after a restart what was compared', () => {
    const evidence = filled();
    for (let n = 0; n < PER_CLASS; n++) evidence.add(sample(400 + n, { statusClass: 4, proves: false }), policy);
    const next = new Evidence(4_096);
    next.restore(JSON.parse(JSON.stringify(evidence)));
    expect(next.assess(policy, 500).kind).toBe('pass');
  });
});
