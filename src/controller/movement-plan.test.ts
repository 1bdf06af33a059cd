import { describe, expect, test } from 'vitest';
import { cellOf, endpointPolicy, endpointSettings, evidenceSettings } from '../../test/support/traffic.ts';
import type { EvidenceSettings, Settings } from '../config/settings.ts';
import { transition } from '../core/cell-machine.ts';
import type { Sample } from '../core/evidence.ts';
import { type CellTrack, MovementBook } from './movement-book.ts';
import { planRound, type Round, type RoundFacts } from './movement-plan.ts';
import { movementRules } from './movement-rules.ts';

const NOW = 10_000_000;
const DEFAULTS = { dialPpm: 0, maxPpm: 1_000_000, proof: 'endpoint', mirrorPpm: 1_000_000, dwellMs: 0 } as const;
/** Proofs of forty comparisons, so that a table stays readable. */
const SMALL: Partial<EvidenceSettings> = { pooledLimit: 0.1, cellLimit: 0.1, minSpanMs: 0, minTenants: 1 };

interface Given {
  readonly evidence?: Partial<EvidenceSettings>;
  readonly settings?: Partial<Settings>;
  readonly facts?: Partial<RoundFacts>;
}

const CALM: RoundFacts = {
  now: NOW,
  controlVersion: 'c1',
  isFaulty: false,
  policyOf: () => endpointPolicy(),
  isLatched: () => false,
  isHeld: () => false,
  dialOf: () => 1_000_000,
  missingPower: () => undefined,
};

class Bench {
  readonly #rules;
  readonly book: MovementBook;
  readonly facts: RoundFacts;
  #number = 0;

  constructor({ evidence, settings, facts }: Given = {}) {
    this.#rules = movementRules({
      evidence: evidenceSettings({ ...SMALL, ...evidence }),
      protectedTenants: [],
      endpoints: [],
      defaults: { ...DEFAULTS, steps: [] },
      ...settings,
    });
    const epoch = { candidateVersion: 'v1', rules: 'r' };
    this.book = new MovementBook({ rules: this.#rules, limits: { cells: 1_000, endpoints: 10 }, epoch });
    this.facts = { ...CALM, ...facts };
  }

  compare(tenant: string, count: number, change: Partial<Sample> = {}, endpoint = 'GET /a'): this {
    for (let n = 0; n < count; n++) {
      this.#number += 1;
      const name = `${this.#number}`;
      this.book.seen(cellOf(tenant, endpoint), NOW - 1);
      this.book.add(
        cellOf(tenant, endpoint),
        {
          at: NOW - 1_000 + (this.#number % 900),
          verdict: 'match',
          proves: true,
          request: name,
          subject: name,
          tenant,
          statusClass: 2,
          ...change,
        },
        'endpoint',
      );
    }
    return this;
  }

  plan(facts: Partial<RoundFacts> = {}): Round {
    return planRound(this.book, this.#rules, { ...this.facts, ...facts });
  }

  /** Carries the plan's promotions out. */
  open(): this {
    for (const { track, next } of this.plan().promotions) this.book.setRecord(track, next);
    return this;
  }

  track(tenant: string, endpoint = 'GET /a'): CellTrack {
    const track = this.book.find(cellOf(tenant, endpoint));
    if (track === undefined) throw new Error('never seen');
    return track;
  }
}

const names = (moves: Round['promotions']): string[] => moves.map(({ track }) => track.key);
/** Two tenants that together have proven the endpoint; the second has three matches of its own. */
const proven = (given: Given = {}): Bench => new Bench(given).compare('a', 40).compare('b', 3);

describe('a round opens', () => {
  test('each cell with a few matches of its own where the endpoint has passed, and tells what was borrowed', () => {
    const { promotions } = proven().compare('c', 2).plan();
    expect(names(promotions)).toEqual(['a GET /a', 'b GET /a']);
    const [, second] = promotions;
    expect(second?.next.proof).toMatchObject({ over: 'endpoint', borrowed: { comparisons: 42, of: 45 } });
  });

  test('a cell by its own comparisons alone, where its endpoint demands that', () => {
    const facts = { policyOf: () => endpointPolicy({ proof: 'cell' }) };
    expect(names(proven({ facts }).plan().promotions)).toEqual(['a GET /a']);
  });

  test.each<[what: string, facts: Partial<RoundFacts>]>([
    ['while a part of Cutover does not work', { isFaulty: true }],
    ['in a freeze', { frozen: { name: 'sale', until: NOW + 1 } as never }],
    ['under a rollback', { isLatched: () => true }],
    ['while it is held', { isHeld: () => true }],
    ['at an endpoint that is capped at nothing', { policyOf: () => endpointPolicy({ maxPpm: 0 }) }],
    ['under a warning', { warning: () => 'slow' }],
    ['with too little power', { missingPower: () => 'power of 40 %' }],
    ['where no proof is demanded', { policyOf: () => endpointPolicy({ proof: 'none' }) }],
    ['where the control is retired', { policyOf: () => endpointPolicy({ retired: true }) }],
  ])('nothing %s; what waits is looked at again when that is over', (_, facts) => {
    const bench = proven();
    expect(bench.plan(facts).promotions).toEqual([]);
    bench.book.unblock();
    bench.book.touchAll();
    expect(names(bench.plan().promotions)).toEqual(['a GET /a', 'b GET /a']);
  });

  test('nothing that the comparisons of all tenants would take back at once', () => {
    const bench = new Bench({ evidence: { pooledLimit: 0.001 } })
      .compare('a', 45)
      .compare('b', 3, { verdict: 'mismatch' });
    const { promotions, pooled } = bench.plan();
    expect([...pooled.values()].map(({ kind }) => kind)).toEqual(['fail']);
    expect(promotions).toEqual([]);
  });

  test('no cell that has a mismatch of its own, however good its endpoint is', () => {
    const bench = new Bench({ evidence: { pooledLimit: 0.2 } }).compare('a', 200).compare('b', 5);
    bench.compare('b', 1, { verdict: 'mismatch' });
    expect(names(bench.plan().promotions)).toEqual(['a GET /a']);
  });

  test('all that can be compared of a journey, or nothing', () => {
    const one = (template: string) => ({ ...endpointSettings(template, []), journey: 'checkout' });
    const bench = proven({ settings: { endpoints: [one('/a'), one('/b')] } });
    expect(bench.plan().promotions).toEqual([]);
    bench.compare('a', 40, {}, 'GET /b');
    bench.book.unblock();
    bench.book.touchAll();
    expect(names(bench.plan().promotions).sort()).toEqual(['a GET /a', 'a GET /b']);
  });

  test('protected tenants when all others with traffic are open', () => {
    const bench = proven({ settings: { protectedTenants: [cellOf('b', '').tenant] } });
    expect(names(bench.plan().promotions)).toEqual(['a GET /a']);
    bench.open();
    bench.book.touchAll();
    bench.open();
    bench.book.unblock();
    expect(names(bench.plan().promotions)).toEqual(['b GET /a']);
  });
});

describe('a cohort that is pooled by itself', () => {
  const beta = [cellOf('a', '').tenant, cellOf('b', '').tenant];
  const given: Given = { evidence: { cohorts: [{ name: 'beta', tenants: beta }] } };

  test('opens its cells while the endpoint as a whole is not proven, and says how much was borrowed', () => {
    const bench = proven(given).compare('x', 30).compare('x', 12, { verdict: 'mismatch' }).compare('y', 3);
    const { promotions, pooled } = bench.plan();
    expect([...pooled.values()].map(({ kind }) => kind)).toEqual(['fail']);
    expect(names(promotions)).toEqual(['a GET /a', 'b GET /a']);
    const [, second] = promotions;
    expect(second?.next.proof).toMatchObject({
      over: 'cohort',
      cohort: 'beta',
      borrowed: { comparisons: 40, of: 43 },
    });
    expect(second?.reason).toContain("cohort beta's 43 comparisons");
  });

  test('keeps its cells closed, and closes them, while it fails, however good all the others are', () => {
    const fresh = new Bench(given).compare('a', 10).compare('a', 8, { verdict: 'mismatch' }).compare('b', 3);
    fresh.compare('x', 900).compare('y', 3);
    expect(names(fresh.plan().promotions).sort()).toEqual(['x GET /a', 'y GET /a']);
    const bench = proven(given).compare('x', 900).open();
    expect(bench.track('b').record.proof?.over).toBe('cohort');
    // One by one among many, so that the endpoint as a whole has not turned.
    for (let n = 0; n < 12; n++) bench.compare('x', 60).compare('a', 1, { verdict: 'mismatch' });
    expect(names(bench.plan().retreats)).toEqual(['a GET /a', 'b GET /a']);
  });

  test('leaves a cell to all tenants as long as it decides nothing', () => {
    const bench = new Bench(given).compare('x', 60).compare('a', 5);
    const [, second] = bench.plan().promotions;
    expect(second?.next.proof).toMatchObject({ over: 'endpoint', borrowed: { comparisons: 60, of: 65 } });
  });

  test('counts for nobody else', () => {
    const bench = new Bench({ evidence: { ...given.evidence, pooledLimit: 0.05 } }).compare('a', 70).compare('x', 3);
    bench.compare('y', 2, { verdict: 'mismatch' });
    expect(names(bench.plan().promotions)).toEqual(['a GET /a']);
  });
});

describe('a round takes back', () => {
  test('every open cell of an endpoint whose comparisons turn, hold or freeze or not', () => {
    const bench = proven().open();
    bench.compare('a', 12, { verdict: 'mismatch' });
    const { retreats } = bench.plan({ isHeld: () => true, frozen: { name: 'sale', until: NOW + 1 } as never });
    expect(names(retreats)).toEqual(['a GET /a', 'b GET /a']);
    expect(retreats.every(({ next }) => next.state === 'closed')).toBe(true);
  });

  test('nothing because a part of Cutover does not work', () => {
    const bench = proven().open();
    const { retreats, promotions } = bench.plan({ isFaulty: true });
    expect([retreats, promotions]).toEqual([[], []]);
  });

  test('only the one tenant that fails on its own, among many', () => {
    const bench = new Bench({ evidence: { pooledLimit: 0.2 } });
    for (const tenant of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']) bench.compare(tenant, 60);
    bench.open();
    bench.compare('c', 30, { verdict: 'mismatch' });
    const { retreats } = bench.plan();
    expect(names(retreats)).toEqual(['c GET /a']);
    expect(bench.track('c').isAside).toBe(true);
  });
});

describe('what costs a round', () => {
  test('is what has news: a cell that was looked at is not looked at again', () => {
    const bench = proven().open();
    bench.plan();
    expect(bench.plan()).toMatchObject({ promotions: [], retreats: [], quiet: [] });
    expect(bench.plan().pooled.size).toBe(0);
  });

  test('and what time alone changes: a closed cell that has rested', () => {
    const bench = proven().open();
    const track = bench.track('a');
    const policy = { ownMatches: 3, renewWithinMs: 1, coolDownMs: 1_000, returnIntervalMs: 0, retries: 5 };
    const closed = transition(track.record, { kind: 'tripped', tripwire: 'test', detail: 'd' }, policy, NOW);
    if (closed.ok) bench.book.setRecord(track, closed.next);
    expect(bench.plan({ now: NOW + 999 }).quiet).toEqual([]);
    expect(bench.plan({ now: NOW + 1_000 }).quiet.map(({ next }) => next.state)).toEqual(['observing']);
  });
});
