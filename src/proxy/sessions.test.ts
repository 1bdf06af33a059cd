import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { EndpointId } from '../core/cell.ts';
import type { RequestHead } from './request-guard.ts';
import { LONGEST_WAIT_MS, MOST_OF_SESSION, MOST_TURNS, type SessionRequest, Sessions } from './sessions.ts';

const SID = { kind: 'cookie', name: 'sid' } as const;
const [A, B] = ['V1StGXR8aZ5jdHi6BmyT', 'k9Xw2LqP7eT4mNvR8sYz'];

function request(target: string, sid?: string, isRepeatable = true): SessionRequest {
  const headers = sid === undefined ? [] : ['Cookie', `sid=${sid}`];
  const head: RequestHead = {
    kind: 'head',
    method: isRepeatable ? 'GET' : 'POST',
    target,
    path: target,
    host: 'shop.example',
    headers,
    body: 'none',
    webSocket: false,
    trailers: false,
    expectsContinue: false,
    credentials: sid !== undefined,
    conditional: false,
    range: false,
    idempotencyKey: undefined,
    said: undefined,
    forceSide: undefined,
    forceToken: undefined,
  };
  return { head, endpoint: 'GET /orders/{id}' as EndpointId, subject: 'ann', isRepeatable };
}

/** Sessions in which the control gave `A` to one visitor. */
function begun() {
  const clock = new ManualClock();
  const sessions = new Sessions([SID], clock);
  const first = sessions.begin(undefined, request('/'), 'control');
  first.answered('control', ['Set-Cookie', `sid=${A}; HttpOnly`]);
  const learned = () => {
    first.comparing('1');
    sessions.learn('1', [{ kind: 'cookie:sid', control: A, candidate: B, check: 'across' }]);
    sessions.settled('1');
  };
  const next = (target = '/orders/17', isRepeatable = true) => {
    const asked = request(target, A, isRepeatable);
    const found = sessions.find(asked.head, 'control');
    return { obstacle: sessions.obstacle(found, asked), turn: sessions.begin(found, asked, 'control') };
  };
  return { clock, sessions, learned, next };
}

describe('sessions that each side keeps for itself', () => {
  test('a follower waits for the comparison before it, and then carries the other side’s cookie', () => {
    const { sessions, learned, next } = begun();
    const { obstacle, turn } = next();
    expect(obstacle).toBeUndefined();
    const seen: string[] = [];
    turn.whenFree(
      () => seen.push('free'),
      () => seen.push('late'),
    );
    expect(seen).toEqual([]);
    learned();
    expect(seen).toEqual(['free']);
    expect(turn.copy(undefined)).toMatchObject({ headers: [['Cookie', `sid=${B}`]] });
    turn.end();
    expect(sessions.turns).toBe(0);
  });

  test('it waits five seconds and no longer, and never goes afterwards', () => {
    const { clock, learned, next } = begun();
    const { turn } = next();
    const seen: string[] = [];
    turn.whenFree(
      () => seen.push('free'),
      () => {
        seen.push('late');
        turn.drop();
      },
    );
    clock.advance(LONGEST_WAIT_MS - 1);
    expect(seen).toEqual([]);
    clock.advance(1);
    learned();
    expect(seen).toEqual(['late']);
  });

  test('a cookie of one side is never sent to the other', () => {
    const { sessions, next } = begun();
    const { turn } = next();
    expect(turn.copy(undefined)).toBe('session-unknown');
    const stranger = request('/', 'another0Value1OfCookie');
    expect(sessions.find(stranger.head, 'control')).toBe('unknown');
    // As if it might be what the first answer brings: it waits, and is unknown then.
    expect(sessions.begin('unknown', stranger, 'control').copy(undefined)).toBe('session-unknown');
  });

  test('after a restart, and for the other side’s clients, a session is unknown', () => {
    const { sessions, learned } = begun();
    learned();
    const asked = request('/', A);
    expect(new Sessions([SID], new ManualClock()).obstacle('unknown', asked)).toBe('session-unknown');
    expect(sessions.find(asked.head, 'candidate')).toBe('unknown');
    expect(sessions.find(request('/', B).head, 'candidate')).toBe(sessions.find(asked.head, 'control'));
  });

  test('a write that reaches one side only parts the session, also for those that already wait', () => {
    const { learned, next } = begun();
    const write = next('/orders', false).turn;
    const waiting = next().turn;
    learned();
    write.drop();
    expect(waiting.copy(undefined)).toBe('session-apart');
    expect(next().obstacle).toBe('session-apart');
  });

  test('a dropped read parts nothing', () => {
    const { learned, next } = begun();
    learned();
    next().turn.drop();
    const { obstacle, turn } = next();
    expect([obstacle, typeof turn.copy(undefined)]).toEqual([undefined, 'object']);
  });

  test('turns are bounded, of one session and of all', () => {
    const { sessions, learned, next } = begun();
    learned();
    for (let at = 0; at < MOST_OF_SESSION; at++) expect(next().obstacle).toBeUndefined();
    expect(next().obstacle).toBe('session-late');
    for (let at = sessions.turns; at < MOST_TURNS; at++) sessions.begin(undefined, request('/'), 'control');
    expect(sessions.obstacle(undefined, request('/'))).toBe('session-late');
  });

  test('requests of nobody do not wait for each other', () => {
    const sessions = new Sessions([SID], new ManualClock());
    sessions.begin(undefined, request('/'), 'control');
    let isFree = false;
    sessions.begin(undefined, request('/orders/17'), 'control').whenFree(
      () => {
        isFree = true;
      },
      () => undefined,
    );
    expect(isFree).toBe(true);
  });

  test('an exchange that nobody settles lets its followers go in the end', () => {
    const { clock, sessions, learned, next } = begun();
    learned();
    next().turn.comparing('2');
    clock.advance(30_000);
    expect(sessions.turns).toBe(0);
  });
});
