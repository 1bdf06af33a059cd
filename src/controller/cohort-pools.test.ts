import { expect, test } from 'vitest';
import { cellOf, evidenceSettings } from '../../test/support/traffic.ts';
import { MovementBook } from './movement-book.ts';
import { documentsOf, restoreBook } from './movement-documents.ts';
import { movementRules } from './movement-rules.ts';

const tenant = (name: string) => cellOf(name, '').tenant;
const rules = movementRules({
  evidence: evidenceSettings({
    cohorts: [
      { name: 'beta', tenants: ['a', 'b'].map(tenant) },
      { name: 'wide', tenants: ['b', 'c'].map(tenant) },
    ],
  }),
  protectedTenants: [],
  endpoints: [],
  defaults: { dialPpm: 0, maxPpm: 1_000_000, proof: 'endpoint', mirrorPpm: 1_000_000, steps: [], dwellMs: 0 },
});

function book(): MovementBook {
  const epoch = { candidateVersion: 'v1', rules: 'r' };
  return new MovementBook({ rules, limits: { cells: 100, endpoints: 10 }, epoch });
}

function filled(): MovementBook {
  const made = book();
  for (const [index, name] of ['a', 'b', 'c', 'x'].entries()) {
    for (let n = 0; n <= index; n++) {
      const request = `${name}${n}`;
      made.add(
        cellOf(name, 'GET /a'),
        { at: n + 1, verdict: 'match', proves: true, request, subject: request, tenant: name, statusClass: 2 },
        'endpoint',
      );
    }
  }
  return made;
}

const matches = (of: MovementBook): Record<string, number> => {
  const [home] = of.endpoints.values();
  return Object.fromEntries([...(home?.cohorts ?? [])].map(([name, { evidence }]) => [name, evidence.matches]));
};

test('a tenant counts for the first cohort that names it, and the others for none', () => {
  expect(matches(filled())).toEqual({ beta: 3, wide: 3 });
});

test('what a cohort has shown survives a restart, and not a new epoch', () => {
  const before = filled();
  const documents = documentsOf([...before.endpoints.values()].map((home) => ({ home })));
  const after = book();
  restoreBook(after, new Map(documents.map(({ key, value }) => [key, JSON.parse(JSON.stringify(value)) as unknown])));
  expect(matches(after)).toEqual({ beta: 3, wide: 3 });
  after.beginEpoch({ candidateVersion: 'v2', rules: 'r' }, 9, () => 'endpoint');
  expect(matches(after)).toEqual({ beta: 0, wide: 0 });
});

test('a preferred comparison counts for the cell alone', () => {
  const made = book();
  const sample = {
    at: 1,
    verdict: 'match',
    proves: true,
    request: 'r',
    subject: 's',
    tenant: 'a',
    statusClass: 2,
  } as const;
  made.add(cellOf('a', 'GET /a'), { ...sample, preferred: true }, 'endpoint');
  expect(matches(made)).toEqual({});
  expect(made.find(cellOf('a', 'GET /a'))?.evidence?.matches).toBe(1);
});
