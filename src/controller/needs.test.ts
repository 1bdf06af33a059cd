import { expect, test } from 'vitest';
import { endpointPolicy, evidenceSettings } from '../../test/support/traffic.ts';
import type { EndpointId, TenantId } from '../core/cell.ts';
import type { Proof } from '../core/routing.ts';
import type { Needs } from '../core/spending/need-book.ts';
import { MovementBook } from './movement-book.ts';
import { planRound, type RoundFacts } from './movement-plan.ts';
import { movementRules } from './movement-rules.ts';
import { NeedsTeller } from './needs.ts';

const A = 'GET /a' as EndpointId;
const MINUTE = 60_000;

/** A book whose comparisons are added by hand, told round by round. */
class Told {
  readonly rules = movementRules({
    evidence: evidenceSettings({ pooledLimit: 0.1, minTenants: 1, minSpanMs: 10 * MINUTE }),
    protectedTenants: [],
    endpoints: [],
    defaults: { dialPpm: 0, maxPpm: 1_000_000, proof: 'endpoint', mirrorPpm: 1_000_000, steps: [], dwellMs: 0 },
  });
  readonly book = new MovementBook({
    rules: this.rules,
    limits: { cells: 100, endpoints: 10 },
    epoch: { candidateVersion: 'v1', rules: 'r' },
  });
  readonly teller = new NeedsTeller();
  readonly proof: Proof;
  now = MINUTE;
  #number = 0;

  constructor(proof: Proof = 'endpoint') {
    this.proof = proof;
  }

  compared(tenant: string, count: number, more: { readonly preferred?: true; readonly isWrong?: true } = {}): void {
    const { preferred, isWrong } = more;
    for (let left = count; left > 0; left--) {
      this.#number += 1;
      const sample = {
        at: this.now,
        verdict: isWrong === true ? ('mismatch' as const) : ('match' as const),
        proves: true,
        request: `${tenant} ${this.#number}`,
        subject: `s${this.#number}`,
        tenant,
        statusClass: 2,
      };
      const of = { tenant: tenant as TenantId, endpoint: A };
      this.book.add(of, { ...sample, ...(preferred === undefined ? {} : { preferred }) }, this.proof);
    }
  }

  get facts(): RoundFacts {
    return {
      now: this.now,
      controlVersion: 'v1',
      isFaulty: false,
      policyOf: () => endpointPolicy({ proof: this.proof }),
      isLatched: () => false,
      isHeld: () => false,
      dialOf: () => 0,
      missingPower: () => undefined,
    };
  }

  round(): Needs | undefined {
    const needs = this.teller.changed(this.book, this.rules, this.facts);
    const round = planRound(this.book, this.rules, this.facts);
    for (const move of round.promotions) this.book.setRecord(move.track, move.next);
    return needs;
  }
}

test('what an endpoint and its cells miss is told as it changes, and nothing where there is no news', () => {
  const told = new Told();
  told.compared('acme', 2);
  const first = told.round();
  // 10 % at 95 % takes 32 clean comparisons.
  expect(first?.endpoints).toEqual([[A, { pooled: 30, cells: 1, own: 3 }]]);
  expect(first?.cells).toEqual([[A, 'acme', 1]]);
  expect(told.round()).toBeUndefined();
  told.compared('acme', 1);
  expect(told.round()?.cells).toEqual([[A, 'acme', 0]]);
});

test('a comparison that was preferred because of its cell counts for the cell and not for the endpoint', () => {
  const told = new Told();
  told.compared('acme', 1);
  told.round();
  told.compared('globex', 2, { preferred: true });
  const needs = told.round();
  expect(needs?.cells).toEqual([[A, 'globex', 1]]);
  expect(told.book.endpoints.get(A)?.pooled.matches).toBe(1);
});

test('while only time is missing nothing is needed; when it is over, one more comparison is', () => {
  const told = new Told();
  told.compared('acme', 40);
  expect(told.round()?.endpoints[0]?.[1].pooled).toBe(0);
  expect(told.round()).toBeUndefined();
  told.now += 10 * MINUTE;
  expect(told.round()?.endpoints[0]?.[1].pooled).toBe(1);
  told.compared('acme', 1);
  told.round();
  expect(told.book.find({ tenant: 'acme' as TenantId, endpoint: A })?.record.state).toBe('open');
  expect(told.round()?.cells).toEqual([[A, 'acme', 0]]);
});

test('a cell with a mismatch of its own needs a proof of its own', () => {
  const told = new Told();
  told.compared('acme', 3);
  told.compared('acme', 1, { isWrong: true });
  const [[, , own] = []] = told.round()?.cells ?? [];
  expect(own).toBeGreaterThan(500);
});

test('where each cell is proven on its own, nothing is pooled and a new cell needs a whole proof', () => {
  const told = new Told('cell');
  told.compared('acme', 1);
  expect(told.round()).toEqual({
    endpoints: [[A, { pooled: 0, cells: 0, own: 332 }]],
    cells: [[A, 'acme', 331]],
    gone: [],
  });
});

test('everything that is needed can be told to a proxy that comes later; what is gone is told once', () => {
  const told = new Told();
  told.compared('acme', 3);
  told.round();
  expect(told.teller.whole(told.book, told.rules, told.facts)).toEqual({
    isWhole: true,
    endpoints: [[A, { pooled: 29, cells: 1, own: 3 }]],
    cells: [[A, 'acme', 0]],
    gone: [],
  });
  told.teller.forget([A]);
  expect(told.round()?.gone).toEqual([A]);
  expect(told.round()).toBeUndefined();
});
