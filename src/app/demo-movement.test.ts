import { describe, expect, test } from 'vitest';
import type { JournalView } from '../api/types.ts';
import { isPromotion, isRetreat, isUrgent, MovementNews, movementOf } from './demo-movement.ts';

function entry(fields: Partial<JournalView>): JournalView {
  return {
    sequence: 1,
    hash: '',
    at: 5,
    actor: 'controller',
    action: 'cells.set',
    scope: '2 cells',
    reason: '',
    revision: 1,
    ...fields,
  };
}

const PROOF = { epoch: { candidateVersion: '1.4.0', rules: 'r' }, assessment: 0 };

const promoted = entry({
  evidence: {
    cells: [
      { cell: 'a GET /x', before: 'observing', after: 'open' },
      { cell: 'b GET /x', before: 'renewing', after: 'open' },
    ],
    proofs: { 'a GET /x': PROOF, 'b GET /x': PROOF, 'c GET /y': PROOF },
  },
});

describe('a journal entry as a movement', () => {
  test('names the cells of its list, and those of its proofs that the list leaves out', () => {
    expect(movementOf(promoted).cells).toEqual([
      { tenant: 'a', endpoint: 'GET /x', before: 'observing', after: 'open', provenUnder: '1.4.0' },
      { tenant: 'b', endpoint: 'GET /x', before: 'renewing', after: 'open', provenUnder: '1.4.0' },
      { tenant: 'c', endpoint: 'GET /y', before: undefined, after: 'open', provenUnder: '1.4.0' },
    ]);
  });

  test('of a single cell takes it from the scope', () => {
    const one = entry({ action: 'cell.opened', scope: 'a GET /x', evidence: { before: 'observing', after: 'open' } });
    expect(movementOf(one).cells).toEqual([
      { tenant: 'a', endpoint: 'GET /x', before: 'observing', after: 'open', provenUnder: undefined },
    ]);
  });

  test.each([
    ['of a person', { before: null, after: 50_000 }, [{ scope: 'GET /x', before: 0, after: 50_000 }]],
    [
      'of a ramp',
      { dials: [{ scope: 'GET /x', before: 50_000, after: 0 }] },
      [{ scope: 'GET /x', before: 50_000, after: 0 }],
    ],
  ])('names the dial %s', (_name, evidence, dials) => {
    expect(movementOf(entry({ action: 'dial.set', scope: 'GET /x', evidence })).dials).toEqual(dials);
  });

  test.each([undefined, null, 'text', { cells: 'none', dials: [1, null] }, { cells: [{}] }])(
    'with evidence %j moves nothing',
    (evidence) => {
      expect(movementOf(entry({ evidence }))).toMatchObject({ cells: [], dials: [] });
    },
  );
});

describe('what a movement is', () => {
  const closing = { cells: [{ cell: 'a GET /x', before: 'open', after: 'closed' }] };
  const renewing = { cells: [{ cell: 'a GET /x', before: 'open', after: 'renewing' }] };
  test.each([
    ['cells that open', promoted, { promotion: true, retreat: false, urgent: false }],
    ['an epoch that begins', entry({ evidence: renewing }), { promotion: false, retreat: false, urgent: false }],
    ['cells that close by evidence', entry({ evidence: closing }), { promotion: false, retreat: true, urgent: false }],
    [
      'a tripwire',
      entry({ actor: 'tripwire:hard-down', evidence: closing }),
      { promotion: false, retreat: true, urgent: true },
    ],
    ['a latch', entry({ action: 'rollback', scope: 'all' }), { promotion: false, retreat: true, urgent: true }],
  ])('%s', (_name, view, expected) => {
    const movement = movementOf(view);
    expect({ promotion: isPromotion(movement), retreat: isRetreat(movement), urgent: isUrgent(movement) }).toEqual(
      expected,
    );
  });
});

describe('people are told', () => {
  const back = entry({
    actor: 'tripwire:reverse-mismatch',
    reason: '3 confirmed mismatches',
    evidence: {
      cells: [{ cell: 'a GET /x', before: 'renewing', after: 'closed' }],
      dials: [{ scope: 'GET /x', before: 600_000, after: 0 }],
    },
  });
  const up = entry({ action: 'dial.set', scope: 'GET /x', evidence: { before: 250_000, after: 600_000 } });

  test('which dials went up, and what was taken back, by whom and why', () => {
    expect(new MovementNews().lines([up, back].map(movementOf))).toEqual([
      'GET /x: the dial goes from 25% to 60%',
      'GET /x: taken back by tripwire:reverse-mismatch, 1 cell: 3 confirmed mismatches',
    ]);
  });

  test('of cells that open one by one only when there are some, and of each once', () => {
    const news = new MovementNews();
    const one = movementOf(promoted);
    expect(news.lines([one, one, one, one])).toEqual([]);
    expect(news.lines([one])).toEqual(['GET /x: 5 cells opened', 'GET /y: 5 cells opened']);
    expect(news.lines([])).toEqual([]);
  });
});
