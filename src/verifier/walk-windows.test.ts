import { expect, test } from 'vitest';
import { exchangeOf } from '../../test/support/trial-verifier.ts';
import type { Answer } from '../core/observation.ts';
import { Comparer } from './comparer.ts';

function stream(text: string, isOpen: boolean, type = 'text/event-stream'): Answer {
  const body = Buffer.from(text);
  return {
    kind: 'answer',
    status: 200,
    headers: [['content-type', type]],
    body,
    bodyBytes: body.length,
    ...(isOpen ? { isOpen: true } : {}),
    firstByteMs: 5,
    durationMs: 6,
  };
}

const of = (...values: readonly (number | string)[]) => values.map((value) => `data: {"n":${value}}\n\n`).join('');
const [open, ended] = [(text: string) => stream(text, true), (text: string) => stream(text, false)];

function story(control: Answer, candidate: Answer): string {
  const policy = { rules: [], headers: ['content-type'], keyOrder: false };
  const comparer = new Comparer({ policy, limits: { maxDecodedBytes: 1_000_000, timeoutMs: 20_000 } });
  const { verdict, reason, differences, window } = comparer.compare(exchangeOf(control, candidate));
  return [reason ?? verdict, ...(window ? ['window'] : []), ...differences.map((d) => `${d.kind} ${d.path}`)].join(
    ', ',
  );
}

test.each([
  ['as many events as both had are compared', open(of(1, 2, 3)), open(of(1, 2)), 'match, window'],
  ['an event that was cut off is none', open(`${of(1, 2)}data: {"n"`), open(`${of(1, 2)}data: {"m"`), 'match, window'],
  ['another event is told', open(of(1, 2, 3)), open(of(1, 5, 3)), 'mismatch, window, value body/events/1/data/n'],
  [
    'a candidate that ended early has lost the rest',
    open(of(1, 2, 3)),
    ended(of(1, 2)),
    'mismatch, window, removed body/events/2',
  ],
  ['a candidate that ended late said what nobody waited for', open(of(1, 2)), ended(of(1, 2, 3)), 'match, window'],
  [
    'a candidate that goes on where the control ended said too much',
    ended(of(1, 2)),
    open(of(1, 2, 3)),
    'mismatch, window, added body/events/2',
  ],
  ['a candidate that had no time to say it all', ended(of(1, 2, 3)), open(of(1, 2)), 'match, window'],
  ['no event on one side tells nothing', open(of(1)), open(': waiting\n\n'), 'streaming'],
  [
    'no stream at all is another type',
    open(of(1)),
    stream('{"n":1}', false, 'application/json'),
    'mismatch, window, value header:content-type, type body',
  ],
])('%s', (_, control, candidate, expected) => {
  const found = story(control, candidate).split(', ');
  expect(found.sort()).toEqual(expected.split(', ').sort());
});
