import { expect, test } from 'vitest';
import { cellOf, evidenceSettings } from '../../test/support/traffic.ts';
import type { TenantId } from '../core/cell.ts';
import { MovementBook } from './movement-book.ts';
import { movementRules } from './movement-rules.ts';

const defaults = {
  dialPpm: 0,
  maxPpm: 1_000_000,
  proof: 'endpoint',
  mirrorPpm: 1_000_000,
  steps: [],
  dwellMs: 600_000,
} as const;

function book(ownMatches = 3): MovementBook {
  const rules = movementRules({
    evidence: evidenceSettings({ ownMatches }),
    protectedTenants: [],
    endpoints: [],
    defaults,
  });
  const epoch = { candidateVersion: 'v1', rules: 'r' };
  return new MovementBook({ rules, limits: { cells: 1_000, endpoints: 10 }, epoch });
}

function compare(into: MovementBook, tenant: string): void {
  const sample = {
    at: 1,
    verdict: 'match',
    proves: true,
    request: tenant,
    subject: '',
    tenant: tenant as TenantId,
    statusClass: 2,
  } as const;
  into.add(cellOf(tenant, 'GET /a'), sample, 'endpoint');
}

test('what is said of an endpoint concerns the cells that were compared, or all where a cell needs nothing of its own', () => {
  for (const [ownMatches, expected] of [
    [3, ['b']],
    [0, ['a', 'b', 'c']],
  ] as const) {
    const made = book(ownMatches);
    for (const tenant of ['a', 'b', 'c']) made.seen(cellOf(tenant, 'GET /a'), 1);
    compare(made, 'b');
    const [home] = made.endpoints.values();
    expect(home === undefined ? [] : [...made.concerned(home)].map(({ cell }) => cell.tenant)).toEqual(expected);
  }
});

test('at most a tenth of the tenants is set aside, and one that comes back makes room', () => {
  const made = book();
  for (let tenant = 0; tenant < 20; tenant += 1) compare(made, `t${tenant}`);
  const tracks = [...made.tracks()];
  expect(tracks.filter((track) => made.setAside(track))).toEqual(tracks.slice(0, 2));
  const [first, , third] = tracks;
  if (first === undefined || third === undefined) throw new Error('there are twenty');
  expect(made.setAside(third)).toBe(false);
  made.markAside(first, false);
  expect(made.setAside(third)).toBe(true);
});
