import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EndpointId, TenantId } from './cell.ts';
import type { Scope } from './routing.ts';
import { describeScope, scopeContains, scopeCovers, scopeKey, scopesOverlap } from './scope.ts';

const tenants = ['acme', 'globex', 'initech'] as TenantId[];
const endpoints = ['GET /a', 'GET /b'] as EndpointId[];
const cohorts = { beta: tenants.slice(0, 2), small: tenants.slice(2), none: [] };

const anyScope: fc.Arbitrary<Scope> = fc.record(
  {
    tenant: fc.constantFrom(...tenants),
    endpoint: fc.constantFrom(...endpoints),
    cohort: fc.constantFrom('beta', 'small', 'none', 'constructor'),
  },
  { requiredKeys: [] },
);
const cells = [...tenants, undefined].flatMap((tenant) => endpoints.map((endpoint) => ({ tenant, endpoint })));

describe('a scope', () => {
  test.each([
    [{}, 'all', 'all'],
    [{ tenant: 'acme' }, 'tenant acme', 'tenant:acme'],
    [{ endpoint: 'GET /a' }, 'GET /a', 'endpoint:GET /a'],
    [{ tenant: 'acme', endpoint: 'GET /a' }, 'acme GET /a', 'tenant:acme endpoint:GET /a'],
    [{ cohort: 'beta' }, 'cohort beta', 'cohort:"beta"'],
    [{ cohort: 'beta', endpoint: 'GET /a' }, 'cohort beta GET /a', 'cohort:"beta" endpoint:GET /a'],
    [{ cohort: 'beta', tenant: 'acme' }, 'acme in cohort beta', 'cohort:"beta" tenant:acme'],
  ])('%j is called %s', (scope, words, key) => {
    expect(describeScope(scope as Scope)).toBe(words);
    expect(scopeKey(scope as Scope)).toBe(key);
  });

  test('has a key of its own, whatever its parts are called', () => {
    const part = fc.constantFrom('a', 'all', 'tenant:a', 'endpoint:a', '"', 'cohort:"a"', 'a"tenant:b');
    const odd = fc.record({ tenant: part, endpoint: part, cohort: part }, { requiredKeys: [] }) as fc.Arbitrary<Scope>;
    fc.assert(
      fc.property(odd, odd, (a, b) => {
        const same = a.tenant === b.tenant && a.endpoint === b.endpoint && a.cohort === b.cohort;
        expect(scopeKey(a) === scopeKey(b)).toBe(same);
      }),
    );
  });

  test('that contains another covers every cell the other covers', () => {
    fc.assert(
      fc.property(anyScope, anyScope, (outer, inner) => {
        fc.pre(scopeContains(outer, inner, cohorts));
        for (const cell of cells) {
          if (scopeCovers(inner, cell, cohorts)) expect(scopeCovers(outer, cell, cohorts)).toBe(true);
        }
      }),
    );
  });

  test('overlaps another exactly where a cell lies in both', () => {
    fc.assert(
      fc.property(anyScope, anyScope, (a, b) => {
        const shared = cells.some((cell) => scopeCovers(a, cell, cohorts) && scopeCovers(b, cell, cohorts));
        if (shared) expect(scopesOverlap(a, b, cohorts)).toBe(true);
        if (!scopesOverlap(a, b, cohorts)) expect(shared).toBe(false);
      }),
    );
  });

  test('contains itself, and everything contains nothing smaller than it is', () => {
    fc.assert(
      fc.property(anyScope, (scope) => {
        expect(scopeContains({}, scope, cohorts)).toBe(true);
        expect(scopeContains(scope, scope, cohorts)).toBe(true);
      }),
    );
    expect(scopeContains({ tenant: tenants[0] as TenantId }, {}, cohorts)).toBe(false);
    expect(scopeContains({ cohort: 'beta' }, { tenant: 'acme' as TenantId }, cohorts)).toBe(true);
    expect(scopeContains({ tenant: 'initech' as TenantId }, { cohort: 'small' }, cohorts)).toBe(true);
    expect(scopeContains({ cohort: 'beta' }, { cohort: 'small' }, cohorts)).toBe(false);
    expect(scopeContains({ cohort: 'beta' }, { cohort: 'beta', endpoint: 'GET /a' as EndpointId }, cohorts)).toBe(true);
  });
});
