import { expect, test } from 'vitest';
import { evidenceSettings } from '../../test/support/traffic.ts';
import type { EndpointId } from '../core/cell.ts';
import { ASSESSMENTS, Evidence } from '../core/evidence.ts';
import { asTold, type RoundFacts } from './movement-plan.ts';
import { movementRules } from './movement-rules.ts';

const A = 'GET /a' as EndpointId;
const RULES = movementRules({
  evidence: evidenceSettings({ minSpanMs: 0 }),
  protectedTenants: [],
  endpoints: [],
  defaults: { dialPpm: 0, maxPpm: 1_000_000, proof: 'cell', mirrorPpm: 1_000_000, steps: [], dwellMs: 0 },
});

function evidence(matches: number, mismatches = 0): Evidence {
  const made = new Evidence();
  for (let number = 0; number < matches + mismatches; number += 1) {
    const verdict = number < matches ? ('match' as const) : ('mismatch' as const);
    const of = { request: `r${number}`, subject: `s${number}`, tenant: 'acme', statusClass: 2, proves: true };
    made.add({ at: 1_000 + number * 1_000, verdict, ...of }, RULES.own);
  }
  return made;
}

function told(made: Evidence, more: Partial<RoundFacts> & { readonly now?: number } = {}) {
  const { now = 1_000_000, ...facts } = more;
  const all = { now, isFaulty: false, ...facts } as unknown as RoundFacts; // what telling looks at
  return asTold(made.assess(RULES.own, now), A, all);
}

test('each of the six assessments is told where it holds, and all but a pass say what is missing', () => {
  const said = {
    insufficient: told(evidence(100)),
    pass: told(evidence(400)),
    fail: told(evidence(100, 5)),
    conflict: told(evidence(400), { warning: () => '9 of 12 failures fell on the candidate' }),
    stale: told(evidence(400), { now: 1e9 }),
    fault: told(evidence(400), { isFaulty: true }),
  };
  for (const kind of ASSESSMENTS) expect(said[kind].kind).toBe(kind);
  expect(said.insufficient.missing).toEqual(['232 more clean comparisons']);
  expect(said.insufficient.etaMs).toBeGreaterThan(0);
  expect(said.conflict.missing).toEqual(['a warning must pass first: 9 of 12 failures fell on the candidate']);
});

test('a warning makes nothing worse that does not pass anyway', () => {
  expect(told(evidence(100), { warning: () => 'slow' }).kind).toBe('insufficient');
  expect(told(evidence(100, 5), { warning: () => 'slow' }).kind).toBe('fail');
});
