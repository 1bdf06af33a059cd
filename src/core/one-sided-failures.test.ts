import { describe, expect, test } from 'vitest';
import { seeded } from '../../test/support/movement-rig.ts';
import { Evidence, type EvidencePolicy, type Sample } from './evidence.ts';
import { CELL_FALSE_ALARM, excessFailures, failedAlone, failsMore } from './one-sided-failures.ts';

const POLICY: EvidencePolicy = {
  test: { limit: 0.01, confidence: 0.95 },
  minRequests: 10,
  minTenants: 1,
  minSpanMs: 0,
  maxInconclusive: 0.1,
  staleAfterMs: 1e12,
  falseAlarm: 0.0001,
};

let number = 0;
function sample(more: Partial<Sample> = {}): Sample {
  number += 1;
  const name = `r${number}`;
  return {
    at: number,
    verdict: 'match',
    proves: true,
    request: name,
    subject: name,
    tenant: 'acme',
    statusClass: 2,
    ...more,
  };
}
const byCandidate = (): Sample => sample({ verdict: 'mismatch', failedBy: 'candidate' });
const byControl = (): Sample => sample({ verdict: 'inconclusive', proves: false, failedBy: 'control' });

function gather(samples: readonly Sample[]): Evidence {
  const evidence = new Evidence(4_096);
  for (const one of samples) evidence.add(one, POLICY);
  return evidence;
}

describe('failures of one side alone', () => {
  test('count as mismatches as far as the candidate has more of them', () => {
    expect(excessFailures({ candidate: 5, control: 3 })).toBe(2);
    expect(excessFailures({ candidate: 3, control: 5 })).toBe(0);
    const evidence = gather([byCandidate(), byCandidate(), byControl(), sample()]);
    expect(evidence.assess(POLICY, number)).toMatchObject({
      matches: 1,
      mismatches: 1,
      failures: { candidate: 2, control: 1 },
    });
  });

  test('nine of the candidate in a row say that it fails more; as many on both sides never do', () => {
    expect(failsMore({ candidate: 8, control: 0 })).toBe(false);
    expect(failsMore({ candidate: 9, control: 0 })).toBe(true);
    expect(failsMore({ candidate: 1_000, control: 1_000 })).toBe(false);
    expect(gather(Array.from({ length: 9 }, byCandidate)).assess(POLICY, number).kind).toBe('fail');
  });

  test('where there are many cells, each of them needs more', () => {
    const many = { ...POLICY, failureAlarm: CELL_FALSE_ALARM };
    const inRow = (count: number) => gather(Array.from({ length: count }, byCandidate)).assess(many, number).kind;
    expect(inRow(15)).not.toBe('fail');
    expect(inRow(16)).toBe('fail');
  });

  test.each<[string, number, number, 'too-slow' | 'failed-over' | undefined, string | undefined]>([
    ['only the candidate', 200, 503, undefined, 'candidate'],
    ['only the control', 503, 200, undefined, 'control'],
    ['both', 500, 502, undefined, undefined],
    ['neither', 404, 200, undefined, undefined],
    ['the candidate gave no answer', 200, 0, 'too-slow', 'candidate'],
    ['the control took too long', 0, 200, 'too-slow', undefined],
  ])('%s', (_, control, candidate, unpaired, expected) => {
    const exchange = { statuses: { control, candidate }, ...(unpaired === undefined ? {} : { unpaired }) };
    expect(failedAlone(exchange)).toBe(expected);
  });
});

test('sides that fail equally often are never called worse more than once in a hundred, and a proof comes', () => {
  let alarms = 0;
  let proven = 0;
  const worlds = 200;
  for (let world = 0; world < worlds; world += 1) {
    const chance = seeded(world + 1);
    const evidence = new Evidence(4_096);
    let alarmed = false;
    let passed = false;
    for (let pair = 0; pair < 6_000; pair += 1) {
      const [control, candidate] = [chance() < 0.015, chance() < 0.015];
      const one = control === candidate ? sample() : control ? byControl() : byCandidate();
      if (!(control && candidate)) evidence.add(one, POLICY);
      if (pair % 50 !== 0) continue;
      const { kind } = evidence.assess(POLICY, number);
      alarmed ||= kind === 'fail' || kind === 'conflict';
      passed ||= kind === 'pass';
    }
    if (alarmed) alarms += 1;
    if (passed) proven += 1;
  }
  expect(alarms).toBeLessThanOrEqual(5);
  expect(proven).toBeGreaterThan(worlds * 0.9);
});

test('a candidate that fails two in a hundred where the control does not is called worse, and never proven', () => {
  for (let world = 0; world < 50; world += 1) {
    const chance = seeded(world + 1);
    const evidence = new Evidence(4_096);
    const kinds = new Set<string>();
    for (let pair = 0; pair < 3_000; pair += 1) {
      evidence.add(chance() < 0.02 ? byCandidate() : sample(), POLICY);
      if (pair % 50 === 0) kinds.add(evidence.assess(POLICY, number).kind);
    }
    expect(kinds).toContain('fail');
    expect(kinds).not.toContain('pass');
  }
});

test('after an outage three proofs of clean comparisons in a row begin anew', () => {
  const evidence = gather(Array.from({ length: 500 }, byCandidate));
  for (let clean = 0; clean < 995; clean += 1) evidence.add(sample(), POLICY);
  expect(evidence.assess(POLICY, number).kind).toBe('fail');
  evidence.add(sample(), POLICY);
  expect(evidence.assess(POLICY, number)).toMatchObject({ kind: 'pass', mismatches: 0 });
  const saved = new Evidence(4_096);
  saved.restore(JSON.parse(JSON.stringify(gather([byCandidate(), byControl(), byCandidate()]))));
  expect(saved.failures).toEqual({ candidate: 2, control: 1 });
});
