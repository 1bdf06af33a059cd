import { describe, expect, test } from 'vitest';
import { cellOf, servedRecord, verifiedExchange } from '../../test/support/traffic.ts';
import type { EndpointId } from './cell.ts';
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
      ['five failures the control saved', times(5, failedOver), {}, ['candidate-failures']],
      ['four of them: nothing', times(4, failedOver), {}, []],
      [
        'five among many good answers',
        times(5, failedOver, ...times(20, candidateServed)),
        { everyMs: 10 },
        ['candidate-failures'],
      ],
      ['five that are spread over a minute: nothing', times(5, failedOver), { everyMs: 12_000 }, []],
      ['five answers 500 that could not be repeated', times(5, notRepeated), {}, ['candidate-failures']],
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
        ['candidate-failures', 'candidate-failures'],
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
      ['everything off: nothing', times(50, refused), { policy: OFF }, []],
    ];
  test.each(table)('%s', (_name, steps, options, expected) => {
    expect(run(steps, options).map((tripped) => tripped.tripwire)).toEqual(expected);
  });

  test('one endpoint does not set off another, and the detail tells the numbers', () => {
    const other = { ...failedOver, endpoint: 'GET /b' as EndpointId };
    expect(run([...times(4, failedOver), ...times(4, other)])).toEqual([]);
    expect(run([...times(4, candidateServed), ...times(5, failedOver)])[0]).toEqual({
      tripwire: 'candidate-failures',
      endpoint: 'GET /a',
      detail: 'the candidate failed 5 of 9 requests within 10 s, the control 0 of 5',
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
    return Array.from({ length: count }, () => tripwires.verified(one)).filter((tripped) => tripped !== undefined)
      .length;
  };

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
