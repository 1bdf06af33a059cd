import { expect, test } from 'vitest';
import { applyCommand, tableOf } from '../core/control-state.ts';
import { beginning, CELLS, stepsOf, UNLIMITED } from './small-model.ts';
import { search } from './small-search.ts';

const { crashes, cuts, outages } = UNLIMITED;

test('I4, I5, I6, I10: no order of crashes, partitions, outages, deployments and orders breaks them, eleven steps deep', () => {
  const result = search({ left: UNLIMITED, maxStates: 100_000, maxDepth: 11 });
  expect(result.violations).toEqual([]);
  expect(result.states).toBeGreaterThan(5_000);
});

test('with crashes and without anything else that can go wrong the small model is gone through completely', () => {
  const result = search({ left: { ...UNLIMITED, cuts: 0, outages: 0, deployments: 0 }, maxStates: 50_000 });
  expect(result.violations).toEqual([]);
  expect(result.isComplete).toBe(true);
});

test('with partitions and outages alone, too', () => {
  const left = { crashes: 0, cuts, outages, deployments: 0, orders: 1 };
  const result = search({ left, maxStates: 50_000 });
  expect(result.violations).toEqual([]);
  expect(result.isComplete).toBe(true);
});

test('a start that stored its revision without the rollbacks that the store never got would lose them', () => {
  const { violations } = search({
    left: { crashes, cuts: 0, outages: 0, deployments: 0, orders: 1 },
    maxStates: 20_000,
    maxDepth: 5,
    steps: (model) =>
      stepsOf(model).map((step) => {
        if (step.name !== 'the controller dies when its start is stored') return step;
        const lasting = { ...step.next.lasting, latches: model.lasting.latches };
        return { ...step, next: { ...step.next, lasting } };
      }),
  });
  expect(violations[0]).toMatchObject({
    invariant: 'latch',
    path: [
      'a person rolls back',
      'the controller dies',
      'the controller dies when its start is stored',
      'the controller starts',
    ],
  });
});

test('a proxy that took an older table would lose a rollback, and the search would find it', () => {
  const first = beginning(UNLIMITED);
  const { violations } = search({
    left: UNLIMITED,
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
    left: UNLIMITED,
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
