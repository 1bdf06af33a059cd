import { expect, test } from 'vitest';
import { applyCommand, tableOf } from '../core/control-state.ts';
import { beginning, CELLS, stepsOf } from './small-model.ts';
import { search } from './small-search.ts';

const LEFT = { crashes: 1, cuts: 1, outages: 1, deployments: 1, orders: 1 };

test('I4, I5, I6, I10: no order of crash, partition, outage, deployment and rollback breaks them, eight steps deep', () => {
  const result = search({ left: LEFT, maxStates: 100_000, maxDepth: 8 });
  expect(result.violations).toEqual([]);
  expect(result.states).toBeGreaterThan(5_000);
});

test('without accidents the small model is gone through completely', () => {
  const result = search({ left: { crashes: 0, cuts: 0, outages: 0, deployments: 1, orders: 1 }, maxStates: 50_000 });
  expect(result.violations).toEqual([]);
  expect(result.isComplete).toBe(true);
});

test('a proxy that took an older table would lose a rollback, and the search would find it', () => {
  const first = beginning(LEFT);
  const { violations } = search({
    left: LEFT,
    maxStates: 20_000,
    maxDepth: 4,
    steps: (model) => [
      ...stepsOf(model),
      {
        name: 'an older table',
        next: { ...model, proxies: model.proxies.with(0, { table: tableOf(first.state), isCut: false }) },
      },
    ],
  });
  expect(violations[0]).toMatchObject({ invariant: 'latch', path: ['a person rolls back', 'an older table'] });
});

test('a cell that opened before its proof was saved would be found', () => {
  const [cell] = CELLS;
  if (cell === undefined) throw new Error('no cell');
  const { violations } = search({
    left: LEFT,
    maxStates: 20_000,
    maxDepth: 3,
    steps: (model) => {
      const by = { actor: 'controller', reason: '', at: 1 };
      const opened = applyCommand(model.state, { kind: 'cells.set', cells: [[cell, 'open']] }, by);
      if (!opened.ok) throw new Error(opened.message);
      const table = tableOf(opened.state);
      return [
        ...stepsOf(model),
        { name: 'opened at once', next: { ...model, proxies: model.proxies.with(0, { table, isCut: false }) } },
      ];
    },
  });
  expect(violations[0]).toMatchObject({ invariant: 'I4', path: ['opened at once'] });
});
