import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Answer, CapturedRequest, MirrorDirection } from '../observation.ts';
import { quickestOf, slowestOf, slownessOf } from './slowness.ts';

const limit = { factor: 3, byMs: 500 };
const get: CapturedRequest = { method: 'GET', target: '/', headers: [] };
const post: CapturedRequest = { ...get, method: 'POST', body: new Uint8Array(3) };

function answer(firstByteMs: number, durationMs: number, status = 200): Answer {
  return { kind: 'answer', status, headers: [], body: new Uint8Array(), bodyBytes: 0, firstByteMs, durationMs };
}

function told(control: Answer, candidate: Answer, direction: MirrorDirection = 'forward', request = get) {
  return slownessOf({ direction, request, control, candidate }, limit)?.candidate?.text;
}

describe('a candidate that takes far longer', () => {
  const cases: readonly [string, string | undefined, Parameters<typeof told>][] = [
    ['beyond both limits is slow', '900 ms to the first byte', [answer(200, 210), answer(900, 910)]],
    ['beyond the factor alone is not', undefined, [answer(100, 110), answer(590, 600)]],
    ['beyond the difference alone is not', undefined, [answer(2_000, 2_010), answer(2_900, 2_910)]],
    [
      'whose body trickles is slow to the last byte',
      '2000 ms to the last byte',
      [answer(200, 210), answer(210, 2_000)],
    ],
    ['with another status is another answer', undefined, [answer(200, 210), answer(900, 910, 404)]],
    ['beside a control nobody measured is not', undefined, [answer(0, 0), answer(900, 910)]],
    ['that serves is as slow as its client reads', undefined, [answer(200, 210), answer(210, 9_000), 'reverse']],
    [
      'that serves is slow by its first byte',
      '900 ms to the first byte',
      [answer(200, 210), answer(900, 910), 'reverse'],
    ],
    ['that serves an upload waits for its client', undefined, [answer(200, 210), answer(900, 910), 'reverse', post]],
    [
      'that was sent a copy of an upload has it at once',
      '900 ms to the first byte',
      [answer(200, 210), answer(900, 910), 'forward', post],
    ],
  ];
  it.each(cases)('%s', (_, expected, args) => expect(told(...args)).toBe(expected));

  it('is never slower than itself, and never slow with the quicker of two answers where it was quick once', () => {
    const time = fc.integer({ min: 1, max: 60_000 });
    fc.assert(
      fc.property(time, time, time, (mine, theirs, again) => {
        expect(told(answer(mine, mine), answer(mine, mine))).toBeUndefined();
        const quick = quickestOf(answer(theirs, theirs), answer(again, again)) as Answer; // two answers give one
        const slow = slowestOf(answer(mine, mine), answer(again, again)) as Answer;
        if (again <= mine) expect(told(answer(mine, mine), quick)).toBeUndefined();
        if (told(answer(mine, mine), answer(theirs, theirs)) === undefined)
          expect(told(slow, answer(theirs, theirs))).toBeUndefined();
      }),
    );
  });
});
