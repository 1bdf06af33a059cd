import { describe, expect, test } from 'vitest';
import { Breaker } from './breaker.ts';
import { type BreakerPlanInput, extraUtilisation, HIGH_UTILISATION, planBreakers } from './breaker-plan.ts';

/** The settings of the publication: 42 circuits on two threads. */
const PUBLISHED: BreakerPlanInput = {
  circuits: 42,
  timeoutMs: 250,
  errorThreshold: 3,
  errorTimeoutMs: 2_000,
  halfOpenTimeoutMs: 250,
  threads: 2,
  successThreshold: 2,
};
const MENDED: BreakerPlanInput = { ...PUBLISHED, errorTimeoutMs: 30_000, halfOpenTimeoutMs: 50 };

describe('the circuit breaker equation', () => {
  test('gives the published 263 % and 4 %', () => {
    expect(extraUtilisation(PUBLISHED)).toBe(2.625);
    expect(Math.round(extraUtilisation(PUBLISHED) * 100)).toBe(263);
    expect(extraUtilisation(MENDED)).toBeCloseTo(0.035, 12);
    expect(Math.round(extraUtilisation(MENDED) * 100)).toBe(4);
  });

  test('is never below the exact cycle, which is 233 % for the published settings', () => {
    expect(planBreakers(PUBLISHED)).toMatchObject({ cycleMs: 2_250, allOpenAfterMs: 15_750, closedAfterMs: 2_750 });
    expect(planBreakers(PUBLISHED).exactUtilisation).toBeCloseTo(2.3333, 4);
    expect(planBreakers(MENDED).exactUtilisation).toBeCloseTo(0.034942, 6);
  });

  test('agrees within 1 % with breakers that are really run, where a probe is much shorter than the wait', () => {
    const measured = simulate(MENDED, 20);
    expect(Math.abs(measured.utilisation / extraUtilisation(MENDED) - 1)).toBeLessThan(0.01);
    expect(measured.utilisation).toBeCloseTo(planBreakers(MENDED).exactUtilisation, 4);
  });

  test('tells when the last of them opens', () => {
    expect(simulate(MENDED, 1).allOpenAfterMs).toBe(planBreakers(MENDED).allOpenAfterMs);
  });
});

describe('what to change', () => {
  test('brings it to 10 % or below, each way by itself', () => {
    const { changes } = planBreakers(PUBLISHED);
    expect(changes).toHaveLength(5);
    for (const { extraUtilisation: then, ...change } of changes) {
      expect(extraUtilisation({ ...PUBLISHED, ...change })).toBe(then);
      expect(then).toBeLessThanOrEqual(HIGH_UTILISATION);
    }
    expect(changes[0]?.errorTimeoutMs).toBe(53_000);
    expect(changes[1]?.halfOpenTimeoutMs).toBe(9);
    expect(changes[2]).toMatchObject({ errorTimeoutMs: 11_000, halfOpenTimeoutMs: 48 });
    expect(changes[3]?.circuits).toBe(1);
    expect(changes[4]?.threads).toBe(53);
  });

  test('is nothing where the aim is reached, and never what cannot be', () => {
    expect(planBreakers(MENDED).changes).toEqual([]);
    const hopeless = planBreakers({ ...PUBLISHED, circuits: 1, halfOpenTimeoutMs: 1, errorTimeoutMs: 1, threads: 1 });
    for (const { extraUtilisation: _, ...change } of hopeless.changes)
      for (const value of Object.values(change)) expect(value).toBeGreaterThanOrEqual(1);
  });
});

/** A total outage: threads that take whatever may be called next, and calls that all run into their time limit. */
function simulate(input: BreakerPlanInput, rounds: number): { allOpenAfterMs: number; utilisation: number } {
  const circuits = Array.from({ length: input.circuits }, () => new Breaker(input));
  const threads = Array.from({ length: input.threads }, () => 0);
  const lastOf = (): number => threads.indexOf(Math.min(...threads));
  // Two circuits at once, so that each sees its errors one after the other.
  for (const circuit of circuits) {
    const thread = lastOf();
    while (circuit.admits()) {
      const pass = circuit.begin();
      threads[thread] = (threads[thread] ?? 0) + input.timeoutMs;
      pass.failed(threads[thread]);
    }
  }
  const allOpenAfterMs = Math.max(...threads);
  let busyMs = 0;
  const from = allOpenAfterMs + 2 * (input.errorTimeoutMs + input.halfOpenTimeoutMs);
  const to = from + rounds * (input.errorTimeoutMs + input.halfOpenTimeoutMs);
  for (;;) {
    const thread = lastOf();
    const free = threads[thread] ?? 0;
    const next = circuits.reduce((a, b) => (a.dueInMs(free) <= b.dueInMs(free) ? a : b));
    const begins = free + next.dueInMs(free);
    if (begins >= to) return { allOpenAfterMs, utilisation: busyMs / ((to - from) * input.threads) };
    const probe = next.probe(begins);
    expect(probe).toBeDefined();
    threads[thread] = begins + input.halfOpenTimeoutMs;
    probe?.failed(threads[thread]);
    if (begins >= from) busyMs += input.halfOpenTimeoutMs;
  }
}
