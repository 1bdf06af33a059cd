import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { exchangeOf, jsonAnswer, trialVerifier } from '../../test/support/trial-verifier.ts';
import type { Exchange } from '../core/observation.ts';
import { SessionTrail, STEPS_PER_SUBJECT } from './session-trail.ts';

function exchange(target: string, subjectHash: string | undefined = 'p1', more: Partial<Exchange> = {}): Exchange {
  const request = { method: 'GET', target, headers: [] };
  return exchangeOf(jsonAnswer({ a: 1 }), jsonAnswer({ a: 1 }), {
    request,
    ...(subjectHash === undefined ? {} : { subjectHash }),
    ...more,
  });
}

const targets = (trail: SessionTrail, one: Exchange): string[] => trail.note(one).map(({ request }) => request.target);

test('tells what the same person asked for in the last fifteen minutes, and nobody else', () => {
  const clock = new ManualClock();
  const trail = new SessionTrail(clock);
  expect(targets(trail, exchange('/1'))).toEqual([]);
  clock.advance(10 * 60_000);
  expect(targets(trail, exchange('/2'))).toEqual(['/1']);
  expect(targets(trail, exchange('/x', 'p2'))).toEqual([]);
  expect(trail.note({ ...exchange('/y'), subjectHash: undefined as unknown as string })).toEqual([]); // as without subject
  clock.advance(6 * 60_000);
  expect(targets(trail, exchange('/3'))).toEqual(['/2']);
});

test('keeps the last steps of a person, the answer of the side that served, and no long body', () => {
  const trail = new SessionTrail(new ManualClock());
  for (let n = 0; n < 40; n += 1) trail.note(exchange(`/${n}`));
  expect(targets(trail, exchange('/last'))).toHaveLength(STEPS_PER_SUBJECT);
  const served = exchange('/r', 'p3', { direction: 'reverse', candidate: jsonAnswer({ from: 'candidate' }) });
  trail.note(served);
  trail.note(exchange('/long', 'p3', { control: jsonAnswer({ text: 'x'.repeat(70_000) }) }));
  const [first, second] = trail.note(exchange('/z', 'p3'));
  expect(Buffer.from(first?.body ?? []).toString()).toBe('{"from":"candidate"}');
  expect(second?.body).toHaveLength(0);
});

test('forgets the person seen longest ago when there are too many, or too much of them', () => {
  const trail = new SessionTrail(new ManualClock());
  for (let n = 0; n < 1_001; n += 1) trail.note(exchange('/a', `p${n}`));
  expect(targets(trail, exchange('/b', 'p0'))).toEqual([]);
  expect(targets(trail, exchange('/b', 'p999'))).toEqual(['/a']);
  const large = new SessionTrail(new ManualClock());
  const heavy = (subject: string) => exchange('/a', subject, { control: jsonAnswer('x'.repeat(60_000)) });
  for (let n = 0; n < 300; n += 1) large.note(heavy(`p${n}`));
  expect(targets(large, exchange('/b', 'p0'))).toEqual([]);
  expect(targets(large, exchange('/b', 'p299'))).toEqual(['/a']);
});

test('I8: a mismatch tells what led to it by places, and no value of it', async () => {
  const trial = trialVerifier({ settings: { confirm: false } });
  const of = (target: string, headers: [string, string][], control: object, candidate: object) =>
    exchangeOf(
      jsonAnswer(control, {
        headers: [
          ['content-type', 'application/json'],
          ['set-cookie', 'sid=s3cret-0815-4711; Path=/'],
        ],
      }),
      jsonAnswer(candidate, {
        headers: [
          ['content-type', 'application/json'],
          ['set-cookie', 'sid=s3cret-0815-4711; Path=/'],
        ],
      }),
      { request: { method: 'GET', target, headers }, subjectHash: 'p1' },
    );
  trial.verifier.offer(
    of('/start', [], { cart: 'c-77777', csrf: 'tok-123456789' }, { cart: 'c-77777', csrf: 'tok-123456789' }),
  );
  trial.verifier.offer(of('/other', [], { x: 1 }, { x: 1 }));
  const headers: [string, string][] = [
    ['cookie', 'sid=s3cret-0815-4711'],
    ['x-csrf-token', 'tok-123456789'],
  ];
  trial.verifier.offer(of('/carts/c-77777', headers, { total: 1 }, { total: 2 }));
  await trial.settled();
  await trial.verifier.close();
  const found = trial.verified.find(({ result }) => result.verdict === 'mismatch');
  expect(found?.session?.steps.map(({ request }) => request.target)).toEqual(['/start']);
  expect(found?.session?.links).toEqual([
    { step: 0, from: 'json:/cart', to: 'path/1' },
    { step: 0, from: 'cookie:sid', to: 'cookie:sid' },
    { step: 0, from: 'json:/csrf', to: 'header:x-csrf-token' },
  ]);
  expect(JSON.stringify(found)).not.toMatch(/s3cret|tok-123/);
});
