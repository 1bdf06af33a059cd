import { describe, expect, test } from 'vitest';
import { RELEASES } from '../../examples/storefront/releases.ts';
import type { CellChange, Movement } from './demo-movement.ts';
import { type Facts, outcomeOf } from './demo-outcome.ts';

/** A second in the story; releases are deployed every ten. */
const S = 1_000;
const PRODUCT = 'GET /products/{handle}';

function deployedUntil(version: string): Facts['deployed'] {
  const last = RELEASES.findIndex((release) => release.version === version);
  return RELEASES.slice(0, last + 1).map((release, index) => ({ release, at: index * 10 * S }));
}

function moved(at: number, cells: readonly Partial<CellChange>[], more: Partial<Movement> = {}): Movement {
  const whole = cells.map((cell) => ({
    tenant: 'a',
    endpoint: PRODUCT,
    before: 'observing',
    after: 'open',
    provenUnder: undefined,
    ...cell,
  }));
  return { at, actor: 'controller', reason: '', cells: whole, dials: [], isLatch: false, ...more };
}

const QUIET: Facts = {
  deployed: deployedUntil('1.5.1'),
  movements: [],
  cells: [],
  clusters: [],
  traffic: { wrong: { answers: 0, visitors: 0, firstAt: null, lastAt: null }, productPages: {} },
};

describe('planted mistakes', () => {
  const cluster = (endpoint: string, pathPattern: string, firstVersion: string) => ({
    endpoint,
    pathPattern,
    firstVersion,
    firstSeen: 1,
  });

  test('are found by a cluster at their endpoint and place, in a release that makes them', () => {
    const clusters = [
      cluster('GET /search', 'body/html/body/main/ol[*]/li[*]', '1.0.0'),
      cluster('GET /api/products', 'body/products/*/available', '1.1.0'),
      cluster('GET /cart', 'body/html/body/main/p.total[*]/text()', '1.2.0'),
    ];
    expect(outcomeOf({ ...QUIET, clusters }).plantedBugs).toEqual({
      found: ['search-drops-last-result', 'api-omits-unavailable', 'cart-total-rounded'],
      missed: [],
    });
  });

  test('are missed where only other places differ, or only releases that do not make them', () => {
    const clusters = [
      cluster('GET /search', 'body/html/body/header[*]/nav[*]/a[*]/text()', '1.0.0'),
      cluster('GET /api/products', 'body/products/*/available', '1.3.0'),
      cluster('GET /cart', 'body/html/body/main/p.total[*]/text()', '1.3.0'),
    ];
    expect(outcomeOf({ ...QUIET, clusters }).plantedBugs.found).toEqual([]);
    expect(outcomeOf({ ...QUIET, clusters }).plantedBugs.missed).toHaveLength(3);
  });
});

describe('cells that opened while broken', () => {
  const cases: readonly [name: string, movement: Movement, counted: number][] = [
    ['none: search was right by then', moved(15 * S, [{ endpoint: 'GET /search', provenUnder: '1.1.0' }]), 0],
    ['search in the first release', moved(9 * S, [{ endpoint: 'GET /search', provenUnder: '1.0.0' }]), 1],
    ['the proof of a broken release, later', moved(11 * S, [{ endpoint: 'GET /search', provenUnder: '1.0.0' }]), 1],
    ['on answers of the release before', moved(51 * S, [{ provenUnder: '1.4.0' }]), 0],
    ['long after the bad release, whatever the proof says', moved(55 * S, [{ provenUnder: '1.4.0' }]), 1],
    ['another endpoint under the bad release', moved(55 * S, [{ endpoint: 'GET /', provenUnder: '1.5.0' }]), 0],
    ['a renewed proof under the bad release', moved(55 * S, [{ before: 'renewing', provenUnder: '1.5.0' }]), 1],
    ['a cell that closed', moved(55 * S, [{ before: 'open', after: 'closed' }]), 0],
  ];
  test.each(cases)('%s', (_name, movement, counted) => {
    expect(outcomeOf({ ...QUIET, movements: [movement] }).openedWhileBroken).toBe(counted);
  });
});

describe('the bad deployment', () => {
  const takenBack = moved(53 * S, [{ before: 'renewing', after: 'closed' }], { actor: 'tripwire:reverse-mismatch' });
  const traffic = {
    wrong: { answers: 9, visitors: 7, firstAt: 51 * S, lastAt: 52 * S },
    productPages: { '7.41': 50, '1.5.0': 9 },
  };
  const clusters = [
    {
      endpoint: PRODUCT,
      pathPattern: 'body/html/body/main/article[*]/p.price[*]/text()',
      firstVersion: '1.5.0',
      firstSeen: 50.5 * S,
    },
  ];

  test('was detected from the first wrong answer, of a visitor or a comparison, until it was taken back', () => {
    const outcome = outcomeOf({ ...QUIET, movements: [takenBack], traffic, clusters });
    expect(outcome.badDeployment).toEqual({
      version: '1.5.0',
      detectedAfterMs: 2_500,
      clientsHurt: 7,
      wrongAnswers: 9,
    });
    expect(outcome).toMatchObject({ promotions: 0, demotions: 0, rollbacks: 1, movedAgain: false });
  });

  test('is not over before the last wrong answer', () => {
    const late = { ...traffic, wrong: { ...traffic.wrong, lastAt: 58 * S } };
    expect(
      outcomeOf({ ...QUIET, movements: [takenBack], traffic: late, clusters }).badDeployment?.detectedAfterMs,
    ).toBe(7_500);
  });

  test('was never detected where nothing at its endpoint was taken back after it', () => {
    const elsewhere = moved(53 * S, [{ endpoint: 'GET /', before: 'open', after: 'closed' }]);
    const before = moved(45 * S, [{ before: 'open', after: 'closed' }]);
    const outcome = outcomeOf({ ...QUIET, movements: [before, elsewhere], traffic, clusters });
    expect(outcome.badDeployment?.detectedAfterMs).toBeNull();
  });

  test('is unknown where the demo ended before it', () => {
    expect(outcomeOf({ ...QUIET, deployed: deployedUntil('1.4.0') })).toMatchObject({
      badDeployment: null,
      movedAgain: false,
    });
  });

  test('is over for good when visitors are served by a release after it', () => {
    const again = { ...traffic, productPages: { ...traffic.productPages, '1.5.1': 3 } };
    expect(outcomeOf({ ...QUIET, traffic: again }).movedAgain).toBe(true);
  });
});

test('cells are counted by state, and by endpoint where some are open', () => {
  const cell = (endpoint: string, state: 'observing' | 'open' | 'renewing') => ({ endpoint, state });
  const cells = [
    cell('GET /', 'open'),
    cell('GET /', 'renewing'),
    cell('GET /', 'observing'),
    cell('GET /x', 'observing'),
  ];
  expect(outcomeOf({ ...QUIET, cells })).toMatchObject({
    cells: { open: 1, renewing: 1, observing: 2 },
    opened: [{ endpoint: 'GET /', cells: 3, open: 2 }],
  });
});
