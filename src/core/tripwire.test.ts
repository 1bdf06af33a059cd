import { describe, expect, test } from 'vitest';
import { cellOf, servedRecord, verifiedExchange } from '../../test/support/traffic.ts';
import type { EndpointId, TenantId } from './cell.ts';
import type { ServedRecord, VerifiedExchange } from './ports.ts';
import { type Tripped, type TripwirePolicy, Tripwires } from './tripwire.ts';

const POLICY: TripwirePolicy = {
  candidateFailures: { count: 5, withinMs: 10_000 },
  hardDown: { consecutive: 5 },
  reverseMismatch: { count: 3, withinMs: 10_000 },
};
const OFF: TripwirePolicy = { candidateFailures: undefined, hardDown: undefined, reverseMismatch: undefined };
const START = 1_700_000_000_000;

type Step = Partial<ServedRecord> & { readonly side?: 'control' | 'candidate' };
const candidateServed: Step = { side: 'candidate' };
/** The candidate answered 500, the control answered in its place. */
const failedOver: Step = { side: 'candidate', servedBy: 'control', failedOver: true, failure: 'status' };
const refused: Step = { ...failedOver, failure: 'refused' };
const bothFailed: Step = { ...failedOver, status: 502 };
const controlServed: Step = {};
const controlFailed: Step = { status: 503 };
/** An unsafe request that nobody may send again. */
const notRepeated: Step = { side: 'candidate', status: 500 };

function run(steps: readonly Step[], options: { policy?: TripwirePolicy; everyMs?: number } = {}): Tripped[] {
  const tripwires = new Tripwires(options.policy ?? POLICY);
  return steps.flatMap((step, index) => {
    const tripped = tripwires.served(servedRecord({ ...step, at: START + index * (options.everyMs ?? 100) }));
    return tripped === undefined ? [] : [tripped];
  });
}

function times(count: number, ...steps: readonly Step[]): Step[] {
  return Array.from({ length: count }, () => steps).flat();
}

describe('what served requests set off', () => {
  const table: readonly [string, readonly Step[], { policy?: TripwirePolicy; everyMs?: number }, readonly string[]][] =
    [
      ['six failures in a row that the control saved', times(6, failedOver), {}, ['candidate-failures']],
      ['five of them: nothing', times(5, failedOver), {}, []],
      [
        'nearly every second one of many',
        times(20, failedOver, failedOver, candidateServed),
        { everyMs: 10 },
        Array.from({ length: 5 }, () => 'candidate-failures'),
      ],
      [
        'a few among many good answers: nothing',
        times(50, failedOver, ...times(20, candidateServed)),
        { everyMs: 10 },
        [],
      ],
      ['six that are spread over a minute: nothing', times(6, failedOver), { everyMs: 12_000 }, []],
      ['six answers 500 that could not be repeated', times(6, notRepeated), {}, ['candidate-failures']],
      ['I11: where the control failed the same requests, nothing', times(50, bothFailed), {}, []],
      ['I11: where the control fails as often, nothing', times(50, notRepeated, controlFailed), {}, []],
      [
        'I11: where the control fails nearly as often, nothing',
        times(30, notRepeated, candidateServed, controlFailed, ...times(2, controlServed)),
        {},
        [],
      ],
      [
        'where the control fails far more seldom',
        times(10, notRepeated, controlServed, controlServed),
        {},
        ['candidate-failures'],
      ],
      [
        'five requests in a row without an answer',
        times(5, refused),
        { policy: { ...OFF, hardDown: { consecutive: 5 } } },
        ['hard-down'],
      ],
      [
        'an answer between them begins the row anew',
        [...times(4, refused), candidateServed, ...times(4, refused)],
        { policy: { ...OFF, hardDown: { consecutive: 5 } } },
        [],
      ],
      [
        'an answer 500 is an answer',
        [...times(4, refused), failedOver, ...times(4, refused)],
        { policy: { ...OFF, hardDown: { consecutive: 5 } } },
        [],
      ],
      [
        'I11: a row while the control is gone as well: nothing',
        times(40, { ...refused, servedBy: undefined, status: 502 }),
        {},
        [],
      ],
      [
        'pinned and forced traffic: nothing',
        times(20, { ...failedOver, decision: { ...servedRecord(candidateServed).decision, reason: 'pinned' } }),
        {},
        [],
      ],
      ['clients that went away: nothing', times(20, { ...failedOver, clientAborted: true }), {}, []],
      [
        'a retired endpoint: nothing to fall back on',
        times(20, { ...notRepeated, decision: { ...servedRecord(candidateServed).decision, reason: 'retired' } }),
        {},
        [],
      ],
      [
        'what a breaker refused without asking the candidate: nothing',
        times(20, { ...notRepeated, decision: { ...servedRecord(candidateServed).decision, reason: 'breaker' } }),
        {},
        [],
      ],
      ['everything off: nothing', times(50, refused), { policy: OFF }, []],
    ];
  test.each(table)('%s', (_name, steps, options, expected) => {
    expect(run(steps, options).map((tripped) => tripped.tripwire)).toEqual(expected);
  });

  test('one endpoint does not set off another, and the detail tells the numbers', () => {
    const other = { ...failedOver, endpoint: 'GET /b' as EndpointId };
    expect(run([...times(4, failedOver), ...times(4, other)])).toEqual([]);
    expect(run([...times(4, candidateServed), ...times(6, failedOver)])[0]).toEqual({
      tripwire: 'candidate-failures',
      endpoint: 'GET /a',
      action: 'take-back',
      detail: 'the candidate failed 6 of 10 requests within 10 s, the control 0 of 6',
    });
  });

  test('a clock that was set back leaves nothing in the future', () => {
    const tripwires = new Tripwires(POLICY);
    const at = (time: number) => tripwires.served(servedRecord({ ...failedOver, at: time }));
    for (let i = 0; i < 4; i += 1) expect(at(START)).toBeUndefined();
    expect(at(START - 3_600_000)).toBeUndefined();
    for (let i = 0; i < 3; i += 1) expect(at(START - 3_600_000 + i)).toBeUndefined();
    expect(at(START - 3_599_000)?.tripwire).toBe('candidate-failures');
  });
});

describe('what the hash drew', () => {
  /** Visitors of three tenants; the dial decides between 0 and 1,000,000. */
  const drawn = (number: number, dialPpm: number, more: Step = {}): ServedRecord => {
    const { side = 'control' } = more;
    const at = START + number * 5_000;
    const tenant = `t${number % 3}` as TenantId; // as identification names it
    const record = servedRecord({ ...more, at, tenant });
    const bucket = side === 'candidate' ? number % dialPpm : dialPpm + number;
    return { ...record, decision: { ...record.decision, bucket, dialPpm } };
  };
  /** Good requests at the dial's share, so that it is what is seen, and then the steps. */
  function told(dialPpm: number, steps: readonly ((number: number) => ServedRecord)[]): Tripped[] {
    const tripwires = new Tripwires(POLICY);
    const before = Array.from({ length: 3_000 }, (_, number) =>
      drawn(number, dialPpm, Math.floor(number / 3) % 100 < dialPpm / 10_000 ? candidateServed : controlServed),
    );
    return [...before, ...steps.map((step, index) => step(3_000 + index))].flatMap(
      (record) => tripwires.served(record) ?? [],
    );
  }
  /** Failures with good answers of the same side between them, so that none is a run. */
  const spread = (count: number, step: Step, dialPpm: number) =>
    Array.from(
      { length: count * 10 },
      (_, index) => (number: number) =>
        drawn(number, dialPpm, index % 10 === 0 ? step : { side: step.side ?? 'control' }),
    );

  test('failures fall on the candidate far more than its share: the reason tells the numbers', () => {
    // A share of 5 % grows while only the candidate is seen; two of the control's are among them.
    const tripped = told(50_000, [...spread(2, controlFailed, 50_000), ...spread(7, notRepeated, 50_000)]);
    expect(tripped).toHaveLength(1);
    expect(tripped[0]).toMatchObject({ tripwire: 'candidate-failures', endpoint: 'GET /a' });
    expect(tripped[0]?.detail).toMatch(
      /^[56] of [78] failures fell on the candidate, which served [56](\.\d)? %: chance 1 in \d{3,}$/,
    );
  });

  test.each<[string, (number: number) => ServedRecord]>([
    [
      'of one visitor alone',
      (n) => ({ ...drawn(n, 50_000, notRepeated), decision: { ...drawn(n, 50_000, notRepeated).decision, bucket: 7 } }),
    ],
    ['that the dial gave no alternative to', (n) => drawn(n, 1_000_000, notRepeated)],
    [
      'that no dial decided',
      (n) => ({
        ...drawn(n, 50_000, notRepeated),
        decision: { ...drawn(n, 50_000, notRepeated).decision, reason: 'idempotency-key' },
      }),
    ],
    ['that the control failed as well', (n) => drawn(n, 50_000, bothFailed)],
    ['of clients that went away', (n) => ({ ...drawn(n, 50_000, notRepeated), clientAborted: true })],
  ])('not failures %s', (_name, failing) => {
    const steps = Array.from(
      { length: 120 },
      (_, index) => (number: number) =>
        index % 10 === 0 ? failing(number) : drawn(number, 50_000, index % 2 === 0 ? candidateServed : controlServed),
    );
    expect(told(50_000, steps)).toEqual([]);
  });

  test('a tenant all of whose requests the candidate gets, by chance, says nothing about a dial of 1 %', () => {
    const tripwires = new Tripwires(POLICY);
    const tripped = Array.from({ length: 20_000 }, (_, number) =>
      tripwires.served(drawn(number, 10_000, number % 50 === 0 ? notRepeated : candidateServed)),
    );
    expect(tripped.filter((one) => one !== undefined)).toEqual([]);
  });
});

describe('what comparisons set off', () => {
  const cell = cellOf('acme', 'GET /a');
  const signature = {
    id: 's',
    endpoint: cell.endpoint,
    pathPattern: 'body/total',
    kind: 'value',
    transition: 'number → number',
  } as const;
  const wrong = (more: Partial<VerifiedExchange> = {}): VerifiedExchange => ({
    ...verifiedExchange(cell, 'mismatch', { direction: 'reverse', ...more }),
    result: { verdict: 'mismatch', differences: [], differenceCount: 1, identical: false, signature, ...more.result },
  });
  const trips = (one: VerifiedExchange, count = 20): number => {
    const tripwires = new Tripwires(POLICY);
    return Array.from({ length: count }, () => tripwires.verified(one, true)).filter((tripped) => tripped !== undefined)
      .length;
  };

  describe('of failures', () => {
    const failing = (statuses: VerifiedExchange['statuses'], more: Partial<VerifiedExchange> = {}) =>
      verifiedExchange(cell, 'inconclusive', { statuses, ...more });
    const candidateOnly = { control: 200, candidate: 502 };
    const controlOnly = { control: 0, candidate: 200 };
    /** Trips of pairs of three tenants, one every five seconds; `isMoving` as given. */
    const told = (pairs: readonly VerifiedExchange[], isMoving = true): (string | undefined)[] => {
      const tripwires = new Tripwires(POLICY);
      return pairs.flatMap((pair, index) => {
        const at = pair.at + index * 5_000;
        return tripwires.verified({ ...pair, at }, isMoving)?.detail ?? [];
      });
    };
    const list = (count: number, pair: VerifiedExchange) => Array.from({ length: count }, () => pair);

    test('eleven that only the candidate failed, in either direction', () => {
      const reverse = { direction: 'reverse' } as const;
      expect(told([...list(5, failing(candidateOnly)), ...list(5, failing(candidateOnly, reverse))])).toEqual([]);
      expect(told([...list(5, failing(candidateOnly)), ...list(6, failing(candidateOnly, reverse))])).toEqual([
        'of 11 requests that only one side failed, the candidate failed 11: chance 1 in 167',
      ]);
    });

    test('not where the control fails as many, nor what both failed', () => {
      expect(told(list(100, failing(candidateOnly)).flatMap((one) => [one, failing(controlOnly)]))).toEqual([]);
      expect(told(list(100, failing({ control: 503, candidate: 0 })))).toEqual([]);
    });

    test('not failovers that nobody had drawn, forced ones, or cells that do not move', () => {
      expect(told(list(100, failing(candidateOnly, { unpaired: 'failed-over' })))).toEqual([]);
      expect(told(list(100, failing(candidateOnly, { forced: true })))).toEqual([]);
      expect(told(list(100, failing(candidateOnly)), false)).toEqual([]);
    });

    test('a tenant counts three times in ten seconds', () => {
      const tripwires = new Tripwires(POLICY);
      expect(list(1_000, failing(candidateOnly)).flatMap((one) => tripwires.verified(one, true) ?? [])).toEqual([]);
    });

    test('another version of the candidate begins anew', () => {
      const tripwires = new Tripwires(POLICY);
      for (let number = 0; number < 18; number += 1) {
        if (number === 9) tripwires.resetAll();
        const pair = failing(candidateOnly, { at: START + number * 5_000 });
        expect(tripwires.verified(pair, true)).toBeUndefined();
      }
    });
  });

  test('three confirmed reverse mismatches within ten seconds', () => {
    expect(trips(wrong(), 2)).toBe(0);
    expect(trips(wrong(), 3)).toBe(1);
    expect(trips(wrong(), 6)).toBe(2);
  });

  test('not forward ones, intermittent ones, forced ones, failures, nor those of a control that failed', () => {
    expect(trips(wrong({ direction: 'forward' }))).toBe(0);
    expect(trips(wrong({ result: { ...wrong().result, intermittent: true } }))).toBe(0);
    expect(trips(wrong({ forced: true }))).toBe(0);
    expect(trips(wrong({ result: { ...wrong().result, signature: { ...signature, kind: 'failure' } } }))).toBe(0);
    expect(trips(wrong({ statuses: { control: 503, candidate: 200 } }))).toBe(0);
    expect(trips(wrong({ statuses: { control: 0, candidate: 200 } }))).toBe(0);
    expect(trips(verifiedExchange(cell, 'inconclusive', { direction: 'reverse' }))).toBe(0);
  });
});
